"""
Streams as a process of its own, with journals on the disk: `Client` starts one and hears what it sees.

As a program (`python -m benchmarks.common.client`) it reads one JSON object from stdin, opens a stream with a journal for each
account in it, writes one JSON line for each fill, gap and change of status, and ends when stdin does.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common.exchange import Exchange
from listenkey import GapClosed, GapOpened, Live, Update, UserStream, Venue
from listenkey.events import OrderTradeUpdate, RecoveredFill

LOOK_EVERY_S = 0.01


class Client(AbstractContextManager["Client"]):
    """
    A process with streams of these accounts; ends with the block.

    Attributes:
        heard: What each account's stream told, in order; each with `at_s`, the wall clock of the process that told it.
        folder: Where the journals are, `NAME.db`.
    """

    def __init__(self, exchange: Exchange, accounts: list[dict[str, Any]]) -> None:
        self._folder = TemporaryDirectory(prefix="listenkey-benchmark-")
        self.folder = Path(self._folder.name)
        self.heard: dict[str, list[dict[str, Any]]] = {account["name"]: [] for account in accounts}
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.common.client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        told = {"rest_url": exchange.told["rest_url"], "ws_url": exchange.told["ws_url"], "accounts": accounts}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(told | {"folder": str(self.folder)}) + "\n")
        self.process.stdin.flush()
        threading.Thread(target=self._hear, daemon=True).start()
        for name in self.heard:
            self.until(name, lambda told: told["kind"] == "status" and told["status"] == "LIVE")

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End the process; the journals stay until the block ends."""
        if self.process.poll() is None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait(30)

    def until(
        self, name: str, is_it: Callable[[dict[str, Any]], bool], *, after: int = 0, within_s: float = 120
    ) -> dict[str, Any]:
        """The first thing this account's stream told, from place `after` on, that is it; waits for it."""
        ends_s = time.monotonic() + within_s
        with self._changed:
            while True:
                for told in self.heard[name][after:]:
                    if is_it(told):
                        return told
                after = len(self.heard[name])
                left_s = ends_s - time.monotonic()
                if left_s <= 0 or not self._changed.wait(left_s) or self.process.poll() is not None:
                    raise TimeoutError(f"{name}: not told within {within_s} s; last: {self.heard[name][-3:]}")

    def until_fills(self, name: str, count: int, within_s: float = 120) -> None:
        """Wait until so many fills were told."""
        with self._changed:
            held = self._changed.wait_for(lambda: len(self.fills(name)) >= count, within_s)
        if not held:
            raise TimeoutError(f"{name}: {len(self.fills(name))} of {count} fills within {within_s} s")

    def until_status(self, name: str, status: str, within_s: float = 120) -> None:
        """Wait until that is how the stream is."""
        with self._changed:
            held = self._changed.wait_for(lambda: self.statuses(name)[-1] == status, within_s)
        if not held:
            raise TimeoutError(f"{name}: not {status} within {within_s} s: {self.statuses(name)}")

    def statuses(self, name: str) -> list[str]:
        """Every status, in order."""
        return [told["status"] for told in self.heard[name] if told["kind"] == "status"]

    def fills(self, name: str) -> list[dict[str, Any]]:
        """Every fill that was told."""
        return [told for told in self.heard[name] if told["kind"] == "fill"]

    def written(self, name: str) -> list[tuple[str, int, str, str]]:
        """The fills in the journal's file, as SQLite alone shows them."""
        connection = sqlite3.connect(f"file:{self.folder / name}.db?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT symbol, trade_id, last_quantity, last_price FROM fills ORDER BY seq")
            return rows.fetchall()
        finally:
            connection.close()

    def verified(self, name: str) -> bool:
        """Return True where `listenkey journal verify` finds the journal whole."""
        line = [sys.executable, "-m", "listenkey", "journal", "verify", str(self.folder / f"{name}.db")]
        return subprocess.run(line, capture_output=True, check=False).returncode == 0

    def exact(self, exchange: Exchange, name: str) -> bool:
        """Ledger and journal hold the same fills, each once, to the digit, and the journal is whole. After `stop`."""
        ledger = exchange.call("GET", f"/ledger?account={name}")["fills"]
        truth = [(fill["symbol"], fill["trade_id"], fill["quantity"], fill["price"]) for fill in ledger]
        return sorted(self.written(name)) == sorted(truth) and self.verified(name)

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            with self._changed:
                self.heard[told.pop("account")].append(told)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


# --- the process ------------------------------------------------------------------------------------------------------


def tell(account: str, kind: str, **words: Any) -> None:
    print(json.dumps({"account": account, "kind": kind, "at_s": time.time(), **words}), flush=True)


async def read(stream: UserStream, name: str) -> None:
    async for item in stream:
        match item:
            case Update(event=OrderTradeUpdate() | RecoveredFill() as event) if event.is_fill:
                tell(
                    name,
                    "fill",
                    symbol=event.symbol,
                    trade_id=event.trade_id,
                    provenance=item.provenance,
                    late=item.late,
                )
            case GapOpened():
                tell(name, "gap_opened", from_ms=item.from_ms, why=item.why)
            case GapClosed():
                tell(name, "gap_closed", from_ms=item.from_ms, to_ms=item.to_ms, recovered=item.recovered)
            case Live():
                tell(name, "live", since_ms=item.since_ms)


async def watch(stream: UserStream, name: str) -> None:
    before = None
    while True:
        status = stream.health().status
        if status != before:
            before = status
            tell(name, "status", status=status)
        await asyncio.sleep(LOOK_EVERY_S)


async def serve(told: dict[str, Any]) -> None:
    venue = Venue(told["rest_url"], told["ws_url"], "sandbox")
    streams: list[UserStream] = []
    tasks: list[asyncio.Task[None]] = []
    for account in told["accounts"]:
        name = account["name"]
        journal = Path(told["folder"]) / f"{name}.db"
        stream = UserStream(
            api_key=account["api_key"], api_secret=account["api_secret"], venue=venue, journal=journal, account=name
        )
        streams.append(await stream.__aenter__())
        tasks += [asyncio.create_task(read(stream, name)), asyncio.create_task(watch(stream, name))]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    for stream in streams:
        await stream.aclose()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.stdin.readline())))
