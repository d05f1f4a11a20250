"""
One socket of the venue that several listen keys share: each message goes to the connection of the key it names.

What concerns the socket concerns all of them: its end, its silence, its age. What concerns a listen key, such as its
end or a burst of its events, concerns its connection alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from listenkey.credentials import Secret
from listenkey.errors import Disconnected
from listenkey.gateway.shared_sockets.key_routes import KeyRoutes
from listenkey.gateway.shared_sockets.shared_pings import SharedPings
from listenkey.gateway.shared_sockets.socket_requests import SocketRequests
from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from listenkey.transport.base import Connect, Socket
from listenkey.transport.clock import Clock

log = logging.getLogger("listenkey")

ALL_HEAR_EVERY_S: Final = 2.0
"""
The interval at which a read is told to all as a sign of life. Else a seat hears of what is its own: messages, and the
answers to its pings. To tell every seat of every read would be a fifth of what an idle account costs.
"""


class SocketOwner(Protocol):
    """The pool, as its sockets see it."""

    def subscribed(self, socket: SharedSocket, key: Secret, code: int | None) -> None:
        """The venue has answered whether it takes a key on a socket; `code` is that of a refusal."""

    def stop_sharing(self, why: str) -> None:
        """The venue shows that it does not deliver to keys that share a socket."""

    def overflowed(self, key: Secret) -> None:
        """More came for a key than its stream took."""

    def delivers(self) -> None:
        """Two keys of one socket have brought messages while both were on it."""

    def ended(self, socket: SharedSocket, *, while_asked: bool) -> None:
        """A socket is gone. `while_asked`: beside keys that were on it, the venue was asked to take another."""


class SharedSocket:
    """
    One socket and its seats.

    Args:
        room: The most keys that it takes.
        clock: For all times.
        silent_after_s: A seat that is given up when nothing came for so long gives the socket up for all.
        owner: Who is told.

    Attributes:
        room: As given.
        seats: Who has a part of it.
        heard_s: When anything came last, or when it was opened.
        routes: Where what comes goes.
        is_over: True once it has ended.
        socket: The venue's socket; None before it is open.
        ask_ping: Pings for a seat.
    """

    __slots__ = ("_all_hear_at_s", "_clock", "_opened_s", "_opening", "_owner", "_pings", "_requests", "_silent_after_s", "ask_ping", "heard_s", "is_over", "room", "routes", "seats", "socket")  # fmt: skip

    def __init__(self, room: int, clock: Clock, silent_after_s: float, owner: SocketOwner) -> None:
        self.room = room
        self.seats: dict[SocketSeat, None] = {}
        self.heard_s = self._opened_s = clock.now_s()
        self.is_over = False
        self.socket: Socket | None = None
        self._clock = clock
        self._silent_after_s = silent_after_s
        self._owner = owner
        self._opening: asyncio.Task[None] | None = None
        self._requests = SocketRequests(self._send, clock)
        self._pings = SharedPings(self._ping, clock)
        self.ask_ping = self._pings.ask
        self.routes = KeyRoutes(self._requests.answered, owner.stop_sharing)
        self._all_hear_at_s = 0.0

    # --- for the pool --------------------------------------------------------------------------------------------

    def seat_for(self, key: bytes) -> SocketSeat:
        """Give a key a part of this socket."""
        seat = SocketSeat(key, self)
        self.routes.note(key)
        self.seats[seat] = None
        return seat

    def has_room_for(self, key: bytes) -> bool:
        """Return True where a key may join: the socket lives, and did not have it before."""
        lives = not self.is_over and self._clock.now_s() - self.heard_s <= self._silent_after_s
        return lives and len(self.seats) < self.room and self.routes.takes(key)

    def open(self, connect: Connect, url: str, timeout_s: float) -> asyncio.Task[None]:
        """Begin to open it; the task raises what `connect` raises."""
        self._opening = asyncio.get_running_loop().create_task(self._open(connect, url, timeout_s))
        self._opening.add_done_callback(_note_error)
        return self._opening

    async def _open(self, connect: Connect, url: str, timeout_s: float) -> None:
        try:
            self.socket = await connect(
                url, self.routes.take, self._on_heard, self._on_pong, self._on_lost, timeout_s=timeout_s
            )
        except BaseException:
            self._over(while_asked=False)
            raise
        self.heard_s = self._clock.now_s()
        if self.is_over:
            self.socket.abort()

    def end_all(self, reason: Disconnected) -> None:
        """End every seat's connection, and the socket."""
        self._over(while_asked=False)
        if self._opening is not None and self.socket is None:
            self._opening.cancel()
        if self.socket is not None:
            self.socket.abort()
        for seat in list(self.seats):
            self._safely(seat, seat.end, reason)

    # --- for its seats -------------------------------------------------------------------------------------------

    @property
    def age_s(self) -> float:
        """The time for which it has been open, seconds."""
        return self._clock.now_s() - self._opened_s

    @property
    def is_of_one(self) -> bool:
        """True where it was opened for one key alone."""
        return self.room == 1

    async def opened(self) -> None:
        """Wait until it is open. Raises what kept it from that."""
        assert self._opening is not None
        await asyncio.wait({self._opening})
        if not self._opening.cancelled():
            self._opening.result()
        if self.is_over:
            raise Disconnected(None, "the socket that several listen keys share ended while this one joined it")

    def subscribe(self, seat: SocketSeat, request_id: int) -> None:
        """Put a seat's key on the socket."""

        def answered(code: int | None) -> None:
            if seat in self.seats:
                self._owner.subscribed(self, Secret(seat.key.decode()), code)
                self._safely(seat, seat.answer, request_id, code)

        self.routes.put(seat)
        self._requests.put(seat.key, answered)

    def left(self, seat: SocketSeat) -> None:
        """Let a seat go; the last one ends the socket."""
        self.seats.pop(seat, None)
        was_on = self.routes.take_off(seat)
        if self.is_over:
            return
        if not self.seats:
            self._hang_up()
        elif self.socket is not None and self._clock.now_s() - self.heard_s > self._silent_after_s:
            self.end_all(Disconnected(None, f"nothing came for {self._clock.now_s() - self.heard_s:.1f} s"))
        elif was_on:
            self._requests.take_off(seat.key)

    def overflowed(self, seat: SocketSeat) -> None:
        """End the connection of a seat for which more came than it took."""
        self._owner.overflowed(Secret(seat.key.decode()))
        self._safely(seat, seat.end, Disconnected(None, "more events came than this account took beside others"))

    def _hang_up(self) -> None:
        self._over(while_asked=False)
        if self.socket is not None:
            self.socket.close()
        elif self._opening is not None:
            self._opening.cancel()

    def _over(self, *, while_asked: bool) -> None:
        if not self.is_over:
            self.is_over = True
            self._requests.stop()
            self._pings.stop()
            self._owner.ended(self, while_asked=while_asked)

    def _send(self, text: bytes) -> None:
        if self.socket is not None:
            self.socket.send_text(text)

    def _ping(self, number: int) -> None:
        if self.socket is not None:
            self.socket.ping(number)

    # --- for the socket ------------------------------------------------------------------------------------------

    def _on_heard(self) -> None:
        now_s = self.heard_s = self._clock.now_s()
        touched = self.routes.take_touched()
        if self.room > 1 and self.routes.now_deliver(touched):
            self._owner.delivers()
        seats: Iterable[SocketSeat] = touched
        if now_s >= self._all_hear_at_s:
            self._all_hear_at_s = now_s + ALL_HEAR_EVERY_S
            seats = list(self.seats)
        for seat in seats:
            self._safely(seat, seat.heard)

    def _on_pong(self, number: int) -> None:
        for seat, asked in self._pings.answered(number):
            self._safely(seat, seat.pong, asked)
            self.routes.touch(seat)

    def _on_lost(self, reason: Disconnected) -> None:
        others = len(self.routes.seats) > 1
        self._over(while_asked=others and self._requests.is_waiting)
        for seat in list(self.seats):
            self._safely(seat, seat.end, reason)

    def _safely(self, seat: SocketSeat, call: Callable[..., None], *given: Any) -> None:
        """Call a stream's code: a bug in one account's must not end its neighbours."""
        try:
            call(*given)
        except Exception:  # the top of what a socket brings to one stream
            log.exception("a bug in the stream of one account; its connection is ended, the others go on")
            seat.leave()


def _note_error(opening: asyncio.Task[None]) -> None:
    """Look at the error of an opening that nobody waits for, or asyncio would complain."""
    if not opening.cancelled():
        opening.exception()
