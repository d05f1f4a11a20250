"""Run the demo: the exchange, the stream of one account and its renderer; then compare what each of them holds."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from listenkey.cli import exit_codes
from listenkey.cli.running import Stop, cancel_and_wait, first_of
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.cli.demo.comparison import ComparedFill, ReceivedFill
    from listenkey.cli.demo.faults import FaultInjector, FaultPlan
    from listenkey.cli.demo.recorder import Recorder
    from listenkey.cli.demo.report import DemoResult
    from listenkey.cli.display.renderers import Renderer
    from listenkey.sandbox.server import Sandbox
    from listenkey.stream.user_stream import UserStream

SETTLE_WITHIN_S: Final = 1.0
"""The time that the last trades get to arrive after Ctrl-C, which must end at once. They take milliseconds."""

SETTLE_AT_LEISURE_S: Final = 10.0
"""The same at the end of `--seconds`: also for a plug that was out until then."""

LOOK_EVERY_S: Final = 0.01

ACCOUNT: Final = "alice"


async def perform(
    stop: Stop, *, dashboard: bool, as_json: bool, journal: str | None, seed: int, seconds: float | None = None
) -> int:
    """The exchange, the stream and its renderer; then the truth about them, as the exit code."""
    from listenkey.cli.demo.faults import plan_for
    from listenkey.cli.demo.recorder import Recorder
    from listenkey.cli.demo.report import demo_line, demo_sentence
    from listenkey.sandbox.server import Sandbox

    recorder = Recorder()
    exchange = Sandbox(seed=seed, accounts=(ACCOUNT,))
    exchange.run_market(False)
    with journal_path_for(stop, journal) as path:
        async with exchange, stream_of(exchange, path) as stream:
            async with renderer_for(stop, stream, dashboard=dashboard, as_json=as_json) as renderer:
                result = await watch(stop, exchange, stream, renderer, recorder, path, plan_for(seconds))
            # Said before connections are closed, and the exit code settled: closing may take longer than Ctrl-C waits.
            stop.exit_code = exit_codes.DONE if result.equal else exit_codes.FAILED
            if stop.why == "closed":
                stop.exit_code = exit_codes.DONE
            elif as_json:
                click.echo(demo_line(recorder, stream.health(), result), nl=False)
            else:
                result = dataclasses.replace(result, kept_in=journal)
                click.echo(demo_sentence(recorder, stream.health(), result))
    return stop.exit_code


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the demo."""
    try:
        return tempfile.TemporaryDirectory(prefix="listenkey-demo-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(
            f"there is no temporary folder for the demo's journal ({error.strerror}); "
            "name one in TMPDIR, or a new file with --journal"
        ) from None


@contextmanager
def journal_path_for(stop: Stop, journal: str | None) -> Iterator[Path]:
    """Yield the journal's path: the user's, or one in a folder that goes with the demo."""
    from listenkey.journal.url import journal_path

    if journal is not None:
        yield journal_path(journal)
        return
    with temporary_folder() as folder:

        def remove() -> None:
            shutil.rmtree(folder, ignore_errors=True)

        stop.last_words.append(remove)  # An end by force runs no `finally`.
        yield Path(folder) / "demo.db"
        stop.last_words.remove(remove)


def stream_of(exchange: Sandbox, journal: Path) -> UserStream:
    """The stream of the exchange's first account, opened as any account's."""
    from listenkey.cli.config.settings import Settings
    from listenkey.cli.config.stream import open_stream
    from listenkey.credentials import Credentials
    from listenkey.venue import Venue

    account = exchange.accounts[0]
    credentials = Credentials.of(account.api_key, account.api_secret)
    venue = Venue(exchange.rest_url, exchange.ws_url, "sandbox")
    return open_stream(Settings(credentials, venue, "sandbox"), journal=str(journal), account=account.name)


def renderer_for(stop: Stop, stream: UserStream, *, dashboard: bool, as_json: bool) -> Renderer:
    """The full-screen dashboard, JSON lines, or text."""
    if dashboard:
        from listenkey.cli.display.dashboard_view import StreamLabel
        from listenkey.cli.display.terminal import DashboardRenderer

        return DashboardRenderer(stop, stream.health, StreamLabel("sandbox", "in a file of the demo"))
    from listenkey.cli.display.renderers import JsonRenderer, TextRenderer

    return JsonRenderer(stop) if as_json else TextRenderer(stop)


async def watch(
    stop: Stop,
    exchange: Sandbox,
    stream: UserStream,
    renderer: Renderer,
    recorder: Recorder,
    journal: Path,
    plan: FaultPlan,
) -> DemoResult:
    """
    Trade from the moment the stream is live until asked to stop, breaking things by plan; then compare.

    Nothing is traded before the stream is live, so the whole ledger must be in the stream.
    """
    from listenkey.cli.demo.comparison import compare
    from listenkey.cli.demo.faults import FaultInjector, outcomes_of
    from listenkey.cli.demo.report import DemoResult
    from listenkey.cli.display.follow import read
    from listenkey.journal.sqlite.verify import verify_journal

    injector = FaultInjector(exchange, plan, renderer.annotate)
    reading = asyncio.create_task(read(stream, renderer, recorder), name="listenkey demo")
    trading = asyncio.create_task(trade_once_live(exchange, recorder, injector))
    try:
        await first_of(stop, reading)
        await cancel_and_wait(trading)
        exchange.run_market(False)
        injector.clear()
        within_s = SETTLE_WITHIN_S if stop.why == "signal" else SETTLE_AT_LEISURE_S
        ledger = await settled(exchange, recorder, within_s)
        open_gap = recorder.open_gap
        open_from_ms = None if open_gap is None else open_gap.from_ms
        # In a thread, and while the stream is open: what a reader was shown is on the disk by then, so it must be there.
        verification, written = await asyncio.gather(
            asyncio.to_thread(verify_journal, journal), asyncio.to_thread(written_in, journal)
        )
        return DemoResult(
            stream=compare(ledger, recorder.received, open_from_ms),
            journal=compare(ledger, written, open_from_ms),
            verification=verification,
            outcomes=outcomes_of(injector.injected, recorder.recorded_gaps),
        )
    finally:
        await cancel_and_wait(trading)
        await cancel_and_wait(reading)


async def trade_once_live(exchange: Sandbox, recorder: Recorder, injector: FaultInjector) -> None:
    """Let the bots trade when the stream has said that it is live, and then break things."""
    await recorder.went_live.wait()
    exchange.run_market(True)
    await injector.run()


def written_in(journal: Path) -> list[ReceivedFill]:
    """The fills of a journal, read from the disk by a reader of its own."""
    from listenkey.cli.demo.comparison import received_in
    from listenkey.journal.sqlite.reader import JournalReader

    reader = JournalReader(journal)
    try:
        fills: list[ReceivedFill] = []
        after = 0
        while items := reader.read(after):
            fills += received_in(items)
            after = items[-1].seq
        return fills
    finally:
        reader.close()


async def settled(exchange: Sandbox, recorder: Recorder, within_s: float) -> list[ComparedFill]:
    """The ledger's fills after the stream had its time to bring them all."""
    from listenkey.cli.demo.comparison import ledger_fills

    ends_s = asyncio.get_running_loop().time() + within_s
    while True:
        fills = ledger_fills(exchange.ledger(ACCOUNT))
        is_whole = len(recorder.received) >= len(fills) and recorder.open_gap is None
        if is_whole or asyncio.get_running_loop().time() >= ends_s:
            return fills
        await asyncio.sleep(LOOK_EVERY_S)
