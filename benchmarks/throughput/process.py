"""The venue's process, and what it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class VenueProcess:
    """The venue's process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput.venue"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.urls: dict[str, str] = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def send(self, line: str) -> dict[str, Any]:
        self.tell(line)
        return self._answer()

    def close(self) -> None:
        self.tell("quit")
        self._process.communicate(timeout=10)
