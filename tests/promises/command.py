"""The command as a process of its own, against a sandbox of this one."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from listenkey.blocking.event_loop import CHOICE
from listenkey.testing import LocalSandbox

PATIENCE_S = 20.0


def environment(exchange: LocalSandbox | None = None, **more: str) -> dict[str, str]:
    """A bare environment that points to the sandbox."""
    names = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH", CHOICE)
    kept = {name: os.environ[name] for name in names if name in os.environ}
    if exchange is not None:
        kept |= {"BINANCE_API_KEY": exchange.api_key, "BINANCE_API_SECRET": exchange.api_secret}
        kept |= {"LISTENKEY_REST_URL": exchange.rest_url, "LISTENKEY_WS_URL": exchange.ws_url}
    return kept | {"TERM": "xterm-256color"} | more


def finished(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    line = [sys.executable, "-m", "listenkey", *arguments]
    return subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(*arguments: str, env: dict[str, str], **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start it; whatever happens, it is gone afterwards."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    with subprocess.Popen([sys.executable, "-m", "listenkey", *arguments], env=env, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def lines(stream: IO[bytes] | None, within_s: float = PATIENCE_S) -> Iterator[dict[str, Any]]:
    """JSON lines as they come; fails when none comes for so long."""
    assert stream is not None
    waiting = b""
    poll = select.poll()  # `select` takes no descriptor above 1,023
    poll.register(stream, select.POLLIN)
    while poll.poll(within_s * 1000):
        data = os.read(stream.fileno(), 65536)
        if not data:
            return
        *whole, waiting = (waiting + data).split(b"\n")
        yield from map(json.loads, whole)
    raise AssertionError(f"no line within {within_s} s")


def ended_after_s(process: subprocess.Popen[bytes], signal_number: int) -> float:
    """Send a signal; how long the end took."""
    began_s = time.perf_counter()
    process.send_signal(signal_number)
    process.wait(PATIENCE_S)
    return time.perf_counter() - began_s
