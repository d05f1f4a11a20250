"""A sandbox in a process of its own, and its control calls."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import AbstractContextManager
from typing import Any

from listenkey import Venue


class Exchange(AbstractContextManager["Exchange"]):
    """`listenkey sandbox` on a free port; ends with the block."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "listenkey", "sandbox", "--port", "0", "--json", "--no-market", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.told: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.account = self.told["accounts"][0]

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)  # After hours it has a long ledger to let go.
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def venue(self) -> Venue:
        return Venue(self.told["rest_url"], self.told["ws_url"], "sandbox")

    @property
    def api_key(self) -> str:
        return str(self.account["api_key"])

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One control call."""
        request = urllib.request.Request(
            f"{self.told['control_url']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Sandbox-Token": self.told["control_token"], "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def fault(self, kind: str, **parameters: Any) -> None:
        self.call("POST", "/faults", {"kind": kind, **parameters})

    def clear_faults(self) -> None:
        self.call("DELETE", "/faults")

    def more_accounts(self, count: int) -> list[dict[str, Any]]:
        """Make so many accounts, each with its keys."""
        return [self.call("POST", "/accounts", {"name": f"trader{number}"}) for number in range(count)]

    def burst(
        self, fills: int, per_second: float | None = None, *, wait: bool = False, account: str | None = None
    ) -> None:
        body = {"account": account or self.account["name"], "fills": fills, "wait": wait}
        self.call("POST", "/burst", body if per_second is None else {**body, "per_second": per_second})

    def fills(self, account: str | None = None) -> list[tuple[str, int]]:
        ledger = self.call("GET", f"/ledger?account={account or self.account['name']}")
        return [(fill["symbol"], fill["trade_id"]) for fill in ledger["fills"]]
