"""`listenkey journal` of a gateway's folder: all accounts in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from listenkey.cli import exit_codes
from listenkey.cli.display.progress import Progress
from listenkey.cli.display.summary import count
from listenkey.cli.interruptible import interruptible
from listenkey.cli.redaction import escaped, printable

if TYPE_CHECKING:
    from listenkey.journal.shared.accounts_check import AccountsResult
    from listenkey.journal.shared.accounts_info import AccountsInfo

HELD_TOLD: Final = 8
"""The accounts that are named of those whose items stay."""


def echo_json(value: object) -> None:
    """One JSON object on a line of stdout; on a terminal without anything that it would obey."""
    import msgspec

    line = msgspec.json.encode(value).decode()
    click.echo(escaped(line) if sys.stdout.isatty() else line)


def show_info(path: Path, *, as_json: bool) -> int:
    """Show the accounts of a file in numbers."""
    from listenkey.journal.shared.accounts_info import accounts_info

    found = interruptible(lambda: accounts_info(path))
    if as_json:
        echo_json(found)
    else:
        click.echo("\n".join(info_words(found)))
    return exit_codes.DONE


def info_words(found: AccountsInfo) -> list[str]:
    """Put the figures of many accounts into words, a line for each."""
    rows = []
    for each in found.accounts:
        span = "none" if each.first_seq is None else f"{each.items:,}, numbers {each.first_seq:,} to {each.last_seq:,}"
        readers = "".join(f"; {printable(name)} is done with {seq:,}" for name, seq in each.consumers.items())
        rows.append((printable(each.account), span + readers))
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"{name:{width}}  {text}" for name, text in rows]
    return [
        *lines,
        *found.damaged,
        f"{count(len(rows), 'account')} in {found.file_bytes:,} bytes, SQLite {found.sqlite}",
    ]


def show_verify(path: Path, *, as_json: bool) -> int:
    """Check all accounts of a file; return the exit code."""
    from listenkey.journal.shared.accounts_check import verify_accounts

    found = interruptible(lambda: verify_accounts(path))
    if as_json:
        import msgspec

        each = {name: {"whole": its.whole, **msgspec.to_builtins(its)} for name, its in found.accounts.items()}
        echo_json({"whole": found.whole, **msgspec.to_builtins(found), "accounts": each})
    else:
        click.echo("\n".join(verify_words(found)))
    if not found.whole and not as_json:
        exit_codes.print_error(
            "listenkey: the journals are not whole\n  what to do: docs/how-to/use-a-journal.md, A damaged journal"
        )
    return exit_codes.DONE if found.whole else exit_codes.JOURNAL


def verify_words(found: AccountsResult) -> list[str]:
    """Put the result into words: the accounts that are damaged, then what is around them."""
    whole = [its for its in found.accounts.values() if its.whole]
    lines = [
        f"{printable(name)}: {printable(problem, 400)}"
        for name, its in found.accounts.items()
        for problem in its.problems
    ]
    lines += [printable(problem, 400) for problem in found.problems]
    items = sum(its.items for its in whole)
    lines.append(f"whole: {count(len(whole), 'account')} of {len(found.accounts):,}, {count(items, 'item')}")
    return [*lines, *(f"note: {printable(note, 400)}" for note in found.notes)]


def back_up_accounts(path: Path, out: Path) -> int:
    """Copy the file of many accounts, and check the copy; return the exit code."""
    from listenkey.cli.output_file import output_file
    from listenkey.journal.shared.accounts_check import verify_accounts
    from listenkey.journal.shared.accounts_schema import SHARED
    from listenkey.journal.sqlite.backup import back_up

    progress = Progress("copied")

    def copy() -> AccountsResult:
        with output_file(out, path, replaces=False) as fresh:
            back_up(path, fresh, progress, SHARED)
            return verify_accounts(fresh)

    found = interruptible(copy)
    progress.end()
    if found.whole:
        items = sum(its.items for its in found.accounts.values())
        click.echo(f"{out}: whole, {count(len(found.accounts), 'account')}, {count(items, 'item')}")
        return exit_codes.DONE
    exit_codes.print_error(
        f"listenkey: the copy {out} has the damage of the journals:\n"
        + "\n".join(f"  {line}" for line in verify_words(found))
        + "\n  what to do: docs/how-to/use-a-journal.md, A damaged journal"
    )
    return exit_codes.JOURNAL


def prune_all(path: Path, days: float) -> int:
    """Delete items of all accounts that are older than so many days; return the exit code."""
    from listenkey.journal.shared.accounts_pruning import prune_accounts
    from listenkey.journal.sqlite.retention import Retention
    from listenkey.transport.clock import SystemClock

    progress, retention, now_ms = Progress("taken away"), Retention(keep_days=days), SystemClock().wall_ms()
    pruned = interruptible(lambda: prune_accounts(path, retention, now_ms, progress))
    progress.end()
    click.echo(f"{pruned.items:,} items deleted, {pruned.left:,} left")
    if held := pruned.held_back:
        names = ", ".join(printable(name) for name in held[:HELD_TOLD]) + (", …" if held[HELD_TOLD:] else "")
        click.echo(f"older ones stay: consumers have not committed them, of {count(len(held), 'account')} ({names})")
    return exit_codes.DONE
