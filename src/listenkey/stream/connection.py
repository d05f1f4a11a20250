"""One socket with a listen key on it: frames in, events out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final, Protocol

from listenkey.core.deduplicator import Unwrap
from listenkey.credentials import Secret
from listenkey.errors import Disconnected, TimedOut
from listenkey.events import Event
from listenkey.stream.listen_key_manager import Attachment
from listenkey.stream.pings import Pings
from listenkey.stream.subscribe_request import SubscribeRequest
from listenkey.transport.base import Connect, Socket
from listenkey.transport.clock import Clock
from listenkey.wire.frames import Control, Read, Received, Several, UnreadableFrame, Unwrapper

BATCH_MAX: Final = 512
"""Frames taken together. One read may bring thousands, which all at once would not fit into the cache."""

CROWD: Final = 64
"""More frames than this in one read say that reads are growing."""

SLOW_BATCH_MAX: Final = 64
"""The frames per batch after one that could not be decoded together: each frame then takes 0.1 ms or more."""

TURN_MAX_S: Final = 0.05
"""The time frames are taken before everybody else has a turn: a read may hold 70,000 of the smallest."""


class ConnectionListener(Protocol):
    """Receives what a connection brings. All of it is called from the event loop, in the order of the wire."""

    def events_came(self, connection: int, events: list[Event], raws: list[bytes]) -> None:
        """Events of one read, each with its JSON free of listen keys. One that proves nothing of the key comes alone."""

    def frames_came(self, connection: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        """Several frames that one read brought: those that are to be read now. The others wait, or came already."""

    def turn_after_s(self, connection: int, held_s: float) -> float | None:
        """Return how long to pause reading, after a pause of `held_s`. None: read on. 0: one turn is enough."""

    def unreadable_came(self, connection: int, unreadable: UnreadableFrame) -> None:
        """One frame that can't be read."""

    def heard(self, connection: int) -> None:
        """Note that a frame came in."""

    def pong_came(self, connection: int, ping: int, round_trip_s: float) -> None:
        """The answer to our ping."""

    def lost(self, connection: int, reason: Disconnected) -> None:
        """The socket has ended; once, and only after it had been attached."""


