"""`listenkey demo`: an exchange, an account whose orders fill, and its stream, all on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click

from listenkey.cli import exits
from listenkey.cli.lazy import Command
from listenkey.cli.options import DURATION, debug_option, debug_wanted
from listenkey.cli.running import Stop, first_of, put_away, run
from listenkey.cli.terminal import stdout_is_terminal
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.cli.shows import Show
    from listenkey.cli.summary import Tally, Verdict
    from listenkey.sandbox.server import Sandbox
    from listenkey.stream import UserStream

SECONDS_WITHOUT_TERMINAL: Final = 20.0
SETTLE_WITHIN_S: Final = 1.0
"""What was traded last gets so long to arrive. On one machine it takes milliseconds; Ctrl-C must end at once."""

LOOK_EVERY_S: Final = 0.01

ACCOUNT: Final = "alice"


@click.command(cls=Command)
@click.option(
    "--seconds",
    type=DURATION,
    metavar="N",
    help="End after so long; else at Ctrl-C, or after 20 s where stdout is no terminal.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the summary last.")
@click.option("--journal", metavar="J", help="A file to keep the items in; in memory by default.")
@click.option("--seed", type=int, default=1, hidden=True)
@debug_option
def demo(seconds: float | None, as_json: bool, journal: str | None, seed: int) -> int:
    """
    Watch fills arrive from an exchange on this machine; no account and no internet needed.

    Starts a sandbox exchange whose bots trade with an account, and the stream of that account: the same code that runs
    against Binance. Ends with a summary, and with exit code 1 if the stream did not bring exactly what the exchange's
    own ledger holds.

    \b
    Examples:
      listenkey demo
      listenkey demo --seconds 5 --json | tail -1
    """
    from listenkey.cli import logs

    check_new(journal)
    view = stdout_is_terminal() and not as_json
    logs.configure(debug=debug_wanted(), quiet=view)
    if seconds is None and not stdout_is_terminal():
        seconds = SECONDS_WITHOUT_TERMINAL
    return run(lambda stop: perform(stop, view=view, as_json=as_json, journal=journal, seed=seed), seconds=seconds)


def check_new(journal: str | None) -> None:
    """Each demo has an exchange of its own whose trade ids begin at 1; an older journal would take them for its own."""
    from listenkey.journal.place import journal_path

    if journal is not None and journal_path(journal).exists():
        raise UsageError(f"{journal} exists, and the demo's exchange is a new one each time: name a new file")


async def perform(stop: Stop, *, view: bool, as_json: bool, journal: str | None, seed: int) -> int:
    """The exchange, the stream and the show; then the truth about them, as the exit code."""
    from listenkey.cli.summary import Tally, demo_line, demo_sentence
    from listenkey.sandbox.server import Sandbox

    tally = Tally(keep_trades=True)
    exchange = Sandbox(seed=seed, accounts=(ACCOUNT,))
    exchange.run_market(False)
    async with exchange, stream_of(exchange, journal) as stream:
        async with show_for(stop, stream, view=view, as_json=as_json) as show:
            verdict = await watch(stop, exchange, stream, show, tally)
        # Said before connections are closed, and the exit code settled: closing may take longer than Ctrl-C waits.
        stop.exit_code = exits.DONE if verdict.equal else exits.FAILED
        if stop.why == "closed":
            stop.exit_code = exits.DONE
        elif as_json:
            click.echo(demo_line(tally, stream.health(), verdict), nl=False)
        else:
            click.echo(demo_sentence(tally, stream.health(), verdict))
    return stop.exit_code


def stream_of(exchange: Sandbox, journal: str | None) -> UserStream:
    """The stream of the exchange's first account, opened as any account's."""
    from listenkey.cli.opening import open_stream
    from listenkey.cli.settings import Settings
    from listenkey.credentials import Credentials
    from listenkey.venue import Venue

    account = exchange.accounts[0]
    credentials = Credentials.of(account.api_key, account.api_secret)
    venue = Venue(exchange.rest_url, exchange.ws_url, "sandbox")
    return open_stream(Settings(credentials, venue, "sandbox"), journal=journal, account=account.name)


def show_for(stop: Stop, stream: UserStream, *, view: bool, as_json: bool) -> Show:
    """The full-screen view, JSON lines, or words."""
    if view:
        from listenkey.cli.screen import ScreenShow

        return ScreenShow(stop, stream.health, place="sandbox")
    from listenkey.cli.shows import JsonShow, PlainShow

    return JsonShow(stop) if as_json else PlainShow(stop)


async def watch(stop: Stop, exchange: Sandbox, stream: UserStream, show: Show, tally: Tally) -> Verdict:
    """
    Trade from the moment the stream is live until asked to stop, let the last events arrive, and compare.

    Nothing is traded before the stream is live, so the whole ledger must be in the stream.
    """
    from listenkey.cli.follow import read
    from listenkey.cli.summary import compare

    reading = asyncio.create_task(read(stream, show, tally), name="listenkey demo")
    trading = asyncio.create_task(trade_once_live(exchange, tally))
    try:
        await first_of(stop, reading)
        await put_away(trading)
        exchange.run_market(False)
        return compare(await settled(exchange, tally), tally.trades)
    finally:
        await put_away(trading)
        await put_away(reading)


async def trade_once_live(exchange: Sandbox, tally: Tally) -> None:
    """Let the bots trade when the stream has said that it is live."""
    await tally.went_live.wait()
    exchange.run_market(True)


async def settled(exchange: Sandbox, tally: Tally) -> list[tuple[str, int]]:
    """The ledger's fills, (symbol, trade id) in order, after the stream had its time to bring them all."""
    ends_s = asyncio.get_running_loop().time() + SETTLE_WITHIN_S
    while True:
        trades = [(fill["symbol"], int(fill["trade_id"])) for fill in exchange.ledger(ACCOUNT)["fills"]]
        if len(tally.trades) >= len(trades) or asyncio.get_running_loop().time() >= ends_s:
            return trades
        await asyncio.sleep(LOOK_EVERY_S)
