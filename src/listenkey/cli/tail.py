"""`listenkey tail`: the main job."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import click

from listenkey.cli import exits, settings
from listenkey.cli.lazy import Command
from listenkey.cli.options import DURATION, account_options, configure_logs
from listenkey.cli.running import Stop, put_away, run
from listenkey.cli.settings import Addresses, Settings
from listenkey.cli.terminal import stdout_is_terminal

if TYPE_CHECKING:
    from listenkey.health import Health


@click.command(cls=Command)
@account_options
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line; the default where stdout is no terminal."
)
@click.option("--seconds", type=DURATION, metavar="N", help="End after N seconds; by default at Ctrl-C.")
@click.option("--journal", metavar="J", help="Keep the items in this file; by default they are kept in memory.")
@click.option("--account", metavar="NAME", help="The account's name; by default the journal's name for it.")
@click.option("--keep-days", type=DURATION, metavar="D", help="Delete items older than D days from the journal.")
def tail(
    key_file: Path | None,
    addresses: Addresses,
    as_json: bool,
    seconds: float | None,
    journal: str | None,
    account: str | None,
    keep_days: float | None,
) -> int:
    """
    Follow an account: every order, fill and balance as it happens, until Ctrl-C.

    A full-screen view in a terminal; one JSON object a line with --json or in a pipe. A lost connection is shown as a
    gap and is repaired by itself. Ends with 0 when stopped, and with a summary on stderr.

    \b
    Examples:
      listenkey tail
      listenkey tail --json | jq -c 'select((.event.trade_id // 0) != 0) | .event'
      listenkey tail --json --seconds 3600 > hour.jsonl
      listenkey tail --journal fills.db --keep-days 90
      listenkey tail --key-file ~/.binance-options --venue testnet
    """
    chosen = settings.load(key_file, addresses)
    shown = form_of_items(as_json=as_json)
    configure_logs(quiet=shown == "view")
    kept = Kept(journal, account, keep_days)
    return run(lambda stop: follow_account(stop, chosen, kept, shown=shown), seconds=seconds)


class Kept(NamedTuple):
    """The place where items are kept, for which account, and for how long."""

    journal: str | None
    account: str | None = None
    keep_days: float | None = None


Form: TypeAlias = Literal["json", "view", "words"]


def form_of_items(*, as_json: bool) -> Form:
    """Choose the form: JSON for programs, the full-screen view, or words where a terminal can't move its cursor."""
    if as_json or not sys.stdout.isatty():
        return "json"
    return "view" if stdout_is_terminal() else "words"


TOLD_AFTER_S: Final = (2.0, 8.0, 20.0, 30.0)
"""A healthy stream is live within a second. So long after each other it is said that this one is not."""

UNFINISHED: Final = {
    "GAP": "events until the next run will be missing, and are then reported as a gap",
    "RECOVERING": "some missed events are not recovered yet; with --journal the next run asks for them",
    "SUSPECT": "lost events are not recovered yet; with --journal the next run asks for them",
    "SETTLING": "REST may still return more of the last gap; with --journal the next run asks again",
}
"""Statuses in which an end leaves something to do, and what that means."""


async def follow_account(stop: Stop, chosen: Settings, kept: Kept, *, shown: Form) -> int:
    """Show the stream until asked to stop; the exit code."""
    from listenkey.cli.follow import follow
    from listenkey.cli.opening import open_stream
    from listenkey.cli.shows import JsonShow, PlainShow, Show
    from listenkey.cli.summary import Tally, sentence

    tally, failures = Tally(), StdoutFailures()
    journal, account, keep_days = kept
    async with open_stream(chosen, journal=journal, account=account, keep_days=keep_days) as stream:
        show: Show
        on_failed = None if journal is None else failures.tell
        if shown == "view":
            from listenkey.cli.screen import ScreenShow
            from listenkey.cli.view import Setting

            refills = chosen.credentials.can_sign
            show = ScreenShow(stop, stream.health, Setting(chosen.venue.name, journal, refills=refills))
        else:
            show = JsonShow(stop, on_failed=on_failed) if shown == "json" else PlainShow(stop, on_failed=on_failed)
        waiting = asyncio.create_task(tell_of_waiting(stream.health, tally.went_live, shown))
        try:
            async with show:
                await follow(stop, stream, show, tally)
        finally:
            await put_away(waiting)
        # Said before connections are closed: closing may take longer than Ctrl-C waits.
        health = stream.health()
        if stop.why == "closed":
            return exits.DONE
        exits.print_error(f"listenkey: {sentence(tally, health)}")
        if health.status in UNFINISHED:
            exits.print_error(f"  it ended while {health.status}: {UNFINISHED[health.status]}")
        if stop.why == "time" and not tally.went_live.is_set():
            exits.print_error(f"  it was never live: {exits.safe(health.why)}")
            return exits.NOT_REACHABLE
    return exits.FAILED if failures.any else exits.DONE


async def tell_of_waiting(health: Callable[[], Health], went_live: asyncio.Event, shown: Form) -> None:
    """Say on stderr what the stream waits for, until it is live; the view says it itself."""
    for wait_s in () if shown == "view" else TOLD_AFTER_S:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await went_live.wait()
                return
        exits.print_error(f"listenkey: not live yet: {exits.safe(health().why)}")


class StdoutFailures:
    """
    A stdout that can't be written ends no stream that keeps a journal: it is told, once, and the journal goes on.

    Attributes:
        any: Whether there was one; then stdout lacks items at its end.
    """

    def __init__(self) -> None:
        self.any = False

    def tell(self, error: OSError) -> None:
        """Say it on stderr."""
        self.any = True
        exits.print_error(
            f"listenkey: stdout can't be written: {error.strerror}; nothing more goes there, and the journal goes on\n"
            "  what to do: make room; `listenkey replay` shows what the journal has"
        )
