"""`BlockingUserStream`: the same stream for scripts and notebooks; its work goes on in a thread of the library's own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol, Self

from listenkey.errors import UsageError
from listenkey.health import Health
from listenkey.items import Item
from listenkey.portal import Portal

BATCH_MAX: Final = 512
"""Items fetched at once: changing threads costs as much as dozens of items."""


class Stream(Protocol):
    """What is wrapped; a `UserStream`."""

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
        """How it is."""


class BlockingUserStream:
    """
    Everything that happens to one account, as it happens, for code without `async`.

        with UserStream.blocking(api_key=...) as stream:
            for item in stream:
                ...

    Made by `UserStream.blocking`, which takes the arguments of `UserStream`; gives the same items. The key is renewed
    and sockets are replaced in a background thread, so a loop body that takes long costs a lag and no event.

    Threads that read one stream take turns: each item goes to one of them. An interrupt loses no item; one may go on
    reading after it.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._portal = Portal()
        self._ready: deque[Item] = deque()
        self._open = False
        self._closing = False
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        self._portal.call(self._stream.__aenter__)
        self._open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream."""
        if self._open and not self._closing:
            self._closing = True
            try:
                self._portal.call(self._stream.aclose)
            finally:
                self._open = False
                self._portal.close()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        """The next item; waits for it, and raises what ended the stream. After `close`: what still waited, then the end."""
        try:
            return self._ready.popleft()  # which no other thread can come into
        except IndexError:
            return self._wait()

    def _wait(self) -> Item:
        with self._turn:
            if not self._ready:
                if self._open:
                    self._portal.call(self._fetch)
                elif self._closing:
                    self._ready.extend(self._stream.take_ready(BATCH_MAX))
                else:
                    raise UsageError("open the stream first: with UserStream.blocking(...) as stream")
            if not self._ready:
                raise StopIteration
            return self._ready.popleft()

    async def _fetch(self) -> None:
        """
        A batch, into `_ready`; nothing at the end of the stream.

        Not returned: a KeyboardInterrupt may come when the items have been taken and the caller has not got them yet.
        """
        try:
            self._ready.append(await self._stream.__anext__())
        except StopAsyncIteration:
            return
        self._ready.extend(self._stream.take_ready(BATCH_MAX))

    def commit(self, seq: int) -> None:
        """This reader is done with every item up to `seq`; see `UserStream.commit`."""
        if not self._open:
            raise UsageError("the stream is closed")
        self._portal.call(self._stream.commit, seq)

    def health(self) -> Health:
        """How the stream is, now."""
        return self._portal.call(self._health) if self._open else self._stream.health()

    async def _health(self) -> Health:
        return self._stream.health()