class Connection:
    """
    One socket with a listen key on it.

    Args:
        number: The lifecycle's number of this socket.
        key: The listen key.
        owner: Who gets what it brings.
        clock: For round trips.
    """

    __slots__ = (
        "_attached",
        "_batch_max",
        "_clock",
        "_ended",
        "_frames",
        "_held_since_s",
        "_owner",
        "_paused",
        "_pings",
        "_socket",
        "_subscription",
        "_turn",
        "_unwanted",
        "_unwrapper",
        "number",
    )

    def __init__(self, number: int, key: Secret, owner: ConnectionListener, clock: Clock) -> None:
        self.number = number
        self._owner = owner
        self._clock = clock
        self._unwrapper = Unwrapper(key)
        self._frames: list[bytes] = []  # what came and was not taken; the socket holds its `append`
        self._turn: asyncio.Handle | None = None  # when they are gone on with
        self._paused = False
        self._held_since_s = 0.0
        self._batch_max = BATCH_MAX
        self._socket: Socket | None = None
        self._pings = Pings()
        self._attached = False
        self._subscription: SubscribeRequest | None = None  # while its answer is waited for
        self._ended: Disconnected | None = None
        self._unwanted = False

    async def open(self, connect: Connect, attachment: Attachment, timeout_s: float) -> None:
        """
        Connect, and put the key on the socket.

        Raises:
            TransportError, VenueError: It did not come up; nothing is left open.
            ProtocolError: The subscription was refused.
        """
        try:
            async with asyncio.timeout(timeout_s):
                self._socket = await connect(
                    attachment.url,
                    self._frames.append,  # no more for a frame: what is to be done is done once a read
                    self._on_heard,
                    self._on_pong,
                    self._on_lost,
                    timeout_s=timeout_s,
                )
                if self._unwanted:
                    self._ended = Disconnected(None, "given up while it was opening")
                if attachment.request is not None and self._ended is None:
                    self._subscription = SubscribeRequest(attachment.request_id)
                    self._socket.send_text(attachment.request)
                    await self._subscription.acknowledged()
                if self._ended is not None:
                    raise self._ended  # while we connected, or right behind the answer; nobody would say so again
                self._attached = True
        except TimeoutError:
            self.drop(politely=False)
            raise TimedOut("attaching the listen key to a socket", timeout_s) from None
        except BaseException:
            self.drop(politely=False)
            raise
        finally:
            self._subscription = None

    def ping(self, number: int) -> None:
        """Send a ping; its number comes back with the pong."""
        if self._socket is not None:
            self._pings.sent(number, self._clock.now_s())
            self._socket.ping(number)

    def read_less(self) -> None:
        """Bound the size of one read, from now on."""
        if self._socket is not None:
            self._socket.read_less()

    def drop(self, *, politely: bool) -> None:
        """Take what came, and end the socket: with a goodbye, or at once."""
        self._take_all()
        self._attached = False  # what is heard of it from now on is no news
        self._unwanted = True
        if self._socket is not None:
            (self._socket.close if politely else self._socket.abort)()

    # --- what the socket calls -----------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        """
        Take the waiting frames, a batch at a time: most work is the same for all of a batch, and done once.

        Between two batches whoever reads gets a turn if he needs one, and meanwhile nothing more is read: what waits in
        the system's buffer costs nothing, and what waits here leaves the cache before it is used.
        """
        if len(self._frames) > CROWD:
            self.read_less()
        began_s = self._clock.now_s()
        while self._frames:
            self._take_batch(self._next_batch())
            wait_s = self._owner.turn_after_s(self.number, 0.0)
            if wait_s is None and self._clock.now_s() - began_s > TURN_MAX_S:
                wait_s = 0.0
            # Where nothing is left, the reader has his turn anyway.
            if (wait_s or (wait_s is not None and self._frames)) and not self._unwanted:
                self._hold(wait_s)
                return
        self._read_again()
        self._take_late_pongs()

    def _take_one(self, frame: bytes) -> None:
        """Take a frame that comes alone, as most do on most days, by the shortest way: its reader waits for it."""
        self._take(self._unwrapper.read(frame))
        wait_s = self._owner.turn_after_s(self.number, 0.0)
        if wait_s and not self._unwanted:
            self._hold(wait_s)

    def _go_on(self) -> None:
        wait_s = self._owner.turn_after_s(self.number, self._clock.now_s() - self._held_since_s)
        if wait_s:
            self._turn = asyncio.get_running_loop().call_later(wait_s, self._go_on)
            return
        self._turn = None
        self._take_turn()
        self._on_heard()

    def _hold(self, wait_s: float) -> None:
        """Read no more, and go on in a while."""
        if self._socket is not None and not self._paused:
            self._paused = True
            self._socket.pause()
        loop = asyncio.get_running_loop()
        self._held_since_s = self._clock.now_s()
        self._turn = loop.call_later(wait_s, self._go_on) if wait_s else loop.call_soon(self._go_on)

    def _take_all(self) -> None:
        """Take all frames that are held back, at once: something that comes after them is to be reported."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        while self._frames:
            self._take_batch(self._next_batch())
        self._read_again()
        self._take_late_pongs()

    def _read_again(self) -> None:
        if self._socket is not None and self._paused:
            self._paused = False
            self._socket.resume()

    def _next_batch(self) -> list[bytes]:
        batch = self._frames[: self._batch_max]
        del self._frames[: self._batch_max]  # in place: it is the socket's as well
        return batch

    def _take_batch(self, frames: list[bytes]) -> None:
        frames = self._owner.frames_came(self.number, frames, self._unwrapper.payloads)
        if not frames:
            return
        read = self._unwrapper.read_all(frames)
        if read is not None:
            self._batch_max = BATCH_MAX
            self._owner.events_came(self.number, *read)
            return
        self._batch_max = SLOW_BATCH_MAX
        self._take_each(_read_in_time(frames, self._unwrapper.read, self._clock.now_s, self._frames))

    def _take_each(self, reads: Iterable[Read]) -> None:
        for kind, in_a_row in groupby(reads, type):
            if kind is UnreadableFrame:
                first, *others = in_a_row
                assert isinstance(first, UnreadableFrame)
                self._take(first.with_count(1 + len(others)))  # they are one loss, however many they are
                continue
            for one in in_a_row:
                self._take(one)

    def _take(self, read: Read) -> None:
        if isinstance(read, Received):
            self._owner.events_came(self.number, [read.event], [read.raw])
            return
        if isinstance(read, Several):
            self._take_each(read.parts)
            return
        if isinstance(read, Control) and self._subscription is not None and self._subscription.takes(read):
            return
        self.read_less()  # Whoever sends what is no event may send much of it.
        if isinstance(read, UnreadableFrame):
            self._owner.unreadable_came(self.number, read)

    def _on_heard(self) -> None:
        if self._turn is None and self._frames:
            if len(self._frames) == 1:
                self._take_one(self._frames.pop())
            else:
                self._take_turn()
        if self._turn is None and self._attached:  # Else not all that came has been told; then later.
            self._owner.heard(self.number)

    def _on_pong(self, number: int) -> None:
        # A pong says that all before it was brought.
        if self._turn is None and len(self._frames) > 1:
            self._pings.put_off(number)
            self._take_turn()
            return
        self._take_all()
        self._tell_pong(number)

    def _take_late_pongs(self) -> None:
        for number in self._pings.take_late():
            self._tell_pong(number)

    def _tell_pong(self, number: int) -> None:
        if not self._attached:
            return
        round_trip_s = self._pings.answered(number, self._clock.now_s())
        if round_trip_s is not None:
            self._owner.pong_came(self.number, number, round_trip_s)

    def _on_lost(self, reason: Disconnected) -> None:
        self._take_all()
        self._ended = reason
        if self._subscription is not None and self._subscription.lost(reason):
            return
        if self._attached:
            self._attached = False
            self._owner.lost(self.number, reason)


def _read_in_time(
    frames: list[bytes], read: Callable[[bytes], Read], now_s: Callable[[], float], waiting: list[bytes]
) -> Iterator[Read]:
    """Read frames one by one; those that the time of a turn is not enough for go back to those that wait."""
    began_s = now_s()
    for place, frame in enumerate(frames, 1):
        yield read(frame)
        if now_s() - began_s > TURN_MAX_S:
            waiting[:0] = frames[place:]
            return
