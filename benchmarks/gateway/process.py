"""A gateway in a process of its own, with accounts of a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common.exchange import Exchange

CLOCK_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


class GatewayProcess(AbstractContextManager["GatewayProcess"]):
    """
    `listenkey gateway run` on a free port; ends with the block.

    Args:
        exchange: Where the accounts are.
        accounts: They, with their keys.
        time_scale: The sandbox's.
        stakes: What is noted as at stake, for an order of the start.
        keys_per_socket: Listen keys that share a socket.
        program: What is run; `benchmarks.gateway.faster` where audits and polls are to be scaled as well.

    Attributes:
        folder: Its configuration, keys and journals.
    """

    def __init__(
        self,
        exchange: Exchange,
        accounts: list[dict[str, Any]],
        *,
        time_scale: float = 1.0,
        stakes: Mapping[str, tuple[int, int]] | None = None,
        keys_per_socket: int = 1,
        program: str = "listenkey",
    ) -> None:
        self._folder = TemporaryDirectory(prefix="listenkey-gateway-")
        self.folder = Path(self._folder.name)
        (self.folder / "journals").mkdir(mode=0o700)
        lines = ["[gateway]", 'journal = "journals"', f"keys_per_socket = {keys_per_socket}"]
        for account in accounts:
            file = self.folder / f"{account['name']}.env"
            file.write_text(f"BINANCE_API_KEY={account['api_key']}\nBINANCE_API_SECRET={account['api_secret']}\n")
            file.chmod(0o600)
            lines += ["[[accounts]]", f'name = "{account["name"]}"', f'key = "file:{file.name}"']
        (self.folder / "gateway.toml").write_text("\n".join(lines))
        if stakes is not None:
            (self.folder / "journals" / "at-stake.json").write_text(json.dumps(stakes))
        environment = {
            **os.environ,
            "LISTENKEY_REST_URL": exchange.venue.rest_url,
            "LISTENKEY_WS_URL": exchange.venue.ws_url,
            "LISTENKEY_TIME_SCALE": str(time_scale),
        }
        command = [sys.executable, "-m", program, "gateway", "run", "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, "--config", str(self.folder / "gateway.toml")],
            stdout=subprocess.PIPE,
            stderr=(self.folder / "log").open("w"),
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        self.told: dict[str, Any] = json.loads(line)

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def journals(self) -> Path:
        """The folder of its journals."""
        return self.folder / "journals"

    def get(self, path: str) -> Any:
        """The JSON of one of its addresses."""
        request = urllib.request.Request(
            f"{self.told['url']}{path}", headers={"Authorization": f"Bearer {self.told['token']}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def accounts(self) -> list[dict[str, Any]]:
        """Its accounts."""
        found: list[dict[str, Any]] = self.get("/v1/accounts")["accounts"]
        return found

    def cpu_s(self) -> float:
        """The CPU time that it has used, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_A_SECOND

    def rss_mib(self) -> float:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB
