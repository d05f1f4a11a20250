"""
Kill, stop and cut off gateways and servers under load: `python -m benchmarks.gateway.workers [--accounts 300] [--events 1500]`.

Two gateways share the accounts of a sandbox on three servers of NATS with three replicas, each synchronised. In turn one gateway
is killed, one is stopped for 20 s and goes on, the leader of the stream is killed, and all servers are. Each time the survivor
must hold all accounts within a session and a second. At the end the log of each account must hold the ledger's fills, each once
and in order, and its numbers must have no hole.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

from benchmarks.common.exchange import Exchange
from listenkey.gateway.cluster.placement import draw
from listenkey.items import GapClosed, GapOpened, Item
from listenkey.journal.jetstream.account_journals import JetStreamJournals
from listenkey.journal.jetstream.address import LogAddress
from listenkey.journal.jetstream.api import ask
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster, made

TOKEN = "a-token-that-all-workers-have-in-common"
WITHIN_S = 120.0
HEARD = {"LIVE", "SETTLING", "RECOVERING", "SUSPECT", "DEGRADED"}
EVENTS_PER_FILL = 3.0
"""About: the order, the fill, and what it does to balance and position."""


class Worker:
    """A gateway in a process of its own, one of several."""

    def __init__(
        self,
        folder: Path,
        name: str,
        exchange: Exchange,
        journal: str,
        accounts: Sequence[str],
        session_s: int,
        program: str,
    ) -> None:
        self.name = name
        self._program = program
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._config = folder / f"{name}.toml"
        self._environment = {
            **os.environ,
            "LISTENKEY_REST_URL": exchange.venue.rest_url,
            "LISTENKEY_WS_URL": exchange.venue.ws_url,
        }
        lines = [
            "[gateway]",
            f'journal = "{journal}"',
            f'folder = "{name}"',
            f'worker = "{name}"',
            f"session_s = {session_s}",
            'token_file = "token"',
        ]
        for account in accounts:
            lines += ["[[accounts]]", f'name = "{account}"', f'key = "file:{account}.env"']
        self._config.write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", self._program, "gateway", "run", "--port", "0", "--json"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(self._config)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.log.read_text()[-2000:])
        self.url = json.loads(line)["url"]

    def send(self, sign: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(sign)

    def end(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal that ends it, and wait for that."""
        if self.process is not None and self.process.stdout is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(sign)
            self.process.wait(60)
            self.process.stdout.close()
            self.process = None

    def rows(self) -> list[dict[str, Any]]:
        """The rows of its accounts, as it tells them; none where it does not answer."""
        request = urllib.request.Request(f"{self.url}/v1/accounts", headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found: list[dict[str, Any]] = json.load(answer)["accounts"]
                return found
        except (OSError, urllib.error.URLError):
            return []

    def held(self) -> set[str]:
        """The accounts that it holds."""
        return {row["name"] for row in self.rows() if row["status"] != "ELSEWHERE"}

    def live(self) -> set[str]:
        """The accounts whose events it hears; REST may still be asked for what was missed."""
        return {row["name"] for row in self.rows() if row["status"] in HEARD}


class Outcome(NamedTuple):
    """
    The result.

    Attributes:
        took_s: The time of each takeover, by the name of the fault: until all accounts were held, and until all were live.
        lost: Fills of the ledger that no log holds.
        doubled: Fills that a log holds more than once, and messages beside its items.
        disordered: Accounts whose log has fills in another order than the ledger.
        holes: Accounts whose numbers have a hole.
        gaps: Gaps that were told.
        incomplete: Those among them that were closed without all fills, or not at all.
        fills: All fills of the ledgers.
        fenced: Accounts that the stopped worker let go of when it went on.
    """

    took_s: dict[str, tuple[float, float]]
    lost: int
    doubled: int
    disordered: int
    holes: int
    gaps: int
    incomplete: int
    fills: int
    fenced: int


class Play:
    """
    A sandbox, three servers and two workers.

    Args:
        folder: For all that they write.
        accounts: How many.
        fills_per_second: Of each account.
        session_s: The workers' sessions.
        program: The workers'; `benchmarks.gateway.unhurried` opens more sockets than the venue allows.
    """

    def __init__(
        self, folder: Path, accounts: int, fills_per_second: float, session_s: int, program: str = "listenkey"
    ) -> None:
        self._folder = folder
        self._count = accounts
        self._fills_per_second = fills_per_second
        self._session_s = session_s
        self._program = program
        self._cluster = Cluster(folder, 3)
        self._opened = ExitStack()
        self.took_s: dict[str, tuple[float, float]] = {}
        self.names: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _open(self) -> None:
        self.exchange = self._opened.enter_context(Exchange())
        limits = {"weight_per_minute": 1_000_000, "connections_per_5_min": 1_000_000}
        self.exchange.call("POST", "/switches", limits)
        for account in self.exchange.more_accounts(self._count):
            file = self._folder / f"{account['name']}.env"
            file.write_text(f"BINANCE_API_KEY={account['api_key']}\nBINANCE_API_SECRET={account['api_secret']}\n")
            file.chmod(0o600)
            self.names.append(account["name"])
        (self._folder / "token").write_text(TOKEN)
        (self._folder / "token").chmod(0o600)
        self._opened.callback(self._cluster.stop)
        self._cluster.start()
        journal = self._cluster.address()
        self.address: LogAddress = asyncio.run(made(journal, bytes_max=1 << 30))
        self.one, self.two = (
            Worker(self._folder, name, self.exchange, journal, self.names, self._session_s, self._program)
            for name in ("w1", "w2")
        )
        for worker in (self.one, self.two):
            self._opened.callback(worker.end)
            worker.start()
        self.until_shared()

    def until(self, condition: Callable[[], object], what: str) -> float:
        """Wait for something; seconds."""
        began_s = time.monotonic()
        while not condition():
            if time.monotonic() - began_s > WITHIN_S:
                statuses = [Counter(row["status"] for row in worker.rows()) for worker in (self.one, self.two)]
                raise TimeoutError(f"{what}, within {WITHIN_S:g} s: {statuses}")
            time.sleep(0.05)
        return time.monotonic() - began_s

    def until_shared(self) -> None:
        """Wait until both workers have their share, and all accounts are live."""

        first = {name for name in self.names if draw("w1", name) > draw("w2", name)}
        second = set(self.names) - first
        self.until(lambda: self.one.live() == first and self.two.live() == second, "both workers have their share")

    def load(self, seconds: float) -> None:
        """Let each account trade for so long."""
        fills = max(1, round(seconds * self._fills_per_second))
        for name in self.names:
            self.exchange.burst(fills, self._fills_per_second, account=name)

    def take_over(self, fault: str, survivor: Worker) -> None:
        """Wait until one worker has all accounts, and note how long that took."""
        began_s = time.monotonic()
        everything = set(self.names)
        self.until(lambda: survivor.held() == everything, f"{fault}: all accounts are held")
        held_s = time.monotonic() - began_s
        self.until(lambda: survivor.live() == everything, f"{fault}: all accounts are live")
        self.took_s[fault] = held_s, time.monotonic() - began_s

    # --- faults --------------------------------------------------------------------------------------------------

    def kill_worker(self) -> None:
        """Kill a worker, and start it again."""
        self.one.end()
        self.take_over("worker killed", self.two)
        self.one.start()
        self.until_shared()

    def stop_worker(self, seconds: float) -> int:
        """Let a worker stand still; return of how many accounts it let go when it went on."""
        held = len(self.one.held())
        before = self.one.log.read_text().count("writes nothing more of it")
        self.one.send(signal.SIGSTOP)
        ends_s = time.monotonic() + seconds
        self.take_over("worker stopped", self.two)
        time.sleep(max(0.0, ends_s - time.monotonic()))
        self.one.send(signal.SIGCONT)
        self.until(lambda: self._let_go() - before >= held, "the stopped worker lets go of its accounts")
        self.until_shared()
        return self._let_go() - before

    def _let_go(self) -> int:
        return self.one.log.read_text().count("writes nothing more of it")

    def kill_leader(self) -> None:
        """Kill the server that leads the stream, and start it again."""
        name = asyncio.run(leader_of(self.address))
        leader = next(node for node in self._cluster.nodes if node.name == name)
        leader.kill()
        time.sleep(3)
        leader.start()
        self._cluster.wait_until_healthy()
        self.until_shared()

    def kill_all(self) -> None:
        """Kill all servers, and start them again."""
        self._cluster.stop()
        time.sleep(1)
        self._cluster.start()
        self.until_shared()

    # --- the end -------------------------------------------------------------------------------------------------

    def outcome(self, fenced: int) -> Outcome:
        """Wait until every fill is in the log, and compare."""
        truth = self._ledgers()
        until_s = time.monotonic() + WITHIN_S
        while True:
            logs, _ = asyncio.run(read_all(self.address, self.names))
            newer = self._ledgers()
            is_whole = all(set(newer[name]) <= set(keys_of(logs[name])) for name in self.names)
            if (newer == truth and is_whole) or time.monotonic() > until_s:
                break
            truth = newer
            time.sleep(1)
        self.until(self._are_closed, "every gap is closed")
        for worker in (self.one, self.two):
            worker.end(signal.SIGTERM)  # So that nothing comes between the items and their count.
        logs, messages = asyncio.run(read_all(self.address, self.names))
        lost = doubled = disordered = holes = gaps = incomplete = 0
        for name in self.names:
            keys, items = keys_of(logs[name]), logs[name]
            lost += len(set(truth[name]) - set(keys))
            doubled += len(keys) - len(set(keys)) + messages[name] - len(items)
            disordered += keys != truth[name] and set(keys) == set(truth[name]) and len(keys) == len(truth[name])
            holes += [item.seq for item in items] != list(range(1, len(items) + 1))
            opened = sum(isinstance(item, GapOpened) for item in items)
            closed = sum(isinstance(item, GapClosed) and item.fills_complete for item in items)
            gaps += opened
            incomplete += opened - closed
        fills = sum(map(len, truth.values()))
        return Outcome(self.took_s, lost, doubled, disordered, holes, gaps, incomplete, fills, fenced)

    def _are_closed(self) -> bool:
        """Return True where no account that is held has a gap open."""
        rows = [row for worker in (self.one, self.two) for row in worker.rows() if row["status"] != "ELSEWHERE"]
        return len(rows) == self._count and all(row["open_gap_from_ms"] is None for row in rows)

    def _ledgers(self) -> dict[str, list[Any]]:
        found = {}
        for name in self.names:
            fills = self.exchange.call("GET", f"/ledger?account={name}")["fills"]
            found[name] = [(fill["symbol"], fill["trade_id"], fill["order_id"]) for fill in fills]
        return found


def keys_of(items: Sequence[Item]) -> list[Any]:
    """The keys of all fills, in order."""
    return [fill.key for item in items for fill in item.fills]


async def leader_of(address: LogAddress) -> str:
    """The name of the server that leads the stream."""
    servers = LogServers(address)
    await servers.acquire()
    try:
        return str((await ask(servers, f"STREAM.INFO.{address.names.stream}"))["cluster"]["leader"])
    finally:
        await servers.release()


async def read_all(address: LogAddress, names: Sequence[str]) -> tuple[dict[str, list[Item]], dict[str, int]]:
    """
    Read all items of each account, each compared with its hash chain, and count the messages.

    A reader takes an item that is there twice for one, so a message too many shows in the count alone.
    """
    journals = JetStreamJournals(LogServers(address), lambda: 0)
    await journals.open()
    found: dict[str, list[Item]] = {}
    for name in names:
        items = found[name] = []
        while more := await journals.read(name, items[-1].seq if items else 0, 512):
            items += more
    subjects = {name: address.names.of(name).events for name in names}
    told = await ask(journals.servers, f"STREAM.INFO.{address.names.stream}", {"subjects_filter": ">"})
    counts = told["state"].get("subjects", {})
    await journals.aclose()
    return found, {name: counts.get(subject, 0) for name, subject in subjects.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument("--events", type=float, default=1500, help="per second, of all accounts")
    parser.add_argument("--session", type=int, default=5)
    parser.add_argument("--stop", type=float, default=20, help="seconds that a worker stands still")
    asked = parser.parse_args()
    rate = asked.events / asked.accounts / EVENTS_PER_FILL
    with (
        TemporaryDirectory(prefix="listenkey-workers-") as folder,
        Play(Path(folder), asked.accounts, rate, asked.session, "benchmarks.gateway.unhurried") as play,
    ):
        print(f"{asked.accounts} accounts: {len(play.one.held())} and {len(play.two.held())}", flush=True)
        play.load(30)
        play.kill_worker()
        play.load(asked.stop + 15)
        fenced = play.stop_worker(asked.stop)
        play.load(30)
        play.kill_leader()
        play.load(30)
        play.kill_all()
        outcome = play.outcome(fenced)
    for fault, (held_s, live_s) in outcome.took_s.items():
        print(
            f"{fault}: all accounts held after {held_s:.1f} s, all live after {live_s:.1f} s (session {asked.session} s)"
        )
    print(
        f"{outcome.fills} fills: {outcome.lost} lost, {outcome.doubled} doubled, {outcome.disordered} accounts out of order"
    )
    print(
        f"{outcome.holes} accounts with a hole in their numbers; {outcome.gaps} gaps told, {outcome.incomplete} not whole"
    )
    print(f"the stopped worker let go of {outcome.fenced} accounts")
    return 1 if outcome.lost or outcome.doubled or outcome.disordered or outcome.holes else 0


if __name__ == "__main__":
    sys.exit(main())
