"""`listenkey demo`: an exchange, an account whose orders fill, and its stream, all on this machine."""

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

from listenkey.cli import exits
from listenkey.cli.lazy import Command
from listenkey.cli.options import DURATION, configure_logs, debug_option, debug_wanted
from listenkey.cli.running import Stop, first_of, put_away, run
from listenkey.cli.terminal import stdout_is_terminal
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.cli.demo_plug import Plan, Saboteur
    from listenkey.cli.demo_summary import Ending
    from listenkey.cli.demo_truth import Fill, Received
    from listenkey.cli.demo_witness import Witness
    from listenkey.cli.shows import Show
    from listenkey.sandbox.server import Sandbox
    from listenkey.stream import UserStream

SECONDS_WITHOUT_TERMINAL: Final = 20.0
SETTLE_WITHIN_S: Final = 1.0
"""The time that the last trades get to arrive after Ctrl-C, which must end at once. They take milliseconds."""

SETTLE_AT_LEISURE_S: Final = 10.0
"""The same at the end of `--seconds`: also for a plug that was out until then."""

LOOK_EVERY_S: Final = 0.01

ACCOUNT: Final = "alice"


@click.command(cls=Command)
@click.option(
    "--seconds",
    type=DURATION,
    metavar="N",
    help="End after N seconds; by default at Ctrl-C, or after 20 s where stdout is no terminal.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, the summary last.")
@click.option("--journal", metavar="J", help="Keep the journal in this file; by default it is deleted at the end.")
@click.option("--seed", type=int, default=1, hidden=True)
@debug_option
def demo(seconds: float | None, as_json: bool, journal: str | None, seed: int) -> int:
    """
    Watch fills arrive from an exchange on this machine; no account and no internet needed.

    Starts a sandbox exchange whose bots trade with an account, and the stream of that account: the same code that runs
    against Binance. Then it pulls the plug, while trading goes on, and later loses a message on a living socket: what
    was missed is brought back. Ends with a summary, and with exit code 1 unless the exchange's own ledger, the stream
    and the journal on the disk hold the same fills, each once.

    \b
    Examples:
      listenkey demo
      listenkey demo --seconds 5 --json | tail -1
    """
    check_new(journal)
    view = stdout_is_terminal() and not as_json
    # What it breaks is told among the items; warnings of the same on stderr would look as if something else were wrong.
    configure_logs(quiet=view or not debug_wanted())
    if seconds is None and not stdout_is_terminal():
        seconds = SECONDS_WITHOUT_TERMINAL
    return run(
        lambda stop: perform(stop, view=view, as_json=as_json, journal=journal, seed=seed, seconds=seconds),
        seconds=seconds,
    )


def check_new(journal: str | None) -> None:
    """Each demo has an exchange of its own whose trade ids begin at 1; an older journal would take them for its own."""
    from listenkey.journal.files import is_there
    from listenkey.journal.place import journal_path

    if journal is not None and is_there(journal_path(journal)):
        raise UsageError(f"{journal} exists, and the demo's exchange is a new one each time: name a new file")


async def perform(
    stop: Stop, *, view: bool, as_json: bool, journal: str | None, seed: int, seconds: float | None = None
) -> int:
    """The exchange, the stream and the show; then the truth about them, as the exit code."""
    from listenkey.cli.demo_plug import plan_for
    from listenkey.cli.demo_summary import demo_line, demo_sentence
    from listenkey.cli.demo_witness import Witness
    from listenkey.sandbox.server import Sandbox

    witness = Witness()
    exchange = Sandbox(seed=seed, accounts=(ACCOUNT,))
    exchange.run_market(False)
    with place_for(stop, journal) as path:
        async with exchange, stream_of(exchange, path) as stream:
            async with show_for(stop, stream, view=view, as_json=as_json) as show:
                ending = await watch(stop, exchange, stream, show, witness, path, plan_for(seconds))
            # Said before connections are closed, and the exit code settled: closing may take longer than Ctrl-C waits.
            stop.exit_code = exits.DONE if ending.equal else exits.FAILED
            if stop.why == "closed":
                stop.exit_code = exits.DONE
            elif as_json:
                click.echo(demo_line(witness, stream.health(), ending), nl=False)
            else:
                ending = dataclasses.replace(ending, kept_in=journal)
                click.echo(demo_sentence(witness, stream.health(), ending))
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
def place_for(stop: Stop, journal: str | None) -> Iterator[Path]:
    """Yield the journal's path: the user's, or one in a folder that goes with the demo."""
    from listenkey.journal.place import journal_path

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
    from listenkey.cli.opening import open_stream
    from listenkey.cli.settings import Settings
    from listenkey.credentials import Credentials
    from listenkey.venue import Venue

    account = exchange.accounts[0]
    credentials = Credentials.of(account.api_key, account.api_secret)
    venue = Venue(exchange.rest_url, exchange.ws_url, "sandbox")
    return open_stream(Settings(credentials, venue, "sandbox"), journal=str(journal), account=account.name)


