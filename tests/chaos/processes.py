"""The two real processes of a chaos run: the exchange, and a client that writes a journal."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

POLL_S: Final = 0.01
START_WITHIN_S: Final = 30.0
STOP_WITHIN_S: Final = 10.0


def until(what: Callable[[], Any], within_s: float, why: str) -> Any:
    """Wait for a condition of which nobody tells; what it answered."""
    ends_s = time.monotonic() + within_s
    while not (answer := what()):
        assert time.monotonic() < ends_s, f"not within {within_s} s: {why}"
        time.sleep(POLL_S)
    return answer


class SandboxProcess:
    """
    `listenkey sandbox` on a free port; a context manager.

    Args:
        folder: For its stderr.
        options: More of the command's.
        time_scale: Of its clock.
    """

    def __init__(self, folder: Path, *options: str, time_scale: float = 1.0, port: int = 0) -> None:
        self.stderr = folder / f"sandbox-{time.monotonic_ns()}.err"
        self.time_scale = time_scale
        command = [sys.executable, "-m", "listenkey", "sandbox", "--port", str(port), "--json", "--no-market", *options]
        command += ["--time-scale", str(time_scale)]
        with self.stderr.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.process.stdout is not None
        self.told: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.account: dict[str, str] = self.told["accounts"][0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(STOP_WITHIN_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def port(self) -> int:
        return int(self.told["rest_url"].rpartition(":")[2])

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One of the owner's calls."""
        request = urllib.request.Request(
            f"{self.told['control_url']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Sandbox-Token": self.told["control_token"], "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def ask(self, method: str, path: str, within_s: float = 10.0) -> tuple[int, bytes]:
        """A request with the account's API key, as another program of the same user would send it."""
        headers = {"X-MBX-APIKEY": self.account["api_key"]}
        request = urllib.request.Request(f"{self.told['rest_url']}{path}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=within_s) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def fault(self, kind: str, **parameters: Any) -> int:
        return int(self.call("POST", "/faults", {"kind": kind, **parameters})["id"])

    def faults(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.call("GET", "/faults")
        return listed

    def clear_faults(self) -> None:
        self.call("DELETE", "/faults")

    def switch(self, **switches: Any) -> None:
        self.call("POST", "/switches", switches)

    def burst(self, fills: int, per_second: float | None = None) -> None:
        """Real fills; with a rate it answers at once, without when they are made."""
        body = {"account": self.account["name"], "fills": fills}
        self.call("POST", "/burst", body if per_second is None else {**body, "per_second": per_second})

    def ledger(self) -> dict[str, Any]:
        told: dict[str, Any] = self.call("GET", f"/ledger?account={self.account['name']}")
        return told

    def meters(self) -> dict[str, Any]:
        told: dict[str, Any] = self.call("GET", "/meters")
        return told

    def wall_ms(self, at_ms: int) -> float:
        """A moment of the exchange's clock, by ours."""
        now_ms: int = self.call("GET", "/clock")["now_ms"]
        return time.time() * 1000 - (now_ms - at_ms) / self.time_scale


class ClientProcess:
    """
    A client as a process of its own: `listenkey tail --json --journal`, or `tests.chaos.client` where durations are set.

    Args:
        folder: For the journal, and what it prints.
        port: Where its venue seems to be.
        account: Its keys.
        timing: Durations that differ from the defaults; None runs the command itself.
        time_scale: Of the venue's clock.
        encrypted: Whether the venue is said to speak TLS.
        more: Of the environment.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        account: Mapping[str, str],
        timing: Mapping[str, Any] | None = None,
        time_scale: float = 1.0,
        *,
        encrypted: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.journal = folder / "fills.db"
        self.stdout, self.stderr, self.status = folder / "stdout", folder / "stderr", folder / "status"
        self.status.touch()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
        environment = kept | {
            "BINANCE_API_KEY": account["api_key"],
            "BINANCE_API_SECRET": account["api_secret"],
            "LISTENKEY_REST_URL": f"http{'s' * encrypted}://127.0.0.1:{port}",
            "LISTENKEY_WS_URL": f"ws{'s' * encrypted}://127.0.0.1:{port}",
            "LISTENKEY_TIME_SCALE": str(time_scale),
        }
        program = ["listenkey", "tail", "--json", "--journal", str(self.journal)]
        if timing is not None:
            program = ["tests.chaos.client", str(self.journal), str(self.status), json.dumps(timing)]
        with self.stdout.open("ab") as out, self.stderr.open("ab") as errors:
            command = [sys.executable, "-m", *program]
            self.process = subprocess.Popen(command, env=environment | dict(more or {}), stdout=out, stderr=errors)
        self.command_line = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_WITHIN_S)

    def stop(self) -> float:
        """SIGTERM; how long it took, seconds."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_WITHIN_S)
        return time.monotonic() - began_s

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Ask the journal."""
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, values).fetchall()

    def count(self, kind: str) -> int:
        """Count the items of a kind in the journal."""
        if not self.journal.exists():
            return 0
        try:
            return int(self.rows("SELECT count(*) FROM items WHERE kind = ?", kind)[0][0])
        except sqlite3.OperationalError:  # It is being made.
            return 0

    def fills(self) -> int:
        return int(self.rows("SELECT count(*) FROM fills")[0][0])

    def has_open_gap(self) -> bool:
        return bool(self.rows("SELECT 1 FROM gaps WHERE closed_seq IS NULL"))

    def gaps(self) -> list[tuple[int, int | None, str]]:
        """`(from, to, why)` of each gap told, wall clock, ms."""
        return self.rows("SELECT from_ms, to_ms, why FROM gaps ORDER BY opened_seq")

    def told_ms(self, kind: str, after_ms: float) -> int | None:
        """Return when the first item of a kind was reported after a moment, wall clock, ms."""
        sql = "SELECT min(received_ms) FROM items WHERE kind = ? AND received_ms >= ?"
        found: int | None = self.rows(sql, kind, int(after_ms))[0][0]
        return found

    def statuses(self) -> list[dict[str, Any]]:
        """Every change of its status; empty for the command itself."""
        return [json.loads(line) for line in self.status.read_text().splitlines()]

    def lines(self) -> list[bytes]:
        """Return the whole lines it has printed."""
        whole, _, _ = self.stdout.read_bytes().rpartition(b"\n")
        return whole.splitlines()
