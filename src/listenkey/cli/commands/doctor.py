"""`listenkey doctor`: is the key good, the clock right, the socket reachable; what to do if not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from listenkey.cli import exit_codes
from listenkey.cli.config import settings
from listenkey.cli.config.options import account_options, configure_logs, debug_wanted
from listenkey.cli.config.settings import Addresses, Settings
from listenkey.cli.display.capabilities import colours_allowed, stdout_is_terminal
from listenkey.cli.groups import Command
from listenkey.cli.running import Stop, cancel_and_wait, run
from listenkey.errors import KeyUnknown, ListenKeyError
from listenkey.venue import CLOCK_AHEAD_MS, RECV_WINDOW_MS, WEIGHT_PER_MINUTE_ASSUMED, WEIGHT_PER_MINUTE_DOCUMENTED

if TYPE_CHECKING:
    from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
    from listenkey.stream.user_stream import UserStream

LIVE_WITHIN_S: Final = 15.0
"""A healthy stream is live within a second; after so long something is in its way."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The result of one check.

    Attributes:
        check: Its name, one word.
        ok: Whether all is well.
        found: What was seen, in words.
        advice: What to do; empty where nothing is.
        figures: The numbers behind the words, for `--json`.
        exit_code: What the command ends with if this is the first that is not well.
    """

    check: str
    ok: bool
    found: str
    advice: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    exit_code: int = exit_codes.FAILED


@click.command(cls=Command)
@account_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, one line per check.")
def doctor(key_file: Path | None, addresses: Addresses, as_json: bool) -> int:
    """
    Check the key, the clock and the socket, and say what to do where something is wrong.

    Sends GET time, PUT and POST listenKey, with a secret one signed GET bill, and opens a stream for a moment; places no orders and closes no listen key.
    Ends with 0 where all is well, else with the exit code of the first thing that is not.

    \b
    Examples:
      listenkey doctor
      listenkey doctor --venue testnet --key-file ~/.binance-options-test
      listenkey doctor --json | jq -r 'select(.ok | not) | .advice'
    """
    configure_logs(quiet=not debug_wanted())
    chosen = settings.load(key_file, addresses)
    return run(lambda stop: examine(stop, chosen, as_json=as_json))


async def examine(stop: Stop, chosen: Settings, *, as_json: bool) -> int:
    """Run all checks, show each when it is done, and return the exit code. Ctrl-C ends between and within them."""
    stop.exit_code = exit_codes.INTERRUPTED
    codes: list[int] = []

    async def show_all() -> None:
        async for finding in findings(chosen):
            show(finding, as_json=as_json)
            codes.append(exit_codes.DONE if finding.ok else finding.exit_code)

    work = asyncio.create_task(show_all())
    asked = asyncio.create_task(stop.asked.wait())
    await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not work.done():
        await cancel_and_wait(work)
        return exit_codes.INTERRUPTED
    work.result()
    return next((code for code in codes if code != exit_codes.DONE), exit_codes.DONE)


async def findings(chosen: Settings) -> AsyncIterator[Finding]:
    """The checks in an order in which each rests on those before it; ends where the next would only repeat a failure."""
    from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi

    yield credentials_finding(chosen)
    async with AsyncUserDataStreamsApi(api_key=chosen.api_key, base_url=chosen.venue.rest_url) as api:
        clock = await check_clock(api, chosen)
        yield clock
        if clock.exit_code == exit_codes.NOT_REACHABLE:
            return
        key = await check_key(api)
        yield key
        yield weight_finding(api.used_weight_1m)
    if not key.ok:
        return
    if chosen.credentials.can_sign:
        secret = await check_secret(chosen)
        yield secret
        if not secret.ok:
            return  # A stream would be refused for the same reason.
    yield await check_stream(chosen)


def credentials_finding(chosen: Settings) -> Finding:
    """Report the credentials that were found. Having no secret is well: the stream runs without."""
    found = f"API key {chosen.credentials.api_key.fingerprint()} from {exit_codes.safe(chosen.key_from)}"
    if chosen.credentials.private_key is not None:
        found += ", with a private key"
    elif chosen.credentials.api_secret is not None:
        found += ", with a secret"
    else:
        found += ", no secret (a stream needs none; gaps are then reported and not refilled)"
    return Finding("credentials", True, found, figures={"can_sign": chosen.credentials.can_sign})


async def check_clock(api: AsyncUserDataStreamsApi, chosen: Settings) -> Finding:
    """Measure how far this machine's clock is from the venue's, half of the round trip taken off."""
    try:
        await api.server_time()  # Opens the connection, so that the next one measures only the way there and back.
        before_s, sent_ns = time.perf_counter(), time.time_ns()
        theirs_ms = await api.server_time()
        trip_ms = (time.perf_counter() - before_s) * 1000
    except ListenKeyError as error:
        return failed("clock", error)
    ahead_ms = round(sent_ns / 1e6 + trip_ms / 2 - theirs_ms)
    figures = {"ahead_ms": ahead_ms, "round_trip_ms": round(trip_ms, 1)}
    if chosen.venue.time_scale != 1:
        return Finding("clock", True, f"the venue's time is scaled; round trip {trip_ms:.0f} ms", figures=figures)
    words = f"{abs(ahead_ms)} ms {'ahead of' if ahead_ms > 0 else 'behind'} the venue, round trip {trip_ms:.0f} ms"
    # Half of what a signed request is allowed, so that a clock that drifts is told before it fails.
    if -RECV_WINDOW_MS / 2 < ahead_ms < CLOCK_AHEAD_MS / 2:
        return Finding("clock", True, words, figures=figures)
    return Finding("clock", False, words, "set this machine's clock; switch time synchronisation (NTP) on", figures)


async def check_key(api: AsyncUserDataStreamsApi) -> Finding:
    """Check that the venue accepts the API key: extends the active listen key, or makes one."""
    try:
        active = await extend(api)
        await api.options_create_listen_key_v1()
    except ListenKeyError as error:
        return failed("key", error)
    state = "a listen key was active and is extended" if active else "a listen key was made"
    return Finding("key", True, f"accepted; {state}", figures={"was_active": active})


async def check_secret(chosen: Settings) -> Finding:
    """Check that the venue accepts our signature: reads one row of the account's bill."""
    from listenkey.rest.proof import prove

    try:
        await prove(chosen.credentials, chosen.venue)
    except ListenKeyError as error:
        return failed("secret", error)
    what = "private key" if chosen.credentials.private_key is not None else "secret"
    return Finding("secret", True, f"accepted; the {what} belongs to the API key, and it may read")


