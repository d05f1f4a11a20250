"""
One frame of the live view: what is known, as lines of exactly the terminal's size.

Pure: the same state, health and size give the same frame. Every text of the venue has gone through `redaction.printable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rich.cells import cell_len
from rich.text import Text

from listenkey.cli.display.annotation import Annotation
from listenkey.cli.display.controls import HELP, Controls
from listenkey.cli.display.number_format import age, amount, clock_time
from listenkey.cli.display.order_rows import OrderTableRow
from listenkey.cli.display.summary import count
from listenkey.cli.display.text import gap_text, recovered
from listenkey.cli.redaction import printable
from listenkey.items import GapClosed, GapOpened, Live
from listenkey.venue import KEY_VALID_S

if TYPE_CHECKING:
    from listenkey.cli.display.dashboard import DashboardState
    from listenkey.health import Health

STATUS_STYLE: Final = {
    "LIVE": "bold green",
    "SETTLING": "bold green",
    "RECOVERING": "bold yellow",
    "SUSPECT": "bold yellow",
    "CONNECTING": "bold yellow",
    "GAP": "bold red",
    "DEGRADED": "bold red",
    "FAILED": "bold red",
}
WHY: Final = {"SETTLING": "recovered all that REST returned; checking again in case REST lags"}
"""Words for a status whose own `why` says no more than that the stream is live."""

SIDE_STYLE: Final = {"BUY": "green", "SELL": "magenta"}
LABEL: Final = "dim"
HEADING: Final = "bold cyan"
WIDE: Final = 110
SIDE_BY_SIDE: Final = 80
"""Narrower, greeks and positions would cut each other's numbers."""

KEY_BAR: Final = 16
FOOTER: Final = "Ctrl-C ends · ? keys · UTC · commission: minus is charged"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table: its heading, width, side of its text, and the row's text and style."""

    title: str
    width: int
    of: str
    right: bool = False
    rank: int = 0


NARROW_COLUMNS: Final = (
    Column("time", 8, "time", rank=3),
    Column("symbol", 19, "symbol", rank=1),
    Column("side", 4, "side", rank=2),
    Column("status", 9, "status", rank=4),
    Column("last qty @ price", 17, "last", rank=0, right=True),
    Column("filled", 9, "filled", rank=5, right=True),
    Column("comm.", 7, "commission", rank=6, right=True),
)

KIND: Final = Column("kind", 5, "kind", rank=4)
"""In the place of the status where that has no room: without either, an order and its fill look alike."""

WIDE_COLUMNS: Final = (
    Column("time", 8, "time"),
    Column("symbol", 22, "symbol"),
    Column("side", 4, "side"),
    Column("status", 10, "status"),
    Column("last qty @ price", 19, "last", right=True),
    Column("filled", 13, "filled", right=True),
    Column("commission", 10, "commission", right=True),
    Column("realised", 11, "realized", right=True),
    Column("role", 5, "role"),
)


def columns_for(width: int) -> tuple[Column, ...]:
    """Choose the columns that a line of this width has room for: those of a low rank first, and none of them cut."""
    if width >= WIDE:
        return WIDE_COLUMNS
    chosen: list[Column] = []
    for column in sorted(NARROW_COLUMNS, key=lambda one: one.rank):
        used = sum(one.width + 1 for one in chosen)
        if chosen and used + column.width + 1 > width:
            if column.of == "status" and used + KIND.width + 1 <= width:
                chosen.append(KIND)
            break
        chosen.append(column)
    return tuple(column for column in (*NARROW_COLUMNS[:3], KIND, *NARROW_COLUMNS[3:]) if column in chosen)


@dataclass(frozen=True, slots=True)
class StreamLabel:
    """
    The stream that is shown.

    Attributes:
        venue: The venue's name.
        journal: The journal's file, or None where items are kept in memory.
        refills: Whether gaps are refilled: there is a secret to sign with.
    """

    venue: str
    journal: str | None = None
    refills: bool = True


