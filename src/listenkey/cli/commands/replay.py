"""`listenkey replay`: read a journal back, and on if wanted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from listenkey.cli import exit_codes
from listenkey.cli.config.options import account_option, configure_logs, debug_option
from listenkey.cli.display.capabilities import stdout_is_terminal
from listenkey.cli.groups import Command
from listenkey.cli.running import Stop, cancel_and_wait, first_of, run
from listenkey.journal.sqlite.row_shape import SEQ_MAX

if TYPE_CHECKING:
    from pathlib import Path

    from listenkey.cli.display.renderers import Renderer
    from listenkey.journal.opened import OpenJournal


@click.command(cls=Command)
@click.argument("journal", metavar="J")
@account_option
@click.option("--from", "first", type=click.IntRange(1, SEQ_MAX), metavar="SEQ", help="Begin with this number.")
@click.option(
    "--follow", "-f", is_flag=True, help="Follow the journal: print new items as they are written, until Ctrl-C."
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line; the default where stdout is no terminal."
)
@debug_option
def replay(journal: str, account: str | None, first: int | None, follow: bool, as_json: bool) -> int:
    """
    Read a journal back: every item, in order, as it was.

    Reads while another process writes, and shows only what is safely on the disk. Each item is compared with its
    checksum: damage ends it with exit code 5, and is never skipped.

    \b
    Examples:
      listenkey replay fills.db
      listenkey replay fills.db --from 1000 --json | jq -c .event
      listenkey replay fills.db --follow
      listenkey replay /var/lib/listenkey --account desk-1
    """
    from listenkey.journal.opened import OpenJournal, journal_file

    configure_logs()
    path, access = journal_file(journal, account)
    with OpenJournal(path, say_other, access) as opened:
        words = stdout_is_terminal() and not as_json
        return run(lambda stop: show_all(stop, opened, (first or 1) - 1, follow=follow, words=words))


async def show_all(stop: Stop, journal: OpenJournal, after: int, *, follow: bool, words: bool) -> int:
    """Show it until its end, or until asked to stop; the exit code."""
    from listenkey.cli.display.renderers import JsonRenderer, TextRenderer

    async with TextRenderer(stop) if words else JsonRenderer(stop) as renderer:
        reading = asyncio.create_task(read(journal, after, renderer, follow=follow), name="listenkey replay")
        try:
            await first_of(stop, reading)
        finally:
            await cancel_and_wait(reading)
        if stop.why is None:  # A pipe may be slow, and the end is to arrive.
            await renderer.output.flushed(float("inf"))
    return exit_codes.DONE


async def read(journal: OpenJournal, after: int, renderer: Renderer, *, follow: bool) -> None:
    """Every item into the renderer, at its speed; also of a journal that takes the place of this one."""
    async for items in journal.batches(after, follow=follow):
        for item in items:
            renderer.add(item)
        await (renderer.room() if renderer.is_full else asyncio.sleep(0))


def say_other(path: Path) -> None:
    """Say that the items of another journal come from now on."""
    exit_codes.print_error(f"listenkey: another journal has the name {path}; its items come now")
