"""One client as a process that says JSON lines, and conditions to wait for."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
END_TIMEOUT_S = 15.0


class Program:
    """The output of a process, and when it last printed something."""

    def __init__(self, process: Process, *, reads_stdin: bool = True) -> None:
        self.process = process
        self._reads_stdin = reads_stdin
        self.said: list[dict[str, Any]] = []
        self.fills: list[tuple[str, int, int]] = []
        self.last_fill_s = 0.0
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *line: str, env: dict[str, str], reads_stdin: bool = True) -> Program:
        """Start a program whose environment holds no more than it needs: no proxies, no keys of a real account."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = await asyncio.create_subprocess_exec(*line, env=kept | env, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        return cls(process, reads_stdin=reads_stdin)

    async def until(self, what: Callable[[Program], bool], quiet_s: float) -> bool:
        """Wait until it is true; False where so many seconds pass without output, or the process ends."""
        while not what(self):
            self._changed.clear()
            if self.ended:
                return False
            try:
                async with asyncio.timeout(quiet_s):
                    await self._changed.wait()
            except TimeoutError:
                return what(self)
        return True

    @property
    def ended(self) -> bool:
        """True where it has printed its last line."""
        return self._reading.done()

    async def stop(self) -> int:
        """Close its stdin, or send SIGTERM to what does not read it; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        if not self._reads_stdin and not self.ended:
            self.process.terminate()
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await self._reading
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self._take(json.loads(line))
            self._changed.set()
        self._changed.set()

    def _take(self, said: dict[str, Any]) -> None:
        """A peer's script says `fill`; `listenkey tail --json` says whole items."""
        event = said.get("event") or {}
        if "fill" in said:
            self._fill(*said["fill"])
        elif event.get("execution_type") == "TRADE":
            self._fill(event["symbol"], event["trade_id"], event["order_id"])
        else:
            self.said.append(said)

    def _fill(self, symbol: str, trade_id: int, order_id: int) -> None:
        self.fills.append((symbol, trade_id, order_id))
        self.last_fill_s = asyncio.get_running_loop().time()