def frame(
    state: DashboardState,
    health: Health,
    label: StreamLabel,
    size: tuple[int, int],
    now_ms: int,
    controls: Controls | None = None,
) -> list[Text]:
    """
    The lines of one frame.

    Args:
        state: What the items said.
        health: What the stream says of itself.
        label: Which stream it is.
        size: Columns and lines of the terminal.
        now_ms: The wall clock, for the age of the last event.
        controls: The choices of whoever looks.

    Returns:
        Exactly as many lines as the terminal has, none wider than it.
    """
    width, height = max(size[0], 20), max(size[1], 4)
    controls = controls or Controls()
    head = header(state, health, label, width, now_ms, controls)
    foot = [*bottom(state, width, lines_max=max(2, height // 6)), Text(f" {FOOTER}", style=LABEL)]
    room = height - len(head) - len(foot)
    if room < 4:  # A very low terminal: the table matters more than the rest.
        foot, room = [], height - len(head)
    middle = help_lines(room) if controls.help else table(state, width, room, controls)
    lines = [*head, *middle, *foot][:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def header(
    state: DashboardState, health: Health, label: StreamLabel, width: int, now_ms: int, controls: Controls
) -> list[Text]:
    """Status, key, socket, counts, journal, the gap that is open or was last, and a rule below."""
    return [
        *wrapped(status_line(state, health, label.venue, width), width),
        key_line(health, width),
        socket_line(state, health, now_ms, width),
        count_line(health, width),
        *wrapped(keeping_line(health, label), width),
        *(part for line in gap_line(state) for part in wrapped(line, width)),
        rule(width, controls),
    ]


def wrapped(line: Text, width: int) -> list[Text]:
    """The line, on two lines where it is too long for one; broken between words."""
    space = line.plain.rfind(" ", 2, width + 1)
    if cell_len(line.plain) <= width or space < 0:
        return [line]
    first, rest = line.divide([space])
    first.rstrip()
    return [first, Text("  ").append_text(rest[1:])]


def fitting(width: int, *parts: tuple[int, Text]) -> Text:
    """Join parts to a line; where it would be too long, those of the highest rank are left out."""
    kept = list(parts)
    while len(kept) > 1 and sum(cell_len(part.plain) for _, part in kept) > width:
        kept.remove(max(kept, key=lambda one: one[0]))
    return Text().join(part for _, part in kept)


def rule(width: int, controls: Controls) -> Text:
    """The line above the table; it says why the table does not show the newest of everything."""
    told = " · ".join(told_of(controls))
    line = Text.assemble("── ", (told, "bold yellow"), " ", style=LABEL) if told else Text("", style=LABEL)
    return line.append("─" * max(0, width - cell_len(line.plain)))


def keeping_line(health: Health, label: StreamLabel) -> Text:
    """Show where items are kept, and that gaps are not refilled where they are not."""
    line = labelled(("journal", printable(label.journal or "none, items are kept in memory", 80)))
    if health.journal_problem:
        line.append(f"  {printable(health.journal_problem, 120)}", style="bold red")
    if health.account_doubt:
        line.append("   begun with another API key: is it the same account's?", style="yellow")
    if not label.refills:
        line.append("   no secret: gaps will not be refilled", style="yellow")
    return line


def gap_line(state: DashboardState) -> list[Text]:
    """The open gap, or else the last one: pinned, so that new orders don't push it out of sight."""
    if (gap := state.open_gap) is not None:
        since = f" gap open since {clock_time(gap.from_ms)}: {printable(gap.why, 160)}"
        return [Text(since, style="bold red")]
    if (last := state.last_gap) is not None:
        told = gap_text(last).removeprefix("GAP").lstrip()
        return [Text(f" last gap {clock_time(last.from_ms)} to {clock_time(last.to_ms)}: {told}", style="red")]
    return []


def status_line(state: DashboardState, health: Health, venue: str, width: int) -> Text:
    """The coloured word, the account and the venue; why it is not live, where it is not."""
    style = STATUS_STYLE.get(health.status, "bold")
    line = Text.assemble(" ", (f"● {health.status}", style), "  ", (printable(state.account or "…", 32), "bold"))
    line.append(f" @ {printable(venue, 32)}")
    if state.risk_level not in ("", "NORMAL"):
        line.append(f"  {printable(state.risk_level, 24)}", style="bold red")
    why = WHY.get(health.status, health.why)
    if health.status != "LIVE" and why:
        line.append(f"  {printable(why, 160)}", style=style.removeprefix("bold "))
    name = "listenkey "
    space = width - cell_len(line.plain) - len(name)
    if space > 1:
        line.append(" " * space).append(name, style=LABEL)
    return line


def key_line(health: Health, width: int) -> Text:
    """The listen key: whose fingerprint, how old, how long it has left, and how renewing went."""
    if health.key_fingerprint is None:
        return labelled(("key", "none yet"))
    left_s = health.key_left_s or 0.0
    full = round(KEY_BAR * min(max(left_s / KEY_VALID_S, 0.0), 1.0))
    bar_style = "green" if left_s > KEY_VALID_S / 3 else "yellow" if left_s > KEY_VALID_S / 12 else "red"
    bar = Text("  ").append("━" * full, style=bar_style).append("━" * (KEY_BAR - full), style="bright_black")
    renewals = labelled(("renewals", f"{health.renewals:,}"), start="   ")
    if (ok := health.last_renewal_ok) is not None:
        renewals.append(" ✓" if ok else " ✗", style="green" if ok else "bold red")
    return fitting(
        width,
        (0, labelled(("key", health.key_fingerprint))),
        (2, labelled(("age", age(health.key_age_s)), start="  ")),
        (3, bar),
        (0, Text(f"  {age(health.key_left_s)} left")),
        (1, renewals),
    )


def socket_line(state: DashboardState, health: Health, now_ms: int, width: int) -> Text:
    """The socket: how old, how fast, when it was last heard, how often it was replaced."""
    trip = "-" if health.round_trip_s is None else f"{health.round_trip_s * 1000:.1f} ms"
    heard = None if state.last_received_ms is None else (now_ms - state.last_received_ms) / 1000
    return fitting(
        width,
        (0, labelled(("sockets", str(health.sockets)))),
        (3, labelled(("age", age(health.socket_age_s)), start="  ")),
        (2, labelled(("ping", trip), start="  ")),
        (0, labelled(("last event", "-" if heard is None else f"{age(heard)} ago"), start="  ")),
        (1, labelled(("reconnects", f"{health.reconnects:,}"), start="  ")),
    )


def count_line(health: Health, width: int) -> Text:
    """Count what came, and what did not."""
    back = f", {health.recovered:,} updates back" if health.recovered else ""
    gaps = f"{health.gaps:,}" + (f" ({age(health.gap_s)}{back})" if health.gaps else "")
    strange = [(health.dropped, "dropped"), (health.unreadable, "unreadable"), (health.unknown_events, "unknown")]
    told = ", ".join(f"{number:,} {word}" for number, word in strange if number)
    return fitting(
        width,
        (0, labelled(("events", f"{health.events:,}"), ("fills", f"{health.fills:,}"))),
        (1, Text("  gaps ", style=LABEL).append(gaps, style="not dim bold red" if health.gaps else "not dim")),
        (3, labelled(("duplicates removed", f"{health.duplicates_removed:,}"), start="  ")),
        (2, labelled(("backlog", f"{health.backlog:,}"), start="  ")),
        (0, Text(f"   {told}" if told else "", style="yellow")),
    )


def labelled(*pairs: tuple[str, str], start: str = " ") -> Text:
    """`label value  label value`, labels dim."""
    line = Text(start)
    for number, (label, value) in enumerate(pairs):
        line.append("  " if number else "").append(f"{label} ", style=LABEL).append(value)
    return line


def help_lines(height: int) -> list[Text]:
    """The keys, in place of the table."""
    lines = [Text(" keys", style=HEADING)]
    lines += [Text.assemble(f" {keys:14}", (meaning, LABEL)) for keys, meaning in HELP]
    lines.extend(Text("") for _ in range(height - len(lines)))
    return lines[:height]


def table(state: DashboardState, width: int, height: int, controls: Controls) -> list[Text]:
    """The heading and the newest rows, newest first, filled with empty lines to `height`."""
    columns = columns_for(width)
    lines = [Text(" " + " ".join(fitted(column, column.title) for column in columns), style=HEADING)]
    for entry in state.newest(height - 1, skipped=controls.skipped, kinds=controls.kinds):
        lines += [table_row(entry, columns)] if isinstance(entry, OrderTableRow) else mark_lines(entry, width)
    if len(lines) == 1:
        lines.append(Text(" waiting for the first order", style=LABEL))
    lines.extend(Text("") for _ in range(height - len(lines)))
    return lines[:height]


def told_of(controls: Controls) -> Iterator[str]:
    """Yield the reasons why the table does not show the newest of everything."""
    if controls.paused:
        yield "PAUSED"
    if controls.kinds != "all":
        yield f"{controls.kinds.upper()} ONLY"
    if controls.skipped:
        yield f"{controls.skipped} NEWER"


def table_row(row: OrderTableRow, columns: tuple[Column, ...]) -> Text:
    """One change of an order; fills stand out against what only rests or ends."""
    line = Text(style="" if row.is_fill else LABEL)
    for column in columns:
        text = clock_time(row.at_ms) if column.of == "time" else str(getattr(row, column.of))
        line.append(" ")
        line.append(fitted(column, text), style=SIDE_STYLE.get(row.side, "") if column.of == "side" else "")
    return line


def mark_lines(entry: Annotation | Live | GapOpened | GapClosed, width: int) -> list[Text]:
    """A gap, a beginning or an annotation as a line across the table, so that it can't be overlooked; or as two."""
    if isinstance(entry, Annotation):
        at_ms, words, style = entry.at_ms, entry.text, "bold yellow"
    elif isinstance(entry, Live):
        at_ms, words, style = entry.since_ms, "LIVE    from here on every event is shown", "green"
    elif isinstance(entry, GapOpened):
        at_ms, words, style = entry.from_ms, gap_text(entry), "bold red"
    else:
        whole = "all fills are here" if entry.fills_complete else "fills may be missing"
        # By its fills alone, so that no terminal cuts it; the line above the table has the rest.
        back = f"{count(entry.recovered_fills, 'fill')} back" if entry.recovered_fills else recovered(entry)
        at_ms, words, style = entry.to_ms, f"GAP closed, {whole}: {back}", "red"
    line = Text(f" {clock_time(at_ms)} ── {words}", style=style)
    if (room := width - cell_len(line.plain) - 1) < 0:
        return wrapped(line, width)
    return [line.append(f" {'─' * room}")]


def fitted(column: Column, text: str) -> str:
    """The text cut or padded to the column."""
    if len(text) > column.width:
        return text[: column.width - 1] + "…"
    return text.rjust(column.width) if column.right else text.ljust(column.width)


def bottom(state: DashboardState, width: int, lines_max: int) -> list[Text]:
    """The wallet's line; below it greeks on the left and positions on the right, or one below the other."""
    lines = [Text("─" * width, style=LABEL), wallet_line(state, width)]
    if width < SIDE_BY_SIDE:
        each = max(1, lines_max // 2)
        return [*lines, *greek_lines(state, each), *position_lines(state, each)]
    left = greek_lines(state, lines_max)
    right = position_lines(state, lines_max)
    middle = width // 2
    for line_at in range(max(len(left), len(right))):
        line = left[line_at].copy() if line_at < len(left) else Text("")
        line.truncate(middle - 1, overflow="ellipsis", pad=True)
        if line_at < len(right):
            line.append(" ").append_text(right[line_at])
        lines.append(line)
    return lines


Words: TypeAlias = dict[str, Any]


def first_of(known: dict[str, Words], lines_max: int) -> tuple[list[tuple[str, Words]], list[Text]]:
    """The first names in order, as many as there is room for; and the line that says how many more there are."""
    names = nsmallest(lines_max if len(known) <= lines_max else lines_max - 1, known)
    hidden = len(known) - len(names)
    return [(name, known[name]) for name in names], [Text(f" … {hidden:,} more", style=LABEL)] if hidden else []


def wallet_line(state: DashboardState, width: int) -> Text:
    """Balances, and the totals of the account where they are known."""
    totals: dict[str, Any] = state.totals
    pairs: list[tuple[str, str]] = [
        (printable(asset, 8), amount(words.get("balance") or words.get("wallet_balance"), 2))
        for asset, words in sorted(state.balances.items())
    ] or ([("USDT", amount(totals.get("wallet_balance"), 2))] if totals else [])
    if totals:
        pairs += [
            ("equity", amount(totals.get("equity"), 2)),
            ("unrealised", amount(totals.get("unrealized_profit"), 2)),
        ]
        pairs.append(("margin", amount(totals.get("initial_margin"), 2)))
        pairs.append(("maintenance", amount(totals.get("maintenance_margin"), 2)))
    parts = [(rank, labelled(pair, start="  " if rank else " ")) for rank, pair in enumerate(pairs)]
    return fitting(width, *parts) if parts else Text(" no balance seen yet", style=LABEL)


def greek_lines(state: DashboardState, lines_max: int) -> list[Text]:
    """A heading and a line an underlying; nothing where no greeks came yet."""
    if not state.greeks:
        return []
    lines = [Text(f" {'greeks':8}{'delta':>7}{'gamma':>9}{'theta':>7}{'vega':>7}", style=HEADING)]
    shown, more = first_of(state.greeks, lines_max)
    for underlying, words in shown:
        figures = f"{amount(words.get('delta'), 3):>7}{amount(words.get('gamma'), 5):>9}"
        figures += f"{amount(words.get('theta'), 1):>7}{amount(words.get('vega'), 1):>7}"
        lines.append(Text(f" {printable(underlying, 8):8}{figures}"))
    return lines + more


def position_lines(state: DashboardState, lines_max: int) -> list[Text]:
    """
    A heading and a line a position; nothing where there is none.

    The venue sends a position when it changes, and no list of all: one that has not moved since the start is not known.
    """
    if not state.positions:
        return []
    lines = [Text(f" {'moved since start':20}{'qty':>8}{'entry':>10}", style=HEADING)]
    shown, more = first_of(state.positions, lines_max)
    for symbol, words in shown:
        quantity = amount(words.get("quantity"), 4)
        entry = amount(words.get("average_entry_price"), 2)
        lines.append(Text(f" {printable(symbol, 20):20}{quantity:>8}{entry:>10}"))
    return lines + more