async def extend(api: AsyncUserDataStreamsApi) -> bool:
    """PUT; whether there was a listen key."""
    try:
        await api.options_update_listen_key_v1()
    except KeyUnknown:
        return False
    return True


def weight_finding(used: int | None) -> Finding:
    """Report how much of the minute's weight this IP has used, ours and that of everybody else behind it."""
    if used is None:
        return Finding("weight", True, "the venue does not say how much weight is used")
    figures = {"used_weight_1m": used}
    words = f"{used} used in this minute by this IP address"
    if used < WEIGHT_PER_MINUTE_ASSUMED * 0.8:
        return Finding("weight", True, words, figures=figures)
    if used < WEIGHT_PER_MINUTE_DOCUMENTED * 0.8:
        words += (
            f"; a recovery of a stream here may use that, but some addresses have {WEIGHT_PER_MINUTE_ASSUMED} at most"
        )
        return Finding("weight", True, words, figures=figures)
    advice = "wait a minute and run it again; where it stays, find out what else sends requests from this address"
    return Finding("weight", False, words, advice, figures, exit_codes.NOT_REACHABLE)


async def check_stream(chosen: Settings) -> Finding:
    """Check that a stream becomes live."""
    from listenkey.cli.config.stream import open_stream

    started_s = time.perf_counter()
    why, status = "", "LIVE"
    try:
        async with open_stream(chosen) as stream:
            if not await is_live_in_time(stream):
                why = exit_codes.safe(stream.health().why) or "no answer"
            status = stream.health().status
    except ListenKeyError as error:
        return failed("socket", error)
    after_s = time.perf_counter() - started_s
    if why:
        advice = "check the firewall and --ws-url; try another way with --attach path"
        words = f"not live after {after_s:.0f} s, {status}: {why}"
        return Finding("socket", False, words, advice, {"status": status}, exit_codes.NOT_REACHABLE)
    words = f"{'live' if status == 'LIVE' else f'live, then {status},'} after {after_s:.1f} s ({chosen.venue.attach.value} at {exit_codes.safe(chosen.venue.ws_url)})"
    return Finding("socket", True, words, figures={"live_after_s": round(after_s, 3), "status": status})


async def is_live_in_time(stream: UserStream) -> bool:
    """Return True where the stream reports within `LIVE_WITHIN_S` that it is live."""
    from listenkey.items import Live

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIVE_WITHIN_S):
            async for item in stream:
                if isinstance(item, Live):
                    return True
    return False


def failed(check: str, error: ListenKeyError) -> Finding:
    """A check that the library's own error ended."""
    code, advice = exit_codes.meaning(error)
    return Finding(check, False, exit_codes.sentence(error), advice, {"error": type(error).__name__}, code)


def glyph_of(*, ok: bool, encoding: str) -> str:
    """A check mark or a cross; words where the terminal's encoding has neither."""
    glyph = "✓" if ok else "✗"
    try:
        glyph.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return "ok" if ok else "NO"
    return glyph


def show(finding: Finding, *, as_json: bool) -> None:
    """One finding, at once."""
    if as_json:
        told = asdict(finding)
        told |= told.pop("figures")
        del told["exit_code"]
        click.echo(json.dumps(told))
        return
    colours = stdout_is_terminal() and colours_allowed()
    glyph = glyph_of(ok=finding.ok, encoding=sys.stdout.encoding or "ascii")
    if colours:
        glyph = click.style(glyph, fg="green" if finding.ok else "red", bold=True)
    click.echo(f"{glyph} {finding.check:12} {finding.found}")
    if finding.advice:
        click.echo(f"  {'':12} what to do: {finding.advice}")
