"""`listenkey consume`: read a cluster's log as a member of a consumer group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from listenkey.cli import exit_codes
from listenkey.cli.config.options import DURATION, configure_logs, debug_option
from listenkey.cli.display.capabilities import stdout_is_terminal
from listenkey.cli.groups import Command
from listenkey.cli.running import Stop, cancel_and_wait, first_of, run

if TYPE_CHECKING:
    from listenkey.cli.display.renderers import LineRenderer
    from listenkey.gateway.consumers.bridges.destination import BridgeStore
    from listenkey.gateway.consumers.group_reader import GroupReader


@click.command(cls=Command)
@click.argument("group", metavar="GROUP")
@click.option("--journal", required=True, metavar="J", help="The log: nats://HOST:4222,HOST:4222,...")
@click.option("--account", metavar="NAME", help="Only this account; by default all.")
@click.option(
    "--from",
    "start",
    type=click.Choice(["oldest", "newest"]),
    default="oldest",
    show_default=True,
    help="Where a new group begins: with the oldest item that is kept, or with what comes.",
)
@click.option(
    "--into", metavar="STORE", help="Put the items there instead: postgresql://HOST/DATABASE or redis://HOST."
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line; the default where stdout is no terminal."
)
@click.option("--seconds", type=DURATION, metavar="N", help="End after N seconds; by default at Ctrl-C.")
@debug_option
def consume(
    group: str,
    journal: str,
    account: str | None,
    start: str,
    into: str | None,
    as_json: bool,
    seconds: float | None,
) -> int:
    """
    Read a cluster's log as a member of a group: the group goes on where it stopped, whichever member dies.

    Start it several times, on any machine, and the members share the accounts. Each account's items come in order. An item
    counts as done once stdout has taken it; after a kill, those of the last moment may come again. With --into, each item is
    stored exactly once, whatever is killed, and nothing is shown.

    \b
    Examples:
      listenkey consume book --journal nats://a:4222,b:4222,c:4222?monitor=http://a:8222
      listenkey consume book --journal nats://a:4222 --account desk-1 --from newest --json | jq -c .event
      listenkey consume book --journal nats://a:4222 --into postgresql://db/trades
    """
    from listenkey.gateway.consumers.bridges.destination import store_at
    from listenkey.gateway.consumers.group_reader import GroupReader

    configure_logs()
    if into is not None:
        store = store_at(into)
        bridge = GroupReader(journal, group, account=account, start=start, store=store)
        return run(lambda stop: fill(stop, bridge, store), seconds=seconds)
    reader = GroupReader(journal, group, account=account, start=start)
    words = stdout_is_terminal() and not as_json
    return run(lambda stop: show_group(stop, reader, words=words), seconds=seconds)


async def show_group(stop: Stop, reader: GroupReader, *, words: bool) -> int:
    """Show what comes until asked to stop; the exit code."""
    from listenkey.cli.display.renderers import JsonRenderer, TextRenderer

    async with TextRenderer(stop) if words else JsonRenderer(stop) as renderer, reader:
        showing = asyncio.create_task(show(reader, renderer), name="listenkey consume")
        try:
            await first_of(stop, showing)
        finally:
            await cancel_and_wait(showing)
    return exit_codes.DONE


async def fill(stop: Stop, reader: GroupReader, store: BridgeStore) -> int:
    """Put what comes into a store until asked to stop; the exit code."""
    async with store, reader:
        storing = asyncio.create_task(store_all(reader), name="listenkey consume")
        try:
            await first_of(stop, storing)
        finally:
            await cancel_and_wait(storing)
    return exit_codes.DONE


async def store_all(reader: GroupReader) -> None:
    """Store each batch, with its items."""
    async for batch in reader.batches():
        await batch.commit()


async def show(reader: GroupReader, renderer: LineRenderer) -> None:
    """Put each batch on stdout, and store that it is done once that has taken it."""
    async for batch in reader.batches():
        for item in batch.items:
            renderer.add(item)
            if renderer.is_full:
                await renderer.room()
        if not await renderer.output.flushed(float("inf")):
            return  # Nobody reads any more: it is not done.
        await batch.commit()
