"""
A stream that is cancelled at any instant, while it opens, reads, commits or closes, lets go of all it held.

`make cancellations` plays 400; here are fewer, of the same kinds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from listenkey import Live, UserStream
from listenkey.errors import UsageError
from listenkey.rest.rate_limit_store import weight_path
from listenkey.testing import LocalSandbox

CANCELLATIONS: Final = int(os.environ.get("CANCELLATIONS", "40"))

PHASES: Final = ("opening", "reading", "committing", "closing")


def held(path: Path) -> list[str]:
    """Return what is still held of this journal: descriptors of its files, and threads."""
    found = [thread.name for thread in threading.enumerate() if thread.name.startswith("listenkey journal")]
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names, and no time between them and the connections
        with contextlib.suppress(OSError):
            where = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
            if where.startswith(str(path)):
                found.append(where)
    return sorted(found)


def sockets() -> int:
    """Count the open sockets of this process, the sandbox's ends among them."""
    count = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")  # noqa: PTH115
    return count


async def until(holds: Callable[[], bool], what: Callable[[], object]) -> None:
    """A thread ends a moment after it has said that it does, and the sandbox closes its end when ours is closed."""
    try:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - threads bring it about
                await asyncio.sleep(0.001)
    except TimeoutError:
        pytest.fail(f"left: {what()}")


class Cancellation:
    """One program, cancelled at one instant."""

    def __init__(self, sandbox: LocalSandbox, path: Path, seed: int) -> None:
        self.draw = random.Random(seed)
        self.phase = PHASES[seed % len(PHASES)]
        self.sandbox = sandbox
        self.path = path
        self.reached = asyncio.Event()

    def made(self) -> UserStream:
        return UserStream(
            api_key=self.sandbox.api_key,
            api_secret=self.sandbox.api_secret if self.draw.random() < 0.7 else None,
            venue=self.sandbox.venue,
            journal=self.path,
            consumer="book",
            account="a3f1",
        )

    def at(self, phase: str) -> None:
        if phase == self.phase:
            self.reached.set()

    async def program(self) -> None:
        self.at("opening")
        async with self.made() as stream:
            self.at("reading")
            async for item in stream:
                if isinstance(item, Live):
                    break
            self.at("committing")
            for _ in range(20):
                await stream.commit(item.seq)
            self.at("closing")

    async def play(self) -> None:
        program = asyncio.ensure_future(self.program())
        await self.reached.wait()
        if self.draw.random() < 0.5:
            for _ in range(self.draw.randrange(12)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self.draw.random() ** 3 * 0.06)
        for _ in range(self.draw.choice((1, 1, 1, 2, 3))):
            program.cancel()
            await asyncio.sleep(0)
        await asyncio.wait({program})
        assert program.cancelled() or program.exception() is None


async def test_a_stream_that_is_cancelled_at_any_instant_holds_nothing(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "fills.db"
    tasks, count = asyncio.all_tasks(), sockets()
    await Cancellation(binance_options_sandbox, path, 0).made().aclose()  # never opened: nothing to close
    for seed in range(CANCELLATIONS):
        weight_path(path).unlink(missing_ok=True)  # Who starts so often within a minute would be made to wait.
        await Cancellation(binance_options_sandbox, path, seed).play()
        assert asyncio.all_tasks() == tasks, seed
        await until(lambda: not held(path), lambda seed=seed: (seed, held(path)))  # type: ignore[misc]
    weight_path(path).unlink(missing_ok=True)
    async with Cancellation(binance_options_sandbox, path, 1).made() as stream, asyncio.timeout(10):
        assert (await anext(stream)).account == "a3f1"
    await until(lambda: sockets() <= count, sockets)


async def test_several_close_at_once_and_each_returns_when_it_is_closed(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "fills.db"
    made = UserStream(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue, journal=path)
    await made.__aenter__()
    closings = [asyncio.ensure_future(made.aclose()) for _ in range(3)]
    await asyncio.sleep(0)
    closings[0].cancel()
    for closing in closings:
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        await until(lambda: not held(path), lambda: held(path))
    assert [closing.cancelled() for closing in closings] == [True, False, False]
    await made.aclose()


async def test_a_stream_that_is_closed_while_it_opens_says_so(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "fills.db"
    made = UserStream(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue, journal=path)
    opening = asyncio.ensure_future(made.__aenter__())
    await asyncio.sleep(0)
    await made.aclose()
    with pytest.raises(UsageError, match="closed while it was opening"):
        await opening
    await until(lambda: not held(path), lambda: held(path))
