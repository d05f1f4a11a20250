"""The clients that are compared, how each is started, and when each one listens."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.interop.environments import CCXT, OFFICIAL_SDK, OPENXAPI, PYTHON_BINANCE, Environment
from benchmarks.interop.program import Program
from listenkey.testing import LocalSandbox

READY_S = 60.0


@dataclass(frozen=True)
class Peer:
    """
    A client to run.

    Args:
        title: As shown.
        script: A module beside this one.
        streams: Whether it receives fills; otherwise it makes calls and says how they went.
        calls: How those are called in the table.
        market: Whether bots trade meanwhile, so that market data has something to say.
    """

    title: str
    script: str
    environment: Environment
    streams: bool = True
    calls: str = ""
    market: bool = False


PEERS = (
    Peer("official Python SDK", "official_sdk", OFFICIAL_SDK),
    Peer("ccxt.pro", "ccxt_pro", CCXT),
    Peer("openxapi", "openxapi", OPENXAPI, streams=False, calls="listen key calls"),
    Peer("ccxt", "ccxt_calls", CCXT, streams=False, calls="REST calls and streams", market=True),
    Peer(
        "python-binance",
        "python_binance_calls",
        PYTHON_BINANCE,
        streams=False,
        calls="REST calls and streams",
        market=True,
    ),
)


async def start_peer(peer: Peer, python: Path, sandbox: LocalSandbox) -> Program:
    env = {"REST_URL": sandbox.rest_url, "WS_URL": sandbox.ws_url}
    env |= {"API_KEY": sandbox.api_key, "API_SECRET": sandbox.api_secret}
    return await Program.start(str(python), "-m", f"benchmarks.interop.{peer.script}", env=env)


async def start_tail(sandbox: LocalSandbox) -> Program:
    """`listenkey tail --json`, on the API key alone."""
    env = {"BINANCE_API_KEY": sandbox.api_key}
    env |= {"LISTENKEY_REST_URL": sandbox.rest_url, "LISTENKEY_WS_URL": sandbox.ws_url}
    return await Program.start(sys.executable, "-m", "listenkey", "tail", "--json", env=env, reads_stdin=False)


async def all_attached(programs: Sequence[Program], sandbox: LocalSandbox) -> str:
    """Wait until each has said something and the exchange delivers to each; return what is wrong, or nothing."""
    if not all(await asyncio.gather(*(one.until(lambda one: bool(one.said), READY_S) for one in programs))):
        return "it did not start"
    name = sandbox.accounts[0].name
    try:
        async with asyncio.timeout(READY_S):
            while sum(name in socket["accounts"] for socket in sandbox.meters()["sockets"]) < len(programs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # Peers don't tell when SUBSCRIBE is answered; only the exchange knows.
    except TimeoutError:
        return "it never subscribed"
    return ""
