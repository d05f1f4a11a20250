"""`GatewayStream`: one account's items from a gateway, as `UserStream` gives them from the venue."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Required, Self, TypedDict, Unpack, cast

import msgspec

from listenkey.blocking.stream import BlockingUserStream
from listenkey.core.backoff import backoff_s
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import AccountUnknown, GatewayError, ProtocolError, TooOld, TransportError, UsageError
from listenkey.gateway.client.account_watch import AccountWatch
from listenkey.gateway.client.event_lines import EventLines, ServerEvent
from listenkey.gateway.client.gateway_api import GatewayApi, HeldElsewhere, PassingRefusal
from listenkey.gateway.client.item_queue import ItemQueue
from listenkey.wire.json_lines import from_line

if TYPE_CHECKING:
    from listenkey.health import Health
    from listenkey.items import Item

log = logging.getLogger("listenkey")

UNREACHED_AFTER_S: Final = 10.0
"""A gateway that is not reached for so long is said to the program; a restart takes less."""

SETTLED_AFTER_S: Final = 5.0
"""A connection that lasted so long worked: the next attempt after it is a first one."""


RESTART_WITHIN_S: Final = 30.0
RESTART_TIMING: Final = (0.1, 1.0)
"""A gateway that has said that it stops is most often started again: for so long it is asked after these waits."""


class ConnectOptions(TypedDict, total=False):
    """The keyword arguments of `connect`; explained there."""

    token: Required[str | Secret]
    account: Required[str]
    consumer: str | None
    after: int | None
    on_state: Callable[[Health], object] | None
    unreached_after_s: float


class GatewayStream:
    """
    Everything that happens to one account of a gateway, as it happens: `listenkey.connect`.

        async with listenkey.connect("http://127.0.0.1:8780", token=..., account="desk-1", consumer="book") as stream:
            async for item in stream:
                for fill in item.fills: ...
                await stream.commit(item.seq)

    Gives the items that `UserStream` gives, each once, and connects again by itself after the last one it got. Any
    number of programs read one account so, with one listen key among them. A slow reader lags and loses nothing: the
    gateway keeps the items. `connect.blocking(...)` is the same for code without `async`.

    Args:
        url: The gateway's address: `http://` on this machine alone, else `https://`.
        token: Its token.
        account: The account's name there.
        consumer: A name for this reader: the gateway keeps what it has committed (`commit`), and it goes on after that,
            in this process and the next. A new one begins with the oldest item. Left out: begins with what happens from
            now on.
        after: Begin after the item of this number, for a consumer that keeps its cursor itself; 0 for all.
        on_state: Called with a `Health` when the account's state changes, and when the gateway has not been reached for
            `unreached_after_s`. Called on the event loop, so it must not wait; in a blocking stream on its thread. What
            it raises ends the stream.
        unreached_after_s: See `on_state`.

    Raises:
        UsageError: Something in the arguments can't be right.
        TokenRefused, AccountUnknown: On entering or while iterating: the gateway does not let this reader in.
        TooOld: The gateway no longer keeps what comes next; `oldest_seq` says what it has.
        GatewayError, ProtocolError: It says no in another way, or what answers is no gateway.
    """

    _timing = Timing()

    def __init__(
        self,
        url: str,
        *,
        token: str | Secret,
        account: str,
        consumer: str | None = None,
        after: int | None = None,
        on_state: Callable[[Health], object] | None = None,
        unreached_after_s: float = UNREACHED_AFTER_S,
    ) -> None:
        secret = token if isinstance(token, Secret) else Secret(token)
        del token  # A crash reporter keeps the locals of every frame of an error.
        self._api = GatewayApi(url, secret, account)
        if consumer is not None and after is not None:
            raise UsageError("give consumer= or after=, not both: each says where to begin")
        if after is not None and not 0 <= after < 2**63:
            raise UsageError("after= is the number of an item, or 0 for all")
        self.account = account
        self._consumer = consumer
        self._seq = after
        self._queue = ItemQueue()
        self._watch = AccountWatch(on_state, unreached_after_s, self._failed)
        self._running: asyncio.Task[None] | None = None
        self._opening: asyncio.Future[None] | None = None
        self._is_reading = False
        self._is_lost = False
        self._unread_after: int | None = None
        self._restart_until_s = 0.0

    @classmethod
    def blocking(cls, url: str, **options: Unpack[ConnectOptions]) -> BlockingUserStream:
        """
        The same for scripts and notebooks: `with connect.blocking(...) as stream: for item in stream: ...`.

        Args:
            url: As of the class.
            **options: Its other arguments.
        """
        try:
            return BlockingUserStream(cls(url, **options))
        finally:
            cast("dict[str, Any]", options).clear()  # It holds the token as it was given, and an error would keep it.

    # --- for the reader ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise UsageError("a stream is opened once; make another one")
        loop = asyncio.get_running_loop()
        opening = self._opening = loop.create_future()
        self._running = loop.create_task(self._run())
        self._running.add_done_callback(self._ended)
        try:
            await opening
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the stream. Items that wait can still be taken. May be called again."""
        self._watch.quiet()
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._api.aclose()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """The items, one by one. What was not asked for stays for the next reader."""
        while True:
            try:
                yield await self.__anext__()
            except StopAsyncIteration:
                return

    async def __anext__(self) -> Item:
        """Return the next item; raise the error that ended the stream."""
        if self._running is None:
            raise UsageError("open the stream first: async with listenkey.connect(...) as stream")
        if self._is_reading:
            raise UsageError("another reader waits for the next item already: a stream is for one, open one for each")
        self._is_reading = True
        try:
            return await self._queue.take()
        finally:
            self._is_reading = False

    async def run(self, on_item: Callable[[Item], None]) -> None:
        """Call a function with each item, as it comes; returns when the stream was closed, raises as `anext` does."""
        async for item in self:
            on_item(item)

    def take_ready(self, most: int = 1024) -> list[Item]:
        """Items that wait already, at most so many; for readers that work in batches."""
        return self._queue.take_ready(most)

    async def commit(self, seq: int) -> None:
        """
        This reader is done with every item up to `seq`; when this returns, the gateway has it on its disk.

        Raises:
            UsageError: The stream has no `consumer`, or that item was not read yet.
            GatewayError, TransportError: It could not be kept; the same call may be made again.
        """
        if self._consumer is None:
            raise UsageError("name the reader to commit for: connect(..., consumer='book')")
        taken_seq = self._queue.taken_seq
        if taken_seq is None or seq > taken_seq:
            raise UsageError(f"item {seq} was not read yet, so nobody can be done with it")
        await self._api.commit(self._consumer, seq)

    def health(self) -> Health:
        """Return how the account is, as the gateway said last; CONNECTING where it is not reached."""
        return msgspec.structs.replace(self._watch.health, backlog=len(self._queue))

    def _failed(self, error: Exception) -> None:
        self._queue.end(error)
        if self._running is not None:
            self._running.cancel()

    # --- the connection ------------------------------------------------------------------------------------------

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._watch.quiet()
        error = None if running.cancelled() else running.exception()
        self._queue.end(error)
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(self._queue.error or UsageError("the stream was closed while it was opening"))

    async def _run(self) -> None:
        """Connect, and connect again, until something says that this won't help."""
        attempt = 0
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._follow()
                why = "the connection has ended"
                await self._api.go_home()
            except HeldElsewhere as error:
                self._restart_until_s = loop.time() + RESTART_WITHIN_S
                why = await _gone_after(self._api, error)
            except (TransportError, PassingRefusal) as error:
                await self._api.go_home()
                why = str(error)
            self._lost(why)
            self._opened()
            attempt = 0 if loop.time() - began_s > SETTLED_AFTER_S else attempt + 1
            timing = restart_timing(self._timing) if loop.time() < self._restart_until_s else self._timing
            await asyncio.sleep(backoff_s(attempt, timing, random.random()))

    def _lost(self, why: str) -> None:
        self._watch.lost(why)
        if not self._is_lost:
            self._is_lost = True
            log.warning("account %s: the gateway is lost, and asked again: %s", self.account, " ".join(why.split()))

    def _reached(self) -> None:
        self._watch.reached()
        if self._is_lost:
            self._is_lost = False
            log.info("account %s: the gateway is reached again, after item %s", self.account, self._seq)

    async def _follow(self) -> None:
        """Read one connection to its end."""
        if self._seq is None and self._consumer is not None:
            self._seq = await self._api.cursor(self._consumer)
        answer = await self._api.events(self._seq)
        try:
            if self._seq is None:
                self._seq = answer.after
            self._reached()
            self._opened()
            lines = EventLines()
            while came := await answer.read():
                for event in lines.feed(came):
                    await self._take(event)
        finally:
            answer.close()

    async def _take(self, event: ServerEvent) -> None:
        if event.name == "message":
            item = _item_of(event.data)
            if self._seq is None or item.seq > self._seq:
                await self._queue.put(item, len(event.data))
                self._seq = item.seq
        elif event.name == "state":
            self._watch.told(event.data)
        elif event.name == "end":
            self._end_as_told(event.data)

    def _end_as_told(self, line: bytes) -> None:
        """Raise what the last line of the events says, unless another connection may go on."""
        try:
            words = msgspec.json.decode(line)
            error, message, oldest_seq = words["error"], str(words["message"]), words.get("oldest_seq")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, KeyError, AttributeError):
            raise ProtocolError("the gateway ended the events with a line that is none", line) from None
        if error == "too_old" and isinstance(oldest_seq, int):
            raise TooOld(self._seq or 0, oldest_seq)
        if error == "taken_out":
            raise AccountUnknown(404, error, f"The account {self.account!r} was taken out of the gateway.", "")
        if error == "stream_ended":
            raise GatewayError(
                409, error, message[:500], "Mend what it says; PUT /v1/accounts/NAME gives the account a key."
            )
        if error in {"gateway_stops", "moved"}:
            self._restart_until_s = asyncio.get_running_loop().time() + RESTART_WITHIN_S
        if error == "journal":
            # A disk may have failed for a moment. Twice without an item between them, it is the item behind this one.
            if self._unread_after == self._seq:
                raise GatewayError(503, error, message[:500], "Look at the gateway's log, and at its journal.")
            self._unread_after = self._seq

    def _opened(self) -> None:
        """Let the program go on that has entered: nothing is known to be wrong."""
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)


def restart_timing(own: Timing) -> Timing:
    """Return the waits between two attempts after the gateway has said that it stops; no longer than one's own."""
    first_s, max_s = RESTART_TIMING
    return replace(own, backoff_first_s=min(first_s, own.backoff_first_s), backoff_max_s=min(max_s, own.backoff_max_s))


def _item_of(line: bytes) -> Item:
    try:
        return from_line(line)
    except UsageError:
        pass
    raise ProtocolError("the gateway sent a line that is no item of this release", line)


connect = GatewayStream


async def _gone_after(api: GatewayApi, error: HeldElsewhere) -> str:
    """Ask the worker that holds the account from now on, where the token may go there; return the reason, for people."""
    try:
        await api.follow(error.url)
    except UsageError as refused:
        await api.go_home()
        return f"{error}; the token is not sent there: {refused}"
    return str(error)
