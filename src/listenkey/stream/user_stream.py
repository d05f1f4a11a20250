"""`UserStream`: one account's stream, as its reader sees it."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, Unpack, cast

from listenkey.blocking.stream import BlockingUserStream
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.credentials import Credentials
from listenkey.errors import UsageError
from listenkey.health import Health
from listenkey.items import Item
from listenkey.journal.factory import make_journal
from listenkey.journal.jetstream.address import is_log_address
from listenkey.journal.url import journal_path
from listenkey.stream.driver import Driver
from listenkey.stream.options import StreamOptions
from listenkey.transport import address
from listenkey.transport.closing import finish, outlast
from listenkey.transport.runtime import Runtime
from listenkey.venue import Venue
from listenkey.wire.signing import Signer

CLOSE_WITHIN_S: Final = 5.0
"""The time that a cancelled caller waits for closing to end; neither a disk nor the venue can hold it up for longer."""

_closing_dropped: set[asyncio.Task[None]] = set()
"""Closings that nobody waits for, kept so that the collector does not take them."""


class UserStream:
    """
    Everything that happens to one account, as it happens.

        async with UserStream(api_key=...) as stream:
            async for item in stream:
                match item:
                    case Update(event=event): ...
                    case GapOpened() | GapClosed() | Live(): ...

    While it is open, it creates and renews the listen key and replaces dead sockets. Events that may have been missed lie
    between a `GapOpened` and its `GapClosed`. One reader per stream. With a journal on disk a slow reader lags and loses
    nothing. Without one, 64 MiB are buffered; beyond that, events are dropped and reported as a gap.

    Args:
        api_key: The account's API key. It needs no permission to trade.
        api_secret: Signs requests: with it, missed events are recovered over REST. May be left out.
        private_key: The same with Ed25519 or RSA, PEM text; may be left out.
        venue: `"production"`, `"legacy"`, `"testnet"`, or a `Venue`. Left out: the addresses in `LISTENKEY_REST_URL` and
            `LISTENKEY_WS_URL` where both are set, else production.
        journal: The file that keeps the items: a path, or `sqlite:///path`. An item is on the disk before it is
            delivered here. Left out: items are kept in memory.
        consumer: A name for this reader of the journal: it goes on after what it has committed (`commit`), in this
            process and the next. Left out: it begins with what happens from now on.
        auto_commit: Commit each item when the next one is asked for.
        after: Begin after this item of the journal; for a consumer that keeps its cursor itself (`journal.cursor`).
        keep_days: Items that are older may be taken out of the journal.
        keep_bytes: While the journal holds more than this, its oldest items may be taken out.
        account: The account's name, which items carry. A journal belongs to an account: a new API key of the same
            account goes on with it. Left out: the journal's name for it, or eight hex digits that stand for the API key;
            and a key that turns out to be another account's is refused.
        timing: Durations, for tests and scaled sandboxes.
        close_key_on_exit: DELETE the listen key at the end. It ends the streams of every other program that uses this
            account, Binance's own pages included, so the default is never.

    Raises:
        UsageError: Something in the arguments can't be right; while iterating, the journal is another account's.
        Refused, Retired: While iterating, when the venue won't have us.
        Fenced: On entering, when another process writes to the journal.
        JournalError: On entering or while iterating, when the journal can't be used.
    """

    _runtime = Runtime()  # The simulation's streams have another one.

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str | None = None,
        private_key: str | None = None,
        venue: str | Venue | None = None,
        journal: str | os.PathLike[str] | None = None,
        consumer: str | None = None,
        auto_commit: bool = False,
        after: int | None = None,
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        account: str | None = None,
        timing: Timing | None = None,
        close_key_on_exit: bool = False,
    ) -> None:
        try:
            credentials = Credentials.of(api_key, api_secret, private_key)
        finally:
            del api_key, api_secret, private_key  # A crash reporter keeps the locals of every frame of an error.
        if credentials.can_sign:
            Signer.of(credentials)  # A private key that can't be read is told now, and not at the first gap.
        self.venue: Venue = address.venue_of(venue)
        name = account or credentials.api_key.fingerprint()
        self._driver = Driver(
            credentials,
            self.venue,
            name,
            (timing or Timing()).scaled(self.venue.time_scale),
            make_journal(
                journal,
                name,
                self._runtime,
                consumer,
                after,
                keep_days,
                keep_bytes,
                auto_commit=auto_commit,
                account_is_named=bool(account),
            ),
            None if journal is None or is_log_address(journal) else journal_path(journal),
            self._runtime,
            closes_key=close_key_on_exit,
        )
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._finalizer: weakref.finalize[Any, Self] | None = None
        self._reading = False

    @classmethod
    def blocking(cls, **options: Unpack[StreamOptions]) -> BlockingUserStream:
        """
        The same for scripts and notebooks: `with UserStream.blocking(...) as stream: for item in stream: ...`.

        Args:
            **options: The arguments of `UserStream`.
        """
        try:
            return BlockingUserStream(cls(**options))
        finally:
            cast("dict[str, Any]", options).clear()  # It holds the keys as they were given, and an error would keep it.

    @property
    def account(self) -> str:
        """The account's name, which items carry; once the stream is open, the journal's name for it."""
        return self._driver.account

    # --- for the reader ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._opening is not None:
            raise UsageError("a stream is opened once; make another one")
        loop = running_loop()
        opening = self._opening = loop.create_task(self._driver.open())
        self._finalizer = weakref.finalize(self, _dropped, self._driver, opening)
        self._finalizer.atexit = False
        try:
            await asyncio.wait({opening})
            if opening.cancelled():
                raise UsageError("the stream was closed while it was opening")
            opening.result()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        End the stream, and write waiting items; the listen key stays and expires, unless `close_key_on_exit`.

        Whoever is cancelled in here has closed the stream all the same: the cancellation is raised at the end. May be
        called twice, by several tasks, and while the stream is opening; each returns when the stream is closed.
        """
        opening = self._opening
        if opening is None:
            return
        loop = running_loop()
        if opening.get_loop() is not loop:
            raise UsageError("close a stream on the event loop that it was opened on")
        if self._closing is None:
            assert self._finalizer is not None, "it is made with the task"
            self._finalizer.detach()
            self._closing = loop.create_task(_closed(self._driver, opening))
        await finish(self._closing, CLOSE_WITHIN_S)

    async def __aiter__(self) -> AsyncIterator[Item]:
        """The items, one by one. What was not asked for stays for the next reader."""
        while True:
            try:
                item = await self.__anext__()
            except StopAsyncIteration:
                return
            yield item
            for item in self._driver.journal.ready():
                yield item

    async def __anext__(self) -> Item:
        """Return the next item; raise the error that ended the stream."""
        self._begin_reading()
        try:
            return await self._driver.journal.next()
        finally:
            self._reading = False

    async def run(self, on_item: Callable[[Item], None]) -> None:
        """
        Call a function with each item, as it comes; returns when the stream has ended, raises as `anext` does.

        The shortest way: without a journal on the disk it is called from within the reading of the socket, so what it
        does holds everything up. What it raises ends this call; the items behind stay for the next reader.
        """
        self._begin_reading()
        try:
            await self._driver.journal.deliver(on_item)
        finally:
            self._reading = False

    def _begin_reading(self) -> None:
        if self._driver.life.state is State.NEW:
            raise UsageError("open the stream first: async with UserStream(...) as stream")
        if self._reading:
            # Each would get what the other then misses, and none would know.
            raise UsageError("another reader waits for the next item already: a stream is for one, open one for each")
        self._reading = True

    def take_ready(self, most: int = 1024) -> list[Item]:
        """Items that wait already, at most so many; for readers that work in batches."""
        return self._driver.journal.take_ready(most)

    async def commit(self, seq: int) -> None:
        """
        This reader is done with every item up to `seq`; when this returns, that is on the disk.

        A reader with the same `consumer` goes on after it, in this process or the next. An item whose effect was
        written and whose commit was not comes again: let the effect and the cursor be one transaction
        (`listenkey.journal.consumer_cursor`), or let the effect be one that may happen twice.

        Raises:
            UsageError: The stream has no `consumer`, or that item was not read yet.
            JournalError: It could not be written.
        """
        await self._driver.journal.commit(seq)

    def health(self) -> Health:
        """Return the stream's health now."""
        return self._driver.monitor.health()


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop of the caller; in words where it is not asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "UserStream needs asyncio, and no asyncio loop runs here (trio is another one); "
            "use UserStream.blocking(...), in a thread of its own where an event loop runs"
        ) from None


async def _closed(driver: Driver, opening: asyncio.Task[None]) -> None:
    """Give up an opening that is still going on, and close whatever it has opened."""
    try:
        if not opening.done():
            opening.cancel()
            await outlast(opening, CLOSE_WITHIN_S)
    finally:
        await driver.aclose()


def _dropped(driver: Driver, opening: asyncio.Task[None]) -> None:
    """
    Close a stream that its owner has forgotten.

    The collector may call from any thread, and when the loop has been closed.
    """
    warnings.warn(
        f"the stream of account {driver.account} was dropped and never closed: use `async with`, or call aclose()",
        ResourceWarning,
        stacklevel=2,
    )
    loop = opening.get_loop()

    def close() -> None:
        task = loop.create_task(_closed(driver, opening))
        _closing_dropped.add(task)
        task.add_done_callback(_closing_dropped.discard)

    try:
        is_here = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_here = False
    if is_here:
        close()
        return
    with suppress(RuntimeError):  # The loop has been closed.
        loop.call_soon_threadsafe(close)
    if not loop.is_running():
        driver.journal.abandon()  # Perhaps nobody will ever run what closes it in order.
