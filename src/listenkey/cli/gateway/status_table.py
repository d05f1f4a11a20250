"""The accounts of a gateway as a table: those in trouble first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from listenkey.cli.display.number_format import age
from listenkey.cli.redaction import printable

WORST_FIRST: Final = (
    "FAILED",
    "ENDED",
    "GAP",
    "CONNECTING",
    "RECOVERING",
    "SUSPECT",
    "DEGRADED",
    "SETTLING",
    "LIVE",
    "ELSEWHERE",
)
"""The statuses of a stream, by how much somebody is needed."""

FINE: Final = frozenset({"LIVE", "ELSEWHERE"})

WHY_MAX: Final = 120


class TableColumn(NamedTuple):
    """
    A column.

    Attributes:
        head: Its head.
        is_number: Whether it stands on the right.
    """

    head: str
    is_number: bool = False


COLUMNS: Final = (
    TableColumn("account"),
    TableColumn("status"),
    TableColumn("for", is_number=True),
    TableColumn("gap open", is_number=True),
    TableColumn("fills"),
    TableColumn("key left", is_number=True),
    TableColumn("socket age", is_number=True),
    TableColumn("last event", is_number=True),
    TableColumn("seq", is_number=True),
    TableColumn("why"),
)


def sorted_by_trouble(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, the worst first; of two alike the one that is so for longer."""

    def trouble(row: dict[str, Any]) -> tuple[Any, ...]:
        status = row.get("status")
        place = WORST_FIRST.index(status) if status in WORST_FIRST else -1
        is_fine = status in FINE
        return place, bool(row.get("fills_complete")), not notes_of(row), 0 if is_fine else since_ms(row), row["name"]

    return sorted(rows, key=trouble)


def since_ms(row: dict[str, Any]) -> int:
    """Return the time since which a status holds; 0 where it is not known."""
    found = row.get("status_since_ms")
    return found if isinstance(found, int) else 0


def table(rows: Sequence[dict[str, Any]], now_ms: int) -> str:
    """Return the table as lines, with a sum below it."""
    cells = [tuple(column.head for column in COLUMNS), *(row_cells(row, now_ms) for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for cell, width, column in zip(line, widths, COLUMNS, strict=True)
        ).rstrip()
        for line in cells
    ]
    complete = sum(bool(row.get("fills_complete")) for row in rows)
    many = "1 account" if len(rows) == 1 else f"{len(rows)} accounts"
    elsewhere = sum(row.get("status") == "ELSEWHERE" for row in rows)
    held = f", {elsewhere} of them elsewhere" if elsewhere else ""
    return "\n".join([*(lines if rows else ()), f"{many}{held}, {complete} with every fill"])


def row_cells(row: dict[str, Any], now_ms: int) -> tuple[str, ...]:
    """Return the cells of one account."""
    live = row.get("status") == "LIVE"
    why = "; ".join([*notes_of(row), *([] if live else [str(row.get("why") or "")])])
    return (
        printable(str(row["name"]), 64),
        printable(str(row.get("status") or "?"), 16),
        ago(row.get("status_since_ms"), now_ms),
        ago(row.get("open_gap_from_ms"), now_ms),
        "-" if row.get("status") == "ELSEWHERE" else "complete" if row.get("fills_complete") else "missing",
        duration(row.get("key_left_s")),
        duration(row.get("socket_age_s")),
        ago(row.get("last_event_ms"), now_ms),
        str(row.get("seq", "-")),
        printable(why, WHY_MAX),
    )


def notes_of(row: dict[str, Any]) -> list[str]:
    """Return the things that are wrong with an account beside its status."""
    notes = []
    if row.get("same_account_as"):
        notes.append(f"the same account as {row['same_account_as']}")
    if row.get("account_doubt"):
        notes.append(str(row["account_doubt"]))
    if row.get("journal_problem"):
        notes.append(str(row["journal_problem"]))
    if row.get("gaps_incomplete"):
        notes.append(f"gaps without all fills: {row['gaps_incomplete']}")
    return notes


def ago(at_ms: object, now_ms: int) -> str:
    """Return the time since a moment; "-" where there is none."""
    return age((now_ms - at_ms) / 1000) if isinstance(at_ms, int) and at_ms > 0 else "-"


def duration(seconds: object) -> str:
    """Return a number of seconds as people read it; "-" where it is none."""
    return age(float(seconds)) if isinstance(seconds, int | float) else "-"
