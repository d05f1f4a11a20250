"""`BlockingUserStream`: the same stream for scripts and notebooks; its work goes on in a thread of the library's own."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Final, ParamSpec, Protocol, Self, TypeVar

from listenkey.blocking.portal import Portal
from listenkey.errors import UsageError
from listenkey.health import Health
from listenkey.items import Item

P = ParamSpec("P")
T = TypeVar("T")

BATCH_MAX: Final = 512
"""Items fetched at once: changing threads costs as much as dozens of items."""


class Stream(Protocol):
    """The stream that `BlockingUserStream` wraps: a `UserStream`, or one of a gateway."""

    async def __aenter__(self) -> object:
        """Open it."""

    async def aclose(self) -> None:
        """End it."""

    async def __anext__(self) -> Item:
        """The next item."""

    def take_ready(self, most: int) -> list[Item]:
        """Items that wait already."""

    async def commit(self, seq: int) -> None:
        """The reader is done with everything up to here."""

    def health(self) -> Health:
        """Return the stream's health now."""


class BlockingUserStream:
    """
    Everything that happens to one account, as it happens, for code without `async`.

        with UserStream.blocking(api_key=...) as stream:
            for item in stream:
                ...

    Made by `UserStream.blocking`, which takes the arguments of `UserStream`, or by `connect.blocking`; gives the same items,
    and can do the same.
    The key is renewed and sockets are replaced in a background thread, so a loop body that takes long costs a lag and
    no event.

    Threads that read one stream take turns: each item goes to one of them. An interrupt loses no item; one may go on
    reading after it.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._portal = Portal()
        self._ready: deque[Item] = deque()
        self._open = False
        self._closed = False
        self._closing = threading.RLock()
        self._turn = threading.Lock()
        self._finalizer: weakref.finalize[Any, Self] | None = None

    def __enter__(self) -> Self:
        if self._finalizer is not None:
            raise UsageError("a stream is opened once; make another one")
        self._finalizer = weakref.finalize(self, _dropped, self._portal, self._stream)
        try:
            self._portal.call(self._stream.__aenter__)
        except BaseException:  # An interrupt as well: it must not leave a half-opened stream behind.
            self.close()
            raise
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream. May be called twice, by several threads, and again after an interrupt."""
        if self._finalizer is None:
            return
        with self._closing:
            self._open, self._closed = False, True
            # An interrupt in here is raised when the stream is closed; a second one leaves that to the loop.
            self._portal.close(self._stream.aclose)
            self._finalizer.detach()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        """Wait for the next item; raise the error that ended the stream. After `close`: waiting items, then the end."""
        try:
            return self._ready.popleft()  # which no other thread can come into
        except IndexError:
            return self._wait(None)

    def next(self, timeout: float | None = None) -> Item:
        """
        Return the next item, and wait for it at most so long.

        Args:
            timeout: Seconds; None waits for ever, 0 takes what is there.

        Raises:
            TimeoutError: None came in this time. Nothing is lost: the next call goes on.
            StopIteration: The stream was closed.
            ListenKeyError: The error that ended the stream.
        """
        try:
            return self._ready.popleft()
        except IndexError:
            return self._wait(timeout)

    def wait_for(self, wanted: Callable[[Item], bool], timeout: float | None = None) -> Item:
        """
        Read on until an item is as wanted, and return it; those before it are read and gone.

        Raises:
            TimeoutError: No such item came within `timeout` seconds.
            StopIteration, ListenKeyError: As `next`.
        """
        until_s = None if timeout is None else time.monotonic() + timeout
        while True:
            item = self.next(None if until_s is None else max(0.0, until_s - time.monotonic()))
            if wanted(item):
                return item

    def take_ready(self, most: int = 1024) -> list[Item]:
        """Items that wait already, at most so many; for readers that work in batches."""
        if not self._turn.acquire(blocking=False):
            return []  # Another thread waits for the next one, so there is none.
        try:
            # No more are fetched while some wait here: by `auto_commit` these would then count as read.
            if not self._ready and self._open:
                self._call(self._take_more, most)
            elif not self._ready and self._closed:
                self._ready.extend(self._stream.take_ready(most))
            return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
        finally:
            self._turn.release()

    def run(self, on_item: Callable[[Item], None]) -> None:
        """
        Call a function with each item, in this thread; returns when the stream was closed, raises as `next` does.

        What it raises ends this call; the items behind stay for the next reader.
        """
        for item in self:
            on_item(item)

    def _wait(self, timeout: float | None) -> Item:
        until_s = None if timeout is None else time.monotonic() + timeout
        if not self._turn.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError("another thread waits for the next item, and none came")
        try:
            if not self._ready:
                if self._open:
                    left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
                    self._call(self._fetch, left_s)
                elif self._closed:
                    self._ready.extend(self._stream.take_ready(BATCH_MAX))
                else:
                    raise UsageError("open the stream first: with ...blocking(...) as stream")
            if not self._ready:
                raise StopIteration
            return self._ready.popleft()
        finally:
            self._turn.release()

    async def _fetch(self, within_s: float | None) -> None:
        """
        A batch, into `_ready`; nothing at the end of the stream.

        Not returned: a KeyboardInterrupt may come when the items have been taken and the caller has not got them yet.
        """
        self._ready.extend(self._stream.take_ready(BATCH_MAX))  # also where there is no time to wait
        if self._ready:
            return
        try:
            async with asyncio.timeout(within_s):
                self._ready.append(await self._stream.__anext__())
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TimeoutError(f"no item came within {within_s:g} s") from None
        self._ready.extend(self._stream.take_ready(BATCH_MAX))

    async def _take_more(self, most: int) -> None:
        self._ready.extend(self._stream.take_ready(most))

    def commit(self, seq: int) -> None:
        """Note that this reader is done with every item up to `seq`; see `UserStream.commit`."""
        if not self._open:
            raise UsageError("the stream is closed")
        self._call(self._stream.commit, seq)

    def health(self) -> Health:
        """Return the stream's health now."""
        return self._call(self._health) if self._open else self._stream.health()

    async def _health(self) -> Health:
        return self._stream.health()

    def _call(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._portal.call(function, *args, **kwargs)
        finally:
            if self._closed:
                self._portal.close()  # Another thread closed the stream just before: the call has opened the loop again.


def _dropped(portal: Portal, stream: Stream) -> None:
    """Close a stream that its owner has forgotten; without waiting, for the collector may call from any thread."""
    warnings.warn(
        "a blocking stream was dropped and never closed: use `with`, or call close()", ResourceWarning, stacklevel=2
    )
    portal.close(stream.aclose, wait=False)
