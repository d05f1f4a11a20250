"""Runs a library's call where its frames can't be seen from ours: they hold keys in headers and addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """
    Run in a task of its own, and wait for it.

    When the caller is cancelled, the work is as well, and the exception holds none of its frames: awaited directly it
    would hold all of them, and a crash reporter keeps the variables of each.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        # One more turn, so that what the work holds open is closed before the caller goes on.
        await asyncio.wait({task}, timeout=0)
        raise
    return task.result()
