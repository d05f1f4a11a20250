"""
One chaos run: sandbox, proxy and client, each on its own; traffic, a fault, its end, and the verdict.

    with Stage(tmp_path, seed=7) as stage:
        stage.warm_up()
        stage.traffic(fills=60, per_second=30)
        stage.proxy.cut()
        stage.settle()
        stage.check()

Nothing waits for time to pass: `settle` waits until the traffic is made, the journal has every fill of the ledger and no
gap is open, and `check` asks the judge and the other oracles.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sim.judge import wrongs
from tests.chaos import oracles
from tests.chaos.processes import START_WITHIN_S, ClientProcess, SandboxProcess, until
from tests.chaos.proxy import Proxy

WARM_FILLS: Final = 10
SETTLE_WITHIN_S: Final = 60.0


class Stage:
    """
    Sandbox, proxy and client.

    Args:
        folder: For all files.
        seed: Of the proxy's chance and of the exchange.
        time_scale: Of the exchange's clock, which the client knows.
        timing: The client's durations; None runs `listenkey tail` as it is.
        switches: Of the sandbox.
        more: Of the client's environment.

    Attributes:
        allowed_refusals: Set by a test whose fault is that the venue refuses.
        sockets_max: Set by a test after which the exchange can't know that a socket has ended.
        others_deleted: How often another program deleted the key.
        slack_ms: Set by a test in which a message takes long to arrive: a gap begins when it is read.
        moved_clock: Set by a test that moved the exchange's clock: moments can't be compared then.
    """

    def __init__(
        self,
        folder: Path,
        seed: int = 1,
        *,
        time_scale: float = 1.0,
        timing: Mapping[str, Any] | None = None,
        switches: Mapping[str, Any] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.time_scale = time_scale
        self.allowed_refusals = False
        self.others_deleted = 0
        self.sockets_max = 1
        self.moved_clock = False
        self.slack_ms: float = oracles.CLOCKS_DIFFER_MS
        self.expected = 0
        self._timing = timing
        self._more = more
        self._switches = dict(switches or {})
        self._stack = ExitStack()
        self.sandbox: SandboxProcess
        self.proxy: Proxy
        self.client: ClientProcess

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.sandbox = stack.enter_context(
                SandboxProcess(self.folder, "--seed", str(self.seed), time_scale=self.time_scale)
            )
            if self._switches:
                self.sandbox.switch(**self._switches)
            self.proxy = stack.enter_context(Proxy(self.sandbox.port, self.seed))
            self.client = stack.enter_context(self._new_client())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _new_client(self) -> ClientProcess:
        account = self.sandbox.account
        return ClientProcess(
            self.folder / "client", self.proxy.port, account, self._timing, self.time_scale, more=self._more
        )

    def restart_client(self) -> None:
        """Another process goes on with the journal; the one before must have ended."""
        assert self.client.process.poll() is not None, "the first one still runs"
        self.client = self._stack.enter_context(self._new_client())

    # --- the course of a run -------------------------------------------------------------------------------------

    def warm_up(self, fills: int = WARM_FILLS) -> None:
        """The client is live, and has seen a few fills."""
        lives = self.client.count("live")
        until(lambda: self.client.count("live") > lives, START_WITHIN_S, f"live: {self.client.stderr.read_text()}")
        cmdline = Path(f"/proc/{self.client.process.pid}/cmdline")
        self.client.command_line = cmdline.read_bytes() if cmdline.exists() else b""
        self.burst(fills)
        until(lambda: self.client.fills() >= self.expected, START_WITHIN_S, "the first fills")

    def burst(self, fills: int) -> None:
        """So many fills, made when this returns."""
        self.expected += fills
        self.sandbox.burst(fills)

    def traffic(self, fills: int, per_second: float) -> None:
        """So many fills from now on; a fill is four events."""
        self.expected += fills
        self.sandbox.burst(fills, per_second)

    def outage(self, fills: int = 10) -> int:
        """The socket is cut, none can be opened, and so many fills happen; when that was, wall clock, ms."""
        self.proxy.doors("reset")
        began_ms = now_ms()
        self.proxy.cut()
        self.burst(fills)
        self.proxy.doors("open")
        return began_ms

    def requests(self, *which: str) -> int:
        """Count the requests the exchange has had, of these or of all."""
        counts = self.sandbox.meters()["requests"]
        return sum(count for name, count in counts.items() if not which or name in which)

    def sockets_opened(self) -> int:
        """Count the sockets the client has had."""
        return int(self.sandbox.meters()["sockets_opened"])

    def wait_for_fills(self, fills: int, within_s: float = 30.0) -> None:
        """So many more fills have reached the journal."""
        wanted = self.client.fills() + fills
        until(lambda: self.client.fills() >= wanted, within_s, f"{fills} more fills")

    def wait_for_gap(self, after_ms: float, within_s: float) -> float:
        """Seconds from a moment until the client told a gap; fails when it told none in time."""
        told_ms = until(lambda: self.client.told_ms("gap_opened", after_ms), within_s + 5, "a gap is told")
        took_s = (told_ms - after_ms) / 1000
        assert took_s <= within_s, f"the gap was told after {took_s:.2f} s, allowed are {within_s} s"
        return float(took_s)

    def wait_for_live(self, after_ms: float, within_s: float) -> float:
        """Seconds from a moment until the client was live again."""
        told_ms = until(lambda: self.client.told_ms("live", after_ms), within_s + 5, "it is live again")
        took_s = (told_ms - after_ms) / 1000
        assert took_s <= within_s, f"live again after {took_s:.2f} s, allowed are {within_s} s"
        return float(took_s)

    def settle(self, within_s: float = SETTLE_WITHIN_S) -> None:
        """The traffic is made, and the journal is whole."""
        until(lambda: len(self.sandbox.ledger()["fills"]) >= self.expected, within_s, "the traffic is made")
        until(self._is_whole, within_s, "every fill is in the journal and every gap is closed")

    def _is_whole(self) -> bool:
        assert self.client.process.poll() is None, f"the client ended: {self.client.stderr.read_text()}"
        return self.client.fills() >= len(self.sandbox.ledger()["fills"]) and not self.client.has_open_gap()

    # --- the verdict ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Everything that must hold after any fault."""
        ledger = self.sandbox.ledger()
        found = wrongs(ledger, self.client.journal, self.client.lines())
        found += oracles.uncovered(self._lost(ledger), [(gap[0], gap[1]) for gap in self.client.gaps()], self.slack_ms)
        meters, limit = self.sandbox.meters(), self.sandbox.call("GET", "/switches")["weight_per_minute"]
        found += oracles.beyond_limits(
            meters, limit, refusals=self.allowed_refusals, deletes=self.others_deleted, sockets=self.sockets_max
        )
        found += oracles.shown(self._secrets(), self._files(), [self.client.command_line])
        found += self._live_in_a_gap()
        assert not found, "\n".join(found)

    def _lost(self, ledger: Mapping[str, Any]) -> dict[tuple[str, int, int], float]:
        """Fills that happened, and whose frames never went down whole; none where moments can't be compared."""
        rows = {(row["symbol"], row["trade_id"], row["order_id"]): row["time_ms"] for row in ledger["fills"]}
        if self.moved_clock:
            return {}
        offset_ms = self.sandbox.wall_ms(0)
        return {
            fill: offset_ms + at_ms / self.time_scale for fill, at_ms in rows.items() if fill not in self.proxy.fills
        }

    def _secrets(self) -> set[bytes]:
        account = self.sandbox.account
        return self.proxy.secrets | {account["api_key"].encode(), account["api_secret"].encode()}

    def _files(self) -> list[Path]:
        return [*(path for path in self.client.journal.parent.iterdir() if path.is_file()), self.sandbox.stderr]

    def _live_in_a_gap(self) -> list[str]:
        """Return each look at the status that found LIVE between the opening of a gap and its end."""
        told = self.client.rows("SELECT kind, received_ms FROM items WHERE kind LIKE 'gap%' ORDER BY seq")
        spans = [(told[i][1], told[i + 1][1]) for i in range(len(told) - 1) if told[i][0] == "gap_opened"]
        lives = [one["wall_ms"] for one in self.client.statuses() if one["status"] == "LIVE"]
        return [
            f"LIVE at {at}, in the gap {span}" for span in spans for at in lives if span[0] + 10 < at < span[1] - 10
        ]


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
