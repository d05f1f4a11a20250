"""`listenkey journal`: what a journal holds, whether it is whole, and its contents for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from listenkey.cli import exits
from listenkey.cli.figures import clock_time
from listenkey.cli.interruptible import interruptible
from listenkey.cli.lazy import Group
from listenkey.cli.options import debug_option
from listenkey.cli.redact import escaped, plain
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.journal.info import Info


@click.group(cls=Group)
def journal() -> None:
    """
    What a journal holds, whether it is whole, and its contents for other programs.

    None of these changes the journal, and all may run while another process writes to it.

    \b
    Examples:
      listenkey journal info fills.db
      listenkey journal verify fills.db
      listenkey journal export fills.db --table fills > fills.csv
    """


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def info(journal: str, as_json: bool) -> int:
    """
    What it holds: items, fills, gaps, times, consumers, and the head of its chain.

    \b
    Example:
      listenkey journal info fills.db --json | jq .head
    """
    from listenkey.journal.info import info as info_of
    from listenkey.journal.place import journal_path

    path = journal_path(journal)
    found = interruptible(lambda: info_of(path))
    if as_json:
        echo_json(found)
    else:
        click.echo(in_words(found))
    return exits.DONE


def echo_json(value: object) -> None:
    """One JSON object on a line of stdout; on a terminal without anything that it would obey."""
    import msgspec

    line = msgspec.json.encode(value).decode()
    click.echo(escaped(line) if sys.stdout.isatty() else line)


def in_words(found: Info) -> str:
    """For people."""
    events = ", ".join(f"{plain(kind)} {count:,}" for kind, count in found.events.items()) or "none"
    span = "none"
    if found.first_seq is not None:
        span = f"{found.items:,}, numbers {found.first_seq:,} to {found.last_seq:,}"
        span += f", {day_time(found.first_ms)} to {day_time(found.last_ms)} UTC"
    lines = [
        ("account", plain(found.account)),
        ("items", span),
        ("events", events),
        ("fills", f"{found.fills:,}"),
        ("gaps", f"{found.gaps:,}, {found.open_gaps:,} of them open"),
        ("whole until", "never live" if found.covered_ms is None else f"{day_time(found.covered_ms)} UTC"),
        *((f"consumer {plain(name)}", f"done with {seq:,}") for name, seq in found.consumers.items()),
        ("size", f"{found.file_bytes:,} bytes"),
        ("head", found.head or "none"),
        ("SQLite", found.sqlite),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:{width}}  {text}" for name, text in lines)


def day_time(at_ms: int | None) -> str:
    """`2026-11-22 18:00:03`."""
    from datetime import UTC, datetime

    if at_ms is None:
        return "?"
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d} {clock_time(at_ms)}"


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--head", metavar="HEX", help="Also: the chain must have come by this head, kept from `info` before.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def verify(journal: str, head: str | None, as_json: bool) -> int:
    """
    Whether it is whole: each row's checksum, the chain, the numbers, and SQLite's own check.

    Exit code 0 where it is, 5 where it is not; then the first bad item is named.

    \b
    Examples:
      listenkey journal verify fills.db
      listenkey journal verify fills.db --head 3f0c...
    """
    from listenkey.journal.place import journal_path
    from listenkey.journal.verify import verify as verdict_on

    path = journal_path(journal)
    found = interruptible(lambda: verdict_on(path, head))
    if as_json:
        import msgspec

        echo_json({"whole": found.whole, **msgspec.to_builtins(found)})
    elif found.whole:
        click.echo(f"whole: {found.items:,} items, {found.first_seq:,} to {found.last_seq:,}, head {found.head}")
    else:
        click.echo("\n".join(plain(problem, 400) for problem in found.problems))
        where = "" if found.first_bad_seq is None else f"; the first bad item is {found.first_bad_seq:,}"
        exits.print_error(
            f"listenkey: the journal is not whole{where}\n  what to do: docs/journal.md, A damaged journal"
        )
    if not as_json:
        for note in found.notes:
            click.echo(f"note: {plain(note, 400)}")
    return exits.DONE if found.whole else exits.JOURNAL


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--table", type=click.Choice(["items", "fills", "orders", "gaps"]), default="items", show_default=True)
@click.option("--format", "kind", type=click.Choice(["csv", "parquet", "arrow"]), help="By --out's ending, else csv.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to; stdout by default, for csv.")
@debug_option
def export(journal: str, table: str, kind: str | None, out: Path | None) -> int:
    """
    Its contents as CSV, Parquet or Arrow.

    CSV has amounts as the venue wrote them; a cell that a spreadsheet would take for a formula gets a ' in front.
    Parquet and Arrow have decimals, times in UTC and Booleans; they need the extra: pip install 'listenkey[parquet]'.

    \b
    Examples:
      listenkey journal export fills.db --table fills > fills.csv
      listenkey journal export fills.db --table fills --out fills.parquet
    """
    from listenkey.cli import exporting
    from listenkey.journal.place import journal_path

    kind = kind or (out.suffix.removeprefix(".") if out is not None else "csv")
    if kind not in exporting.WRITERS:
        raise UsageError(f"the ending .{kind} is none of csv, parquet, arrow; say which with --format")
    path = journal_path(journal)
    if out is not None:
        count = interruptible(lambda: exporting.to_file(path, table, kind, out))
        exits.print_error(f"listenkey: {count:,} rows in {out}")
    elif kind == "csv":
        interruptible(lambda: exporting.to_csv(path, table, sys.stdout.buffer))
    else:
        raise UsageError(f"{kind} goes into a file: name it with --out")
    return exits.DONE
