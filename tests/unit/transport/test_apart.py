"""Test work that runs apart: it gives its result, ends with its caller, and shows nothing of itself."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from listenkey.transport.apart import apart


async def test_the_result_and_the_error_come_back() -> None:
    async def seven() -> int:
        return 7

    async def wrong() -> None:
        raise ValueError("wrong")

    assert await apart(seven()) == 7
    with pytest.raises(ValueError, match="wrong"):
        await apart(wrong())


async def test_a_cancellation_ends_the_work_and_shows_none_of_its_variables() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        hidden = "a key in plain text"
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
            del hidden

    task = asyncio.ensure_future(apart(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert ended.is_set(), "before the caller goes on"
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "in plain text" not in shown
