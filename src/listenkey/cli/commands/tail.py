"""`listenkey tail`: the main job."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import click

from listenkey.cli import exit_codes
from listenkey.cli.config import settings
from listenkey.cli.config.options import DURATION, account_options, configure_logs
from listenkey.cli.config.settings import Addresses, Settings
from listenkey.cli.display.capabilities import stdout_is_terminal
from listenkey.cli.groups import Command
from listenkey.cli.running import Stop, cancel_and_wait, run
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.cli.display.summary import Tally
    from listenkey.health import Health
    from listenkey.stream.user_stream import UserStream


@click.command(cls=Command)
@account_options
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line; the default where stdout is no terminal."
)
@click.option("--seconds", type=DURATION, metavar="N", help="End after N seconds; by default at Ctrl-C.")
@click.option("--journal", metavar="J", help="Keep the items in this file; by default they are kept in memory.")
@click.option("--account", metavar="NAME", help="The account's name; by default the journal's name for it.")
@click.option("--keep-days", type=DURATION, metavar="D", help="Delete items older than D days from the journal.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="P",
    help="Serve metrics for Prometheus on this port of this machine; 0 takes a free one.",
)
def tail(
    key_file: Path | None,
    addresses: Addresses,
    as_json: bool,
    seconds: float | None,
    journal: str | None,
    account: str | None,
    keep_days: float | None,
    metrics_port: int | None,
) -> int:
    """
    Follow an account: every order, fill and balance as it happens, until Ctrl-C.

    A full-screen dashboard in a terminal; one JSON object a line with --json or in a pipe. A lost connection is shown as a
    gap and is repaired by itself. Ends with 0 when stopped, with 5 where the journal could not be written, and with a
    summary on stderr.

    \b
    Examples:
      listenkey tail
      listenkey tail --json | jq -c 'select((.event.trade_id // 0) != 0) | .event'
      listenkey tail --json --seconds 3600 > hour.jsonl
      listenkey tail --journal fills.db --keep-days 90
      listenkey tail --journal fills.db --metrics-port 9464
      listenkey tail --key-file ~/.binance-options --venue testnet
    """
    if keep_days is not None and journal is None:
        raise UsageError("--keep-days needs a journal; name one with --journal, or leave --keep-days out")
    chosen = settings.load(key_file, addresses)
    shown = form_of_items(as_json=as_json)
    configure_logs(quiet=shown == "dashboard")
    kept = JournalChoice(journal, account, keep_days)
    return run(lambda stop: follow_account(stop, chosen, kept, shown=shown, metrics_port=metrics_port), seconds=seconds)


class JournalChoice(NamedTuple):
    """The journal where items are kept, for which account, and for how long."""

    journal: str | None
    account: str | None = None
    keep_days: float | None = None


OutputForm: TypeAlias = Literal["json", "dashboard", "text"]


def form_of_items(*, as_json: bool) -> OutputForm:
    """Choose the form: JSON for programs, the full-screen dashboard, or text where a terminal can't move its cursor."""
    if as_json or not sys.stdout.isatty():
        return "json"
    return "dashboard" if stdout_is_terminal() else "text"


TOLD_AFTER_S: Final = (2.0, 8.0, 20.0, 30.0)
"""A healthy stream is live within a second. So long after each other it is said that this one is not."""

UNFINISHED: Final = {
    "GAP": "events until the next run will be missing, and are then reported as a gap",
    "RECOVERING": "some missed events are not recovered yet; with --journal the next run asks for them",
    "SUSPECT": "lost events are not recovered yet; with --journal the next run asks for them",
    "SETTLING": "REST may still return more of the last gap; with --journal the next run asks again",
}
"""Statuses in which an end leaves something to do, and what that means."""