def show_for(stop: Stop, stream: UserStream, *, view: bool, as_json: bool) -> Show:
    """The full-screen view, JSON lines, or words."""
    if view:
        from listenkey.cli.screen import ScreenShow
        from listenkey.cli.view import Setting

        return ScreenShow(stop, stream.health, Setting("sandbox", "in a file of the demo"))
    from listenkey.cli.shows import JsonShow, PlainShow

    return JsonShow(stop) if as_json else PlainShow(stop)


async def watch(
    stop: Stop, exchange: Sandbox, stream: UserStream, show: Show, witness: Witness, journal: Path, plan: Plan
) -> Ending:
    """
    Trade from the moment the stream is live until asked to stop, breaking things by plan; then compare.

    Nothing is traded before the stream is live, so the whole ledger must be in the stream.
    """
    from listenkey.cli.demo_plug import Saboteur, mended
    from listenkey.cli.demo_summary import Ending
    from listenkey.cli.demo_truth import compare
    from listenkey.cli.follow import read
    from listenkey.journal.verify import verify

    saboteur = Saboteur(exchange, plan, show.note)
    reading = asyncio.create_task(read(stream, show, witness), name="listenkey demo")
    trading = asyncio.create_task(trade_once_live(exchange, witness, saboteur))
    try:
        await first_of(stop, reading)
        await put_away(trading)
        exchange.run_market(False)
        saboteur.mend()
        within_s = SETTLE_WITHIN_S if stop.why == "signal" else SETTLE_AT_LEISURE_S
        ledger = await settled(exchange, witness, within_s)
        open_gap = witness.open_gap
        open_from_ms = None if open_gap is None else open_gap.from_ms
        # In a thread, and while the stream is open: what a reader was shown is on the disk by then, so it must be there.
        whole, written = await asyncio.gather(
            asyncio.to_thread(verify, journal), asyncio.to_thread(written_in, journal)
        )
        return Ending(
            stream=compare(ledger, witness.received, open_from_ms),
            journal=compare(ledger, written, open_from_ms),
            whole=whole,
            mended=mended(saboteur.damages, witness.seen_gaps),
        )
    finally:
        await put_away(trading)
        await put_away(reading)


async def trade_once_live(exchange: Sandbox, witness: Witness, saboteur: Saboteur) -> None:
    """Let the bots trade when the stream has said that it is live, and then break things."""
    await witness.went_live.wait()
    exchange.run_market(True)
    await saboteur.run()


def written_in(journal: Path) -> list[Received]:
    """The fills of a journal, read from the disk by a reader of its own."""
    from listenkey.cli.demo_truth import received_in
    from listenkey.journal.reader import JournalReader

    reader = JournalReader(journal)
    try:
        fills: list[Received] = []
        after = 0
        while items := reader.read(after):
            fills += received_in(items)
            after = items[-1].seq
        return fills
    finally:
        reader.close()


async def settled(exchange: Sandbox, witness: Witness, within_s: float) -> list[Fill]:
    """The ledger's fills after the stream had its time to bring them all."""
    from listenkey.cli.demo_truth import ledger_fills

    ends_s = asyncio.get_running_loop().time() + within_s
    while True:
        fills = ledger_fills(exchange.ledger(ACCOUNT))
        is_whole = len(witness.received) >= len(fills) and witness.open_gap is None
        if is_whole or asyncio.get_running_loop().time() >= ends_s:
            return fills
        await asyncio.sleep(LOOK_EVERY_S)
