"""One socket with a listen key on it: frames in, events out."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple, Protocol

from listenkey.core.deduplicator import Unwrap
from listenkey.credentials import Secret
from listenkey.errors import Disconnected, ProtocolError, TimedOut
from listenkey.events import Event
from listenkey.stream.listen_key_manager import Attachment
from listenkey.transport.base import Connect, Pausing, Socket
from listenkey.transport.clock import Clock
from listenkey.wire.frames import Control, Read, Received, Unreadable, Unwrapper

BATCH_MAX: Final = 512
"""Frames taken together. One read may bring thousands, which all at once would not fit into the cache."""

CROWD: Final = 64
"""More frames than this in one read say that reads are growing."""

SLOW_BATCH_MAX: Final = 64
"""The frames per batch after one that could not be decoded together: each frame then takes 0.1 ms or more."""

TURN_MAX_S: Final = 0.05
"""The time frames are taken before everybody else has a turn: a read may hold 70,000 of the smallest."""

PINGS_AWAITED_MAX: Final = 16
"""Pings whose answers may be under way: on a slow line the next is sent before the last one's pong is back."""


class ConnectionListener(Protocol):
    """Receives what a connection brings. All of it is called from the event loop, in the order of the wire."""

    def event_came(self, connection: int, event: Event, raw: bytes) -> None:
        """One event, with its JSON free of listen keys."""

    def events_came(self, connection: int, events: list[Event], raws: list[bytes]) -> None:
        """Several events that one read brought, each with its JSON; the same as `event_came` for each."""

    def frames_came(self, connection: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        """Several frames that one read brought: those that are to be read now. The others wait, or came already."""

    def turn_after_s(self, connection: int, held_s: float) -> float | None:
        """Return how long to pause reading, after a pause of `held_s`. None: read on. 0: one turn is enough."""

    def unreadable_came(self, connection: int, unreadable: Unreadable) -> None:
        """One frame that can't be read."""

    def heard(self, connection: int) -> None:
        """Note that a frame came in."""

    def pong_came(self, connection: int, ping: int, round_trip_s: float) -> None:
        """The answer to our ping."""

    def lost(self, connection: int, reason: Disconnected) -> None:
        """The socket has ended; once, and only after it had been attached."""


class _SentPing(NamedTuple):
    number: int
    sent_s: float


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
        "_acknowledged",
        "_attached",
        "_batch_max",
        "_clock",
        "_ended",
        "_frames",
        "_held_since_s",
        "_late_pongs",
        "_owner",
        "_paused",
        "_pausing",
        "_request_id",
        "_sent_pings",
        "_socket",
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
        self._pausing: Pausing | None = None
        self._paused = False
        self._held_since_s = 0.0
        self._batch_max = BATCH_MAX
        self._late_pongs: list[int] = []  # that came behind frames which are not all taken yet
        self._socket: Socket | None = None
        self._sent_pings: list[_SentPing] = []
        self._attached = False
        self._request_id: int | None = None
        self._acknowledged: asyncio.Future[None] | None = None
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
                self._acknowledged = asyncio.get_running_loop().create_future()
                self._socket = await connect(
                    attachment.url,
                    self._frames.append,  # no more for a frame: what is to be done is done once a read
                    self._on_heard,
                    self._on_pong,
                    self._on_lost,
                    timeout_s=timeout_s,
                )
                if isinstance(self._socket, Pausing):
                    self._pausing = self._socket
                if self._unwanted:
                    self._ended = Disconnected(None, "given up while it was opening")
                if attachment.request is not None and self._ended is None:
                    self._request_id = attachment.request_id
                    self._socket.send_text(attachment.request)
                    await self._acknowledged
                if self._ended is not None:
                    raise self._ended  # while we connected, or right behind the answer; nobody would say so again
                self._attached = True
        except TimeoutError:
            self.abort()
            raise TimedOut("attaching the listen key to a socket", timeout_s) from None
        except BaseException:
            self.abort()
            raise
        finally:
            self._acknowledged = None

    def ping(self, number: int) -> None:
        """Send a ping; its number comes back with the pong."""
        if self._socket is not None:
            self._sent_pings.append(_SentPing(number, self._clock.now_s()))
            del self._sent_pings[:-PINGS_AWAITED_MAX]
            self._socket.ping(number)

    def read_less(self) -> None:
        """Bound the size of one read, from now on."""
        if self._pausing is not None:
            self._pausing.read_less()

    def abort(self) -> None:
        """Drop the socket at once."""
        self._take_all()
        self._attached = False  # what is heard of it from now on is no news
        self._unwanted = True
        if self._socket is not None:
            self._socket.abort()

    def close(self) -> None:
        """Say goodbye and hang up."""
        self._take_all()
        self._attached = False
        self._unwanted = True
        if self._socket is not None:
            self._socket.close()

    # --- what the socket calls -----------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        """
        Take the waiting frames, a batch at a time: most work is the same for all of a batch, and done once.

        Between two batches whoever reads gets a turn if he needs one, and meanwhile nothing more is read: what waits in
        the system's buffer costs nothing, and what waits here leaves the cache before it is used.
        """
        if len(self._frames) > CROWD and self._pausing is not None:
            self._pausing.read_less()
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
        if self._pausing is not None and not self._paused:
            self._paused = True
            self._pausing.pause()
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
        if self._pausing is not None and self._paused:
            self._paused = False
            self._pausing.resume()

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
        bad: list[Unreadable] = []
        for frame in frames:
            one = self._unwrapper.read(frame)
            if isinstance(one, Unreadable):
                self.read_less()
                bad.append(one)
                continue
            self._tell_unreadable(bad)
            self._take(one)
        self._tell_unreadable(bad)

    def _tell_unreadable(self, in_a_row: list[Unreadable]) -> None:
        """Tell of frames behind one another at once: they are one loss, however many they were."""
        if in_a_row:
            self._owner.unreadable_came(self.number, in_a_row[0].with_count(len(in_a_row)))
            in_a_row.clear()

    def _take(self, read: Read) -> None:
        if isinstance(read, Received):
            self._owner.event_came(self.number, read.event, read.raw)
            return
        if isinstance(read, Control) and self._is_awaited(read):
            self._on_control(read)
            return
        self.read_less()  # Whoever sends what is no event may send much of it.
        if isinstance(read, Unreadable):
            self._owner.unreadable_came(self.number, read)

    def _is_awaited(self, answer: Control) -> bool:
        waiting = self._acknowledged
        return waiting is not None and not waiting.done() and answer.id == self._request_id

    def _on_control(self, answer: Control) -> None:
        waiting = self._acknowledged
        assert waiting is not None
        if answer.error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(ProtocolError(f"the subscription was refused: code {answer.error.code}"))

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
        if self._turn is None and len(self._frames) > BATCH_MAX:
            self._late_pongs.append(number)
            del self._late_pongs[:-PINGS_AWAITED_MAX]
            self._take_turn()
            return
        self._take_all()
        self._tell_pong(number)

    def _take_late_pongs(self) -> None:
        numbers, self._late_pongs = self._late_pongs, []
        for number in numbers:
            self._tell_pong(number)

    def _tell_pong(self, number: int) -> None:
        sent_s = next((sent.sent_s for sent in self._sent_pings if sent.number == number), None)
        if not self._attached or sent_s is None:
            return
        while self._sent_pings and self._sent_pings[0].number <= number:
            del self._sent_pings[0]  # A peer may answer the newest of several pings only.
        self._owner.pong_came(self.number, number, self._clock.now_s() - sent_s)

    def _on_lost(self, reason: Disconnected) -> None:
        self._take_all()
        self._ended = reason
        waiting = self._acknowledged
        if waiting is not None and not waiting.done() and self._request_id is not None:
            waiting.set_exception(reason)
        elif self._attached:
            self._attached = False
            self._owner.lost(self.number, reason)
