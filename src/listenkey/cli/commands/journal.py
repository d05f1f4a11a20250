"""`listenkey journal`: what a journal holds, whether it is whole, its contents, its copies, and what is left of a damaged one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from listenkey.cli import exit_codes
from listenkey.cli.config.options import DURATION, account_option, debug_option
from listenkey.cli.display import all_accounts
from listenkey.cli.display.number_format import clock_time
from listenkey.cli.display.progress import Progress
from listenkey.cli.display.summary import count
from listenkey.cli.groups import CommandGroup
from listenkey.cli.interruptible import interruptible
from listenkey.cli.redaction import printable
from listenkey.errors import Corrupt, UsageError

if TYPE_CHECKING:
    from listenkey.journal.sqlite.file_access import FileAccess
    from listenkey.journal.sqlite.info import Info
    from listenkey.journal.sqlite.salvage import Salvaged
    from listenkey.journal.sqlite.verify import VerifyResult

TABLES: Final = ("items", "fills", "orders", "positions", "exercises", "gaps")
"""The tables that `export` exports."""


@click.group(cls=CommandGroup)
def journal() -> None:
    """
    Inspect, verify, export, back up, prune or salvage a journal.

    Only prune changes the journal. info, verify, export and backup may run while another process writes to it.

    \b
    Examples:
      listenkey journal info fills.db
      listenkey journal verify fills.db
      listenkey journal export fills.db --table fills > fills.csv
      listenkey journal backup fills.db --out /backup/fills.db
      listenkey journal prune fills.db --older-than 90
      listenkey journal salvage fills.db --out salvaged.db
    """


@journal.command()
@click.argument("journal", metavar="J")
@account_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def info(journal: str, account: str | None, as_json: bool) -> int:
    """
    Show its contents in numbers: items, fills, gaps, times, consumers, and the head of its chain.

    Of a gateway's folder without --account: the accounts in it.

    \b
    Examples:
      listenkey journal info fills.db --json | jq .head
      listenkey journal info /var/lib/listenkey --account desk-1
    """
    from listenkey.journal.opened import journal_file
    from listenkey.journal.sqlite.info import journal_info
    from listenkey.journal.url import accounts_path

    if account is None and (of_many := accounts_path(journal)) is not None:
        return all_accounts.show_info(of_many, as_json=as_json)
    path, access = journal_file(journal, account)
    found = interruptible(lambda: journal_info(path, access))
    if as_json:
        all_accounts.echo_json(found)
    else:
        click.echo(in_words(found))
    return exit_codes.DONE


def in_words(found: Info) -> str:
    """Put a journal's figures into words."""
    events = ", ".join(f"{printable(kind)} {count:,}" for kind, count in found.events.items()) or "none"
    span = "none"
    if found.first_seq is not None:
        span = f"{found.items:,}, numbers {found.first_seq:,} to {found.last_seq:,}"
        span += f", {day_time(found.first_ms)} to {day_time(found.last_ms)} UTC"
    lines = [
        ("account", printable(found.account)),
        ("items", span),
        ("events", events),
        ("fills", f"{found.fills:,}"),
        ("gaps", f"{found.gaps:,}, {found.open_gaps:,} of them open"),
        ("complete until", "never live" if found.covered_ms is None else f"{day_time(found.covered_ms)} UTC"),
        *((f"consumer {printable(name)}", f"done with {seq:,}") for name, seq in found.consumers.items()),
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
@click.option(
    "--head", metavar="HEX", help="Also check that the chain still contains this head, which `info` printed before."
)
@account_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def verify(journal: str, head: str | None, account: str | None, as_json: bool) -> int:
    """
    Check that it is whole: each row's checksum, the chain, the numbers, and SQLite's own check.

    Exit code 0 where it is, 5 where it is not; then the first bad item is named, and the whole items before it counted.
    Of a gateway's folder without --account: all accounts in it.

    \b
    Examples:
      listenkey journal verify fills.db
      listenkey journal verify fills.db --head 3f0c...
      listenkey journal verify /var/lib/listenkey
    """
    from listenkey.journal.opened import journal_file
    from listenkey.journal.sqlite.verify import verify_journal
    from listenkey.journal.url import accounts_path

    if account is None and head is None and (of_many := accounts_path(journal)) is not None:
        return all_accounts.show_verify(of_many, as_json=as_json)
    path, access = journal_file(journal, account)
    found = interruptible(lambda: verify_journal(path, head, access))
    if as_json:
        import msgspec

        all_accounts.echo_json({"whole": found.whole, **msgspec.to_builtins(found)})
    elif found.whole:
        span = f", {found.first_seq:,} to {found.last_seq:,}, head {found.head}" if found.items else ""
        click.echo(f"whole: {count(found.items, 'item')}{span}")
    else:
        click.echo("\n".join(printable(problem, 400) for problem in found.problems))
        span = f", {found.first_seq:,} to {found.last_seq:,}" if found.items else ""
        click.echo(f"before that {whole_items(found.items)}{span}; `listenkey journal salvage` counts those behind it")
        where = "" if found.first_bad_seq is None else f"; the first bad item is {found.first_bad_seq:,}"
        exit_codes.print_error(
            f"listenkey: the journal is not whole{where}\n  what to do: docs/how-to/use-a-journal.md, A damaged journal"
        )
    if not as_json:
        for note in found.notes:
            click.echo(f"note: {printable(note, 400)}")
    return exit_codes.DONE if found.whole else exit_codes.JOURNAL


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--table", type=click.Choice(TABLES), default="items", show_default=True)
@click.option("--format", "kind", type=click.Choice(["csv", "parquet", "arrow"]), help="By --out's ending, else csv.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; by default stdout, for CSV.")
@account_option
@debug_option
def export(journal: str, account: str | None, table: str, kind: str | None, out: Path | None) -> int:
    """
    Export its contents as CSV, Parquet or Arrow.

    CSV has amounts as the venue wrote them; a cell that a spreadsheet would take for a formula gets a ' in front.
    Parquet and Arrow have decimals, times in UTC and Booleans; they need one more package: python -m pip install pyarrow.
    Rows are compared with their checksums first. Of a damaged journal all that is whole is exported, what is missing is
    named, and the exit code is 5.

    \b
    Examples:
      listenkey journal export fills.db --table fills > fills.csv
      listenkey journal export fills.db --table fills --out fills.parquet
      listenkey journal export /var/lib/listenkey --account desk-1 > desk-1.csv
    """
    from listenkey.cli import table_export
    from listenkey.journal.opened import journal_file

    kind = kind or (out.suffix.removeprefix(".") if out is not None else "csv")
    if kind not in table_export.WRITERS:
        raise UsageError(f"the ending .{kind} is none of csv, parquet, arrow; say which with --format")
    if out is None and kind != "csv":
        raise UsageError(f"{kind} goes into a file; name it with --out")
    path, access = journal_file(journal, account)
    count, problem, found = interruptible(lambda: export_whole(path, access, table, kind, out))
    if out is not None:
        exit_codes.print_error(f"listenkey: {count:,} rows in {out}")
    if found is None:
        return exit_codes.DONE
    exit_codes.print_error(f"listenkey: the journal is damaged: {exit_codes.safe(problem)}")
    exit_codes.print_error("\n".join(f"  {line}" for line in salvaged_words(found)))
    return exit_codes.JOURNAL


def export_whole(
    path: Path, access: FileAccess, table: str, kind: str, out: Path | None
) -> tuple[int, str, Salvaged | None]:
    """Export what is whole; how many rows, what is wrong with the journal, and what of it was found, if it is damaged."""
    import tempfile

    from listenkey.cli import table_export
    from listenkey.journal.sqlite.file_access import ALONE
    from listenkey.journal.sqlite.verify import damage_of

    def write(source: Path, access: FileAccess = ALONE) -> int:
        if out is None:
            return table_export.to_csv(source, table, sys.stdout.buffer, access)
        return table_export.to_file(source, table, kind, out, path, access)

    problem = damage_of(path, access)
    if problem is None:
        return write(path, access), "", None
    if access is not ALONE:
        raise Corrupt(f"the account is damaged in {path}: {problem}; nothing was exported. Its neighbours can be")
    from listenkey.journal.sqlite.salvage import salvage_journal

    with tempfile.TemporaryDirectory(prefix="listenkey-salvage-", ignore_cleanup_errors=True) as folder:
        whole = Path(folder) / "salvaged.db"
        found = salvage_journal(path, whole, Progress("looked at"))
        return write(whole), problem, found


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The copy; must not exist.")
@debug_option
def backup(journal: str, out: Path) -> int:
    """
    A whole copy in one file, also while another process writes: of this moment, with what is in the log.

    The copy is yours alone (mode 0600), is checked row by row, and gets its name when it is whole.
    Of a gateway's folder: the file with all its accounts, while the gateway runs.

    \b
    Examples:
      listenkey journal backup fills.db --out /backup/fills-$(date +%F).db
      listenkey journal backup /var/lib/listenkey --out /backup/accounts-$(date +%F).db
    """
    from listenkey.cli.output_file import output_file
    from listenkey.journal.sqlite.backup import back_up
    from listenkey.journal.sqlite.verify import verify_journal
    from listenkey.journal.url import accounts_path, journal_path

    if (of_many := accounts_path(journal)) is not None:
        return all_accounts.back_up_accounts(of_many, out)
    path, progress = journal_path(journal), Progress("copied")

    def copy() -> VerifyResult:
        with output_file(out, path, replaces=False) as fresh:
            back_up(path, fresh, progress)
            return verify_journal(fresh)

    found = interruptible(copy)
    progress.end()
    if found.whole:
        click.echo(f"{out}: whole, {found.items:,} items, {found.first_seq:,} to {found.last_seq:,}, head {found.head}")
        return exit_codes.DONE
    exit_codes.print_error(
        f"listenkey: the copy {out} has the damage of the journal: {exit_codes.safe(found.problems[0])}\n"
        "  what to do: docs/how-to/use-a-journal.md, A damaged journal"
    )
    return exit_codes.JOURNAL


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--older-than", "--keep-days", "days", required=True, type=DURATION, metavar="DAYS", help="In days.")
@debug_option
def prune(journal: str, days: float) -> int:
    """
    Delete items that are older than so many days, while no stream writes.

    Items that a named consumer has not committed stay, and so does the newest item. Deleted fills stay known, so that
    none is stored again. The file does not shrink: its room is used again. A stream can do the same: tail --keep-days.
    Of a gateway's folder: those of all its accounts, while no gateway runs on it. A gateway does it with keep_days.

    \b
    Examples:
      listenkey journal prune fills.db --older-than 90
      listenkey journal prune /var/lib/listenkey --older-than 90
    """
    from listenkey.journal.sqlite.pruning import prune_journal
    from listenkey.journal.sqlite.retention import Retention
    from listenkey.journal.url import accounts_path, journal_path
    from listenkey.transport.clock import SystemClock

    if (of_many := accounts_path(journal)) is not None:
        return all_accounts.prune_all(of_many, days)
    path, progress = journal_path(journal), Progress("taken away")
    retention, now_ms = Retention(keep_days=days), SystemClock().wall_ms()
    pruned = interruptible(lambda: prune_journal(path, retention, now_ms, progress))
    progress.end()
    click.echo(f"{pruned.items:,} items deleted, {pruned.left:,} left")
    if pruned.held_back_by is not None:
        click.echo(f"older ones stay: the consumer {printable(pruned.held_back_by)} has not committed them")
    return exit_codes.DONE


@journal.command()
@click.argument("journal", metavar="J")
@click.option("--out", type=click.Path(path_type=Path), help="A new journal with what is whole; must not exist.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@debug_option
def salvage(journal: str, out: Path | None, as_json: bool) -> int:
    """
    Save the whole rows of a damaged journal: each whose checksum is right, wherever in the file it lies.

    Without --out it only says what could be saved. The journal itself is not changed. Exit code 0 where all was saved,
    5 where anything is missing; then it is counted and named.

    \b
    Examples:
      listenkey journal salvage fills.db
      listenkey journal salvage fills.db --out salvaged.db
    """
    import tempfile

    from listenkey.cli.output_file import output_file
    from listenkey.journal.sqlite.salvage import salvage_journal
    from listenkey.journal.url import journal_path

    path, progress = journal_path(journal), Progress("looked at")

    def save() -> Salvaged:
        if out is not None:
            with output_file(out, path, replaces=False) as fresh:
                return salvage_journal(path, fresh, progress)
        with tempfile.TemporaryDirectory(prefix="listenkey-salvage-", ignore_cleanup_errors=True) as folder:
            return salvage_journal(path, Path(folder) / "salvaged.db", progress)

    found = interruptible(save)
    progress.end()
    if as_json:
        all_accounts.echo_json(found)
    else:
        click.echo("\n".join(salvaged_words(found)))
        click.echo(f"saved in {out}" if out is not None else "not saved: name a new journal with --out")
    return exit_codes.DONE if found.lacks_nothing else exit_codes.JOURNAL


def whole_items(number: int) -> str:
    """`1 item is whole`, `347 items are whole`."""
    return f"{count(number, 'item')} {'is' if number == 1 else 'are'} whole"


def salvaged_words(found: Salvaged) -> list[str]:
    """Put the result of a rescue into words, for people."""
    lines = [f"{whole_items(found.items)}, {found.first_seq:,} to {found.last_seq:,}; {found.fills:,} of them fills"]
    if found.missing_items:
        parts = ", ".join(f"{one:,}" if one == other else f"{one:,} to {other:,}" for one, other in found.missing)
        more = " and more" if sum(other - one + 1 for one, other in found.missing) < found.missing_items else ""
        are = "item is" if found.missing_items == 1 else "items are"
        lines.append(f"{found.missing_items:,} {are} missing: {parts}{more}")
        lines.append(f"before the first that is missing {whole_items(found.items_before_missing)}")
    return lines + [printable(note, 400) for note in found.notes]