async def follow_account(
    stop: Stop, chosen: Settings, kept: JournalChoice, *, shown: OutputForm, metrics_port: int | None = None
) -> int:
    """Show the stream until asked to stop; the exit code."""
    from listenkey.cli.config.stream import open_stream
    from listenkey.cli.display.follow import follow
    from listenkey.cli.display.renderers import JsonRenderer, Renderer, TextRenderer
    from listenkey.cli.display.summary import Tally
    from listenkey.cli.metrics_port import metrics_served

    tally, failures = Tally(), StdoutFailures()
    journal, account, keep_days = kept
    async with (
        open_stream(chosen, journal=journal, account=account, keep_days=keep_days) as stream,
        metrics_served(stream, metrics_port),
    ):
        renderer: Renderer
        on_failed = None if journal is None else failures.tell
        if shown == "dashboard":
            from listenkey.cli.display.dashboard_view import StreamLabel
            from listenkey.cli.display.terminal import DashboardRenderer

            refills = chosen.credentials.can_sign
            renderer = DashboardRenderer(stop, stream.health, StreamLabel(chosen.venue.name, journal, refills=refills))
        else:
            renderer = (
                JsonRenderer(stop, on_failed=on_failed) if shown == "json" else TextRenderer(stop, on_failed=on_failed)
            )
        waiting = asyncio.create_task(tell_of_waiting(stream.health, tally.went_live, shown))
        try:
            async with renderer:
                await follow(stop, stream, renderer, tally)
        finally:
            await cancel_and_wait(waiting)
        # Said before connections are closed: closing may take longer than Ctrl-C waits.
        health = stream.health()
        if stop.why != "closed":
            tell_summary(tally, health)
        if journal is not None and health.journal_problem:
            stop.exit_code = exit_codes.JOURNAL
            stop.last_words.append(lambda: tell_unwritten(health))
    if journal is not None and (left := left_unwritten(stream)) is not None:
        tell_unwritten(left)
        return exit_codes.JOURNAL
    if stop.why == "closed":
        return exit_codes.DONE
    if stop.why == "time" and not tally.went_live.is_set():
        exit_codes.print_error(f"  it was never live: {exit_codes.safe(health.why)}")
        return exit_codes.NOT_REACHABLE
    return exit_codes.FAILED if failures.any else exit_codes.DONE


def tell_summary(tally: Tally, health: Health) -> None:
    """Say on stderr what came, and what an end at this moment leaves to do."""
    from listenkey.cli.display.summary import sentence

    exit_codes.print_error(f"listenkey: {sentence(tally, health)}")
    if health.status in UNFINISHED:
        exit_codes.print_error(f"  it ended while {health.status}: {UNFINISHED[health.status]}")


def left_unwritten(stream: UserStream) -> Health | None:
    """
    Return the health of a closed stream whose journal lacks something; None where all is on the disk.

    Closing tries once more to write what waits. Then only that is left in the backlog which reached neither.
    """
    while stream.take_ready():  # On the disk, and not shown any more.
        pass
    health = stream.health()
    return health if health.journal_problem or health.backlog else None


def tell_unwritten(health: Health) -> None:
    """Say on stderr that the journal lacks items, why, and what to do."""
    from listenkey.cli.display.summary import count

    problem = health.journal_problem or "the disk did not answer"
    lacks = f"{count(health.backlog, 'event')} {'is' if health.backlog == 1 else 'are'} not in it"
    what_to_do = "make room" if "disk is full" in problem else "put that right"
    exit_codes.print_error(
        f"  {exit_codes.safe(problem)}\n"
        f"  it ended while the journal could not be written: {lacks if health.backlog else 'no event waited'}; "
        f"{what_to_do}, then start again: with the secret, REST is asked for their fills"
    )


async def tell_of_waiting(health: Callable[[], Health], went_live: asyncio.Event, shown: OutputForm) -> None:
    """Say on stderr what the stream waits for, until it is live; the dashboard says it itself."""
    for wait_s in () if shown == "dashboard" else TOLD_AFTER_S:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await went_live.wait()
                return
        exit_codes.print_error(f"listenkey: not live yet: {exit_codes.safe(health().why)}")


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
        exit_codes.print_error(
            f"listenkey: stdout can't be written: {error.strerror}; nothing more goes there, and the journal goes on\n"
            "  what to do: make room; `listenkey replay` shows what the journal has"
        )
