"""Waits that go on when the caller is cancelled, and end all the same."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.transport.closing import finish, outlast


async def test_a_cancelled_caller_waits_for_the_end_and_is_cancelled_then() -> None:
    work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(outlast(work, 60.0))
    for _ in range(3):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    work.set_result(None)
    await asyncio.wait({waiting})
    assert waiting.cancelled()


async def test_what_does_not_end_is_waited_for_no_longer_than_told() -> None:
    work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert not await outlast(work, 0.01)
    waiting = asyncio.ensure_future(outlast(work, 0.01))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert not work.done()


async def test_what_has_failed_is_done_and_nobody_complains_of_it() -> None:
    work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(outlast(work, 60.0))
    await asyncio.sleep(0)
    waiting.cancel()
    work.set_exception(OSError("full"))
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert await outlast(work, 60.0)


async def test_several_may_wait_for_one_work_and_none_ends_it() -> None:
    go_on = asyncio.Event()

    async def close() -> str:
        await go_on.wait()
        return "closed"

    work = asyncio.ensure_future(close())
    one, other = (asyncio.ensure_future(finish(work, 60.0)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.sleep(0)
    assert not one.done()
    go_on.set()
    assert await other == "closed"
    with pytest.raises(asyncio.CancelledError):
        await one
