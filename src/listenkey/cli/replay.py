"""`listenkey replay`: read a journal back, and on if wanted."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import click

from listenkey.cli import exits
from listenkey.cli.lazy import Command
from listenkey.cli.options import configure_logs, debug_option
from listenkey.cli.running import Stop, first_of, put_away, run
from listenkey.cli.terminal import stdout_is_terminal

if TYPE_CHECKING:
    from listenkey.cli.shows import Show
    from listenkey.journal.reader import JournalReader

LOOK_EVERY_S: Final = 0.01
"""The interval at which `--follow` asks for more. Asking whether anything changed costs 2 µs."""

NAME_EVERY_LOOKS: Final = 50
"""The looks between two checks that the name still belongs to the file that is read."""


@click.command(cls=Command)
@click.argument("journal", metavar="J")
@click.option("--from", "first", type=click.IntRange(min=1), metavar="SEQ", help="Begin with this number.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line; the default where stdout is no terminal."
)
@debug_option
def replay(journal: str, first: int | None, follow: bool, as_json: bool) -> int:
    """
    Read a journal back: every item, in order, as it was.

    Reads while another process writes, and shows only what is safely on the disk. Each item is compared with its
    checksum: damage ends it with exit code 5, and is never skipped.

    \b
    Examples:
      listenkey replay fills.db
      listenkey replay fills.db --from 1000 --json | jq -c .event
      listenkey replay fills.db --follow
    """
    from listenkey.journal.place import journal_path
    from listenkey.journal.reader import JournalReader

    configure_logs()
    reader = JournalReader(journal_path(journal))
    try:
        words = stdout_is_terminal() and not as_json
        return run(lambda stop: show_all(stop, reader, (first or 1) - 1, follow=follow, words=words))
    finally:
        reader.close()


async def show_all(stop: Stop, reader: JournalReader, after: int, *, follow: bool, words: bool) -> int:
    """Show it until its end, or until asked to stop; the exit code."""
    from listenkey.cli.shows import JsonShow, PlainShow

    async with PlainShow(stop) if words else JsonShow(stop) as show:
        reading = asyncio.create_task(read(reader, after, show, follow=follow), name="listenkey replay")
        try:
            await first_of(stop, reading)
        finally:
            await put_away(reading)
        if stop.why is None:  # A pipe may be slow, and the end is to arrive.
            await show.output.flushed(float("inf"))
    return exits.DONE


async def read(reader: JournalReader, after: int, show: Show, *, follow: bool) -> None:
    """Every item into the show, at the speed of the show; also of a journal that takes the place of this one."""
    with contextlib.ExitStack() as stack:
        while True:
            changes = reader.changes()
            while items := await asyncio.to_thread(reader.read, after):
                for item in items:
                    show.add(item)
                after = items[-1].seq
                await (show.room() if show.is_full else asyncio.sleep(0))
            if not follow:
                return
            if (renewed := await another(reader, changes, after)) is not None:
                reader, after = renewed
                stack.callback(reader.close)
                exits.print_error(f"listenkey: another journal has the name {reader.path}; its items come now")


async def another(reader: JournalReader, changes: int, after: int) -> tuple[JournalReader, int] | None:
    """Wait until there is more to read; a reader of another file and where to go on, if the name is another's by now."""
    looks = 0
    while reader.changes() == changes:
        await asyncio.sleep(LOOK_EVERY_S)
        looks += 1
        if looks % NAME_EVERY_LOOKS == 0 and (renewed := reader.renewed(after)) is not None:
            return renewed
    return None
