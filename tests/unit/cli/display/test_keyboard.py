"""Keys come one by one, and the terminal is given back as it was."""

from __future__ import annotations

import asyncio
import os
import termios

import pytest

from listenkey.cli.display.keyboard import Keyboard, keys_in


def test_an_arrow_is_one_key() -> None:
    assert keys_in(b"q\x1b[A\x1bOB\x1b[6~p\x1b") == [b"q", b"\x1b[A", b"\x1bOB", b"\x1b[6~", b"p", b"\x1b"]


async def test_keys_are_told_and_the_terminal_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp())
    before = termios.tcgetattr(theirs)
    came: asyncio.Queue[bytes] = asyncio.Queue()
    keyboard = Keyboard(came.put_nowait, theirs)
    keyboard.open()
    assert termios.tcgetattr(theirs)[3] & (termios.ICANON | termios.ECHO) == 0
    assert termios.tcgetattr(theirs)[3] & termios.ISIG
    os.write(ours, b"p\x1b[B")
    async with asyncio.timeout(10):
        assert [await came.get(), await came.get()] == [b"p", b"\x1b[B"]
    keyboard.close()
    keyboard.close()
    assert termios.tcgetattr(theirs) == before
    assert not asyncio.get_running_loop().remove_reader(theirs)
    os.close(ours)
    os.close(theirs)


async def test_a_process_in_the_background_leaves_the_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp() + 1)
    before = termios.tcgetattr(theirs)
    keyboard = Keyboard(lambda _: None, theirs)
    keyboard.open()
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


async def test_without_a_terminal_it_does_nothing() -> None:
    reading, writing = os.pipe()
    keyboard = Keyboard(lambda _: None, reading)
    keyboard.open()
    keyboard.close()
    os.close(reading)
    os.close(writing)


async def test_a_terminal_that_goes_away_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp())
    keyboard = Keyboard(lambda _: None, theirs)
    keyboard.open()
    os.close(ours)
    gone = asyncio.Event()
    monkeypatch.setattr(asyncio.get_running_loop(), "remove_reader", lambda _: gone.set())
    async with asyncio.timeout(10):
        await gone.wait()
    monkeypatch.undo()
    keyboard.close()
    os.close(theirs)
