"""
The files that carry what the rate limiter has spent to the next process: one beside each journal, named after it.

Written in a thread when a request leaves, so that what the venue counts is known even if the process is killed soon after.
A request that asks for a listen key waits until it is written down; any other only until those before it are, so a kill
leaves out the last one at most. And nothing waits longer than a moment: a slow disk must not cost the stream its key.
Nothing is synchronised, for a machine that lost its power takes longer to come back than the venue's minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from listenkey.core import rate_limit_state
from listenkey.core.rate_limit_state import RateLimitState
from listenkey.journal.files import beside, demand_regular, open_regular
from listenkey.transport.closing import outlast
from listenkey.transport.threads import SYSTEM, Threads

SAVE_WITHIN_S: Final = 0.25
"""A request leaves after this, though its weight may not have been written down yet."""

BYTES_MAX: Final = 1_000_000
"""A file that is larger is none of ours."""


def weight_path(journal: Path) -> Path:
    """The file beside a journal; links are followed, so that two names of one file have one."""
    return beside(Path(os.path.realpath(journal)), "-weight")


class RateLimitStore:
    """
    The files in which spent weight is written down.

    Args:
        venue: Its REST address.
        now_ms: Epoch ms.
        threads: Where the thread that writes is from.

    Attributes:
        now: What was spent, earlier processes included.
        began_ms: What was written down before is an earlier process's.
        connects: The sockets that earlier processes opened, by when, as far as `join` has read of them.
    """

    def __init__(self, venue: str, now_ms: int, threads: Threads = SYSTEM) -> None:
        self.now = RateLimitState(venue)
        self.began_ms = now_ms
        self.connects: dict[int, int] = {}
        self._threads = threads
        self._paths: dict[Path, int] = {}  # and how many journals each serves
        self._unread: list[Path] = []
        self._reading = asyncio.Lock()
        self._waiting: list[asyncio.Future[None]] = []
        self._is_writing = False
        self._newest: asyncio.Future[None] | None = None

    def keep_in(self, path: Path) -> None:
        """Use this file from now on, and read it before the next request. Journals that lie together have one."""
        self._paths[path] = self._paths.get(path, 0) + 1
        if self._paths[path] == 1:
            self._unread.append(path)

    async def leave(self, path: Path) -> None:
        """Write no more beside a journal that is closed, once the present write is done."""
        try:
            if self._newest is not None:
                await outlast(self._newest, SAVE_WITHIN_S)
        finally:
            self._paths[path] -= 1
            if not self._paths[path]:
                del self._paths[path]
                self._unread = [other for other in self._unread if other != path]

    @property
    def is_kept(self) -> bool:
        """True where there is any file."""
        return bool(self._paths)

    @property
    def is_unread(self) -> bool:
        """True where `join` has something to read."""
        return bool(self._unread)

    async def join(self, now_ms: int, boot: str = "", up_ms: int = 0) -> dict[int, int]:
        """
        Read what was not read yet, and return the weight in it that is new, by when it was spent.

        Args:
            now_ms: Epoch ms.
            boot: Which boot of the machine this is.
            up_ms: The clock that is never set.
        """
        news: dict[int, int] = {}
        async with self._reading:  # Who comes second must not send before it is known what was spent.
            while self._unread:
                texts = await asyncio.get_running_loop().run_in_executor(None, _texts, list(self._unread))
                self._unread.clear()
                for found in rate_limit_state.read(iter(texts), self.now.venue):
                    earlier = found.on_this_clock(boot, up_ms, now_ms)
                    news |= self.now.join(earlier, now_ms)
                    self.connects |= self.now.join_connects(earlier, now_ms)
        return news

    async def saved(self) -> None:
        """Write down the current state; return when that is done, or has taken too long."""
        await _within_a_moment(self._save())

    async def saving(self) -> None:
        """Start to write down the current state; return when the write before it is done."""
        before = self._newest
        self._save()
        if before is not None:
            await _within_a_moment(before)

    def _save(self) -> asyncio.Future[None]:
        done = self._newest = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if not self._is_writing:
            self._write()
        return done

    def _write(self) -> None:
        self._is_writing = True
        batch, self._waiting = self._waiting, []
        work = (asyncio.get_running_loop(), list(self._paths), rate_limit_state.write(self.now), batch)
        # A daemon: Python would wait for ever for one that is inside a write that never returns.
        self._threads.thread(target=self._in_thread, args=work, name="listenkey weight", daemon=True).start()

    def _in_thread(
        self,
        loop: asyncio.AbstractEventLoop,
        paths: Iterable[Path],
        text: bytes,
        batch: Iterable[asyncio.Future[None]],
    ) -> None:
        for path in paths:
            _replace(path, text)
        with contextlib.suppress(RuntimeError):  # The loop has closed: nobody is left to tell.
            loop.call_soon_threadsafe(self._written, batch)

    def _written(self, batch: Iterable[asyncio.Future[None]]) -> None:
        for done in batch:
            if not done.done():
                done.set_result(None)
        self._is_writing = False
        if self._waiting:
            self._write()


async def _within_a_moment(done: asyncio.Future[None]) -> None:
    if not done.done():
        await asyncio.wait({done}, timeout=SAVE_WITHIN_S)


def _texts(paths: Iterable[Path]) -> list[bytes]:
    found = []
    for path in paths:
        with contextlib.suppress(OSError), open(open_regular(path, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - a descriptor
            found.append(file.read(BYTES_MAX))
    return found


def _replace(path: Path, text: bytes) -> None:
    """The whole file anew, or as it was. No room for a thousand bytes is no reason to lose the stream."""
    name = os.fspath(path)
    fresh = name + "~"
    with contextlib.suppress(OSError):
        try:
            file = open_regular(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:  # A process was killed between these lines.
            file = open_regular(fresh, os.O_WRONLY)
            os.ftruncate(file, 0)
        try:
            os.write(file, text)
        finally:
            os.close(file)
        demand_regular(name)
        os.replace(fresh, name)  # noqa: PTH105 - done for each request
