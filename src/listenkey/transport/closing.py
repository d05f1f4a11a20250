"""Wait for the end of work that must not be left half done, even if the caller is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")


async def outlast(work: asyncio.Future[Any], within_s: float) -> bool:
    """
    Wait until `work` is done, at most so long, and do not stop waiting because of a cancellation.

    Closing has to reach its end: a lock that stays held shuts everybody out until the process ends. So a cancellation
    is noted, the wait goes on, and only then is it raised.

    Returns:
        Whether it is done. What it raised is left for `work.result()`.

    Raises:
        asyncio.CancelledError: The caller was cancelled meanwhile.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    cancelled: asyncio.CancelledError | None = None
    while not work.done() and (left_s := until_s - loop.time()) > 0:
        try:
            await asyncio.wait({work}, timeout=left_s)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if work.done() and not work.cancelled():
            work.exception()  # looked at, or asyncio would complain that nobody did
        raise cancelled
    return work.done()


async def finish(work: asyncio.Task[T], within_s: float) -> T:
    """
    Return or raise the result of `work`; when cancelled, wait for it all the same, `within_s` at most.

    Several callers may wait for the same work. None of them ends it.
    """
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:
        await outlast(work, within_s)
        raise
    return work.result()
