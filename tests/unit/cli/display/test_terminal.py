"""The view in a real (pseudo) terminal: drawn when something changes, and the terminal given back."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator

import pytest

from listenkey.cli.display.dashboard_view import StreamLabel
from listenkey.cli.display.terminal import BACK_TO_NORMAL, TO_ALTERNATE, DashboardRenderer, as_bytes, terminal_size
from listenkey.cli.running import Stop
from tests.unit.cli.samples import healthy, order_event, update


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    resize(theirs, 100, 30)
    os.set_blocking(ours, False)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def resize(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


async def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Return what the terminal was sent, up to and with `wanted`."""
    got = b""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        async with asyncio.timeout(10):
            while wanted not in got:
                await ready.wait()
                ready.clear()
                with contextlib.suppress(BlockingIOError):
                    got += os.read(descriptor, 65536)
    finally:
        loop.remove_reader(descriptor)
    return got


async def test_it_draws_redraws_when_resized_and_gives_the_terminal_back(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    stop = Stop()
    async with DashboardRenderer(stop, healthy, StreamLabel("sandbox"), theirs) as renderer:
        first = await read_until(ours, b"Ctrl-C ends")
        assert TO_ALTERNATE in first
        renderer.add(update(order_event(s="BTC-261225-91000-C")))
        await read_until(ours, b"BTC-261225-91000-C")
        assert terminal_size(theirs) == (100, 30)
        resize(theirs, 60, 16)
        redrawn = await read_until(ours, b"Ctrl-C ends")
        assert "─".encode() * 60 in redrawn
        assert len(stop.last_words) == 1
    await read_until(ours, BACK_TO_NORMAL)
    assert stop.last_words == []


async def test_an_end_by_force_gives_the_terminal_back_too(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    stop = Stop()
    async with DashboardRenderer(stop, healthy, StreamLabel("sandbox"), theirs):
        stop.last_words[0]()
        await read_until(ours, BACK_TO_NORMAL)


async def test_a_frame_that_did_not_change_is_not_sent_again(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, theirs = terminal
    renderer = DashboardRenderer(Stop(), healthy, StreamLabel("sandbox"), theirs)
    sent: list[bytes] = []
    monkeypatch.setattr(renderer.output, "write", sent.append)
    renderer._draw()
    renderer._draw()
    assert len(sent) == 1
    renderer.add(update(order_event()))
    renderer._draw()
    assert len(sent) == 2


async def test_a_terminal_that_is_behind_gets_no_further_frame(terminal: tuple[int, int]) -> None:
    _, theirs = terminal
    renderer = DashboardRenderer(Stop(), healthy, StreamLabel("sandbox"), theirs)
    renderer.output.pending_bytes = 10**6
    renderer._draw()
    assert renderer._drawn == b""


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = [Text("LIVE", style="green")]
    assert b"\x1b[32m" in as_bytes(lines, (80, 24))
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"\x1b[32m" not in as_bytes(lines, (80, 24))
