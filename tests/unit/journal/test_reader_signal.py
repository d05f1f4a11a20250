"""Test the waiting of a journal's reader."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.journal.reader_signal import ReaderSignal


async def test_a_reader_waits_until_it_is_woken() -> None:
    signal = ReaderSignal()
    signal.wake()  # nobody waits: it is not kept
    waiting = asyncio.ensure_future(signal.wait())
    await asyncio.sleep(0)
    assert signal.waiting is not None
    signal.wake()
    signal.wake()
    await waiting
    assert signal.waiting is None


async def test_a_reader_that_gives_up_leaves_nothing_to_wake() -> None:
    signal = ReaderSignal()
    waiting = asyncio.ensure_future(signal.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert signal.waiting is None


def test_the_first_error_is_the_end() -> None:
    signal = ReaderSignal()
    signal.end(None)
    assert signal.has_ended
    with pytest.raises(StopAsyncIteration):
        signal.raise_end()
    signal.end(ZeroDivisionError())
    signal.end(OSError())
    with pytest.raises(ZeroDivisionError):
        signal.raise_end()
