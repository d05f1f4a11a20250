"""
Sockets for the listen keys of many accounts: up to so many keys share one, where the venue delivers to all of them.

The venue counts the sockets that an address opens, so a return after a loss of all of them takes a part of the time.
That it delivers to several listen keys on one socket is documented for a sibling product and assumed here. So the pool
looks for signs that it does not: a key that is refused beside others and taken alone, an event that names no key, a
loss that REST or an account's own events show before two keys of one socket have been seen to deliver. Then each key gets
a socket of its own, and the accounts concerned report a gap: nothing is lost in silence.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NamedTuple

from listenkey.core.retry_policy import classify
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import Banned, Disconnected, ListenKeyError, RateLimited
from listenkey.gateway.shared_sockets.shared_socket import SharedSocket
from listenkey.gateway.shared_sockets.sharing_evidence import SharingEvidence
from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from listenkey.rest import rate_limiter
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.transport.base import Connect
from listenkey.transport.clock import Clock
from listenkey.venue import Venue

log = logging.getLogger("listenkey")

YOUNG: Final = 0.5
"""The share of a socket's life in which further keys may join: the others would have to leave it soon."""


class _Waiter(NamedTuple):
    risk: tuple[int, ...]
    key: Secret
    seat: asyncio.Future[SocketSeat]


class SocketPool:
    """
    Gives streams their connections: `transport.base.Seats`.

    Args:
        venue: Where the accounts are.
        clock: For all times.
        timing: Durations, at the venue's scale.
        connect: Opens sockets.
        keys_per_socket: The most keys that share one.

    Attributes:
        why_not: The reason why keys share no more, for people; empty while they do.
    """

    __slots__ = ("_admissions", "_clock", "_connect", "_evidence", "_keys_per_socket", "_limiter", "_sockets", "_timing", "_venue", "_waiting", "why_not")  # fmt: skip

    def __init__(self, venue: Venue, clock: Clock, timing: Timing, connect: Connect, keys_per_socket: int) -> None:
        self.why_not = ""
        self._venue = venue
        self._clock = clock
        self._timing = timing
        self._connect = connect
        self._keys_per_socket = keys_per_socket
        self._limiter: RateLimiter | None = None
        self._sockets: dict[SharedSocket, None] = {}
        self._waiting: list[_Waiter] = []
        self._admissions: dict[asyncio.Task[None], tuple[int, ...]] = {}
        self._evidence = SharingEvidence()

    def open(self) -> None:
        """Share the address's limit on sockets. Give it back with `aclose`."""
        self._limiter = rate_limiter.share(self._venue, self._clock)

    async def aclose(self) -> None:
        """End all sockets."""
        for admission in self._admissions:
            admission.cancel()
        for socket in list(self._sockets):
            socket.end_all(Disconnected(None, "the gateway ends"))
        limiter, self._limiter = self._limiter, None
        if limiter is not None:
            await rate_limiter.release(limiter)

    def keys_beside(self, key: Secret | None) -> int:
        """Return how many keys are on the socket of this one; 0 where it is on none."""
        socket = self._socket_of(key)
        return 0 if socket is None else len(socket.routes.seats)

    def _socket_of(self, key: Secret | None) -> SharedSocket | None:
        text = b"" if key is None else key.reveal().encode()
        return next((socket for socket in reversed(self._sockets) if text in socket.routes.seats), None)

    @property
    def _room(self) -> int:
        return 1 if self.why_not else self._keys_per_socket

    # --- seats ---------------------------------------------------------------------------------------------------

    async def seat(self, key: Secret, risk: tuple[int, ...]) -> SocketSeat:
        """Wait until there is room for a listen key; see `transport.base.Seats`."""
        assert self._limiter is not None
        if self.why_not or self._evidence.is_alone(key):
            await self._limiter.may_connect(risk)
            return self._opened(1).seat_for(key.reveal().encode())
        seat = self._free_seat(key)
        if seat is not None:
            return seat
        waiter = _Waiter(risk, key, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._ask()
        try:
            return await waiter.seat
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._ask()
            elif waiter.seat.done() and not waiter.seat.cancelled() and waiter.seat.exception() is None:
                waiter.seat.result().leave()
            raise

    def _free_seat(self, key: Secret) -> SocketSeat | None:
        """Return a seat on a socket that is open or being opened; None where none has room."""
        text = key.reveal().encode()
        young_s = self._timing.rotate_after_s * YOUNG
        for socket in self._sockets:
            if socket.room > 1 and socket.age_s < young_s and socket.has_room_for(text):
                return socket.seat_for(text)
        return None

    def _ask(self) -> None:
        """Ask for as many sockets as those who wait need, by what is at stake."""
        waiting = sorted(self._waiting, key=lambda waiter: waiter.risk, reverse=True)
        wanted = [waiter.risk for waiter in waiting[:: self._room]]
        asked = sorted(self._admissions, key=lambda task: self._admissions[task])
        if wanted and asked and len(asked) >= len(wanted) and wanted[0] > self._admissions[asked[-1]]:
            self._admissions.pop(asked[0])
            asked.pop(0).cancel()  # it asked for less than is at stake now
            self._ask_for(wanted[0])
        for task in asked[: max(0, len(self._admissions) - len(wanted))]:
            del self._admissions[task]
            task.cancel()
        for risk in wanted[len(self._admissions) :]:
            self._ask_for(risk)

    def _ask_for(self, risk: tuple[int, ...]) -> None:
        task = asyncio.get_running_loop().create_task(self._admit(risk))
        self._admissions[task] = risk

    async def _admit(self, risk: tuple[int, ...]) -> None:
        """Wait until a socket may be opened, and give it to those for whom most is at stake then."""
        assert self._limiter is not None
        try:
            await self._limiter.may_connect(risk)
        except ListenKeyError as error:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                if not waiter.seat.done():
                    waiter.seat.set_exception(error)
        else:
            self._seat_waiting()
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._admissions.pop(task, None)
        self._ask()

    def _seat_waiting(self) -> None:
        waiting = sorted(self._waiting, key=lambda waiter: waiter.risk, reverse=True)
        if not waiting:
            return
        socket = self._opened(self._room)
        for waiter in waiting:
            text = waiter.key.reveal().encode()
            if not waiter.seat.done() and socket.has_room_for(text):
                self._waiting.remove(waiter)
                waiter.seat.set_result(socket.seat_for(text))

    def _opened(self, room: int) -> SharedSocket:
        """Begin to open a socket."""
        # Two pings of accounts that are all idle are twice as far apart, and one may be on its way.
        socket = SharedSocket(room, self._clock, 3 * self._timing.ping_after_s, self)
        self._sockets[socket] = None
        opening = socket.open(self._connect, f"{self._venue.ws_url}/private/stream", self._timing.open_timeout_s)
        opening.add_done_callback(self._note_opened)
        return socket

    def _note_opened(self, opening: asyncio.Task[None]) -> None:
        limiter = self._limiter
        if opening.cancelled() or limiter is None:
            return
        error = opening.exception()
        if error is None:
            limiter.connects.opened()
        elif isinstance(error, Banned):
            limiter.refused(error)
        elif isinstance(error, RateLimited):
            limiter.connects.block(classify(error, self._clock.wall_ms()).wait_s, error)

    # --- whether the venue delivers to keys that share -------------------------------------------------------------

    def subscribed(self, socket: SharedSocket, key: Secret, code: int | None) -> None:
        """Note the venue's answer to a key on a socket."""
        beside_others = len(socket.routes.seats) > 1
        if code is not None:
            self._evidence.refused(key, beside_others=beside_others)
        elif why := self._evidence.took(key, beside_others=beside_others):
            self.stop_sharing(why)

    def overflowed(self, key: Secret) -> None:
        """Give a key, for which more came than its stream took, a socket of its own: there it holds up nobody else."""
        log.warning("the account with listen key %s gets more than it takes; from now on it has its own socket", key)
        self._evidence.set_alone(key)

    def delivers(self) -> None:
        """Note that two keys of one socket deliver."""
        if not self._evidence.is_proven:
            log.info("the venue delivers to listen keys that share a socket")
        self._evidence.delivers()

    def doubt(self, key: Secret) -> None:
        """
        Note a loss on the socket of a key: REST, or the account's own events, show one that it did not bring.

        By the time that this is known, the account may have left that socket.
        """
        text = key.reveal().encode()
        if self.why_not or not any(socket.routes.shared_with(text) for socket in self._sockets):
            return
        if why := self._evidence.doubt(key, self._clock.now_s()):
            self.stop_sharing(why)
            return
        log.warning("events of the account with listen key %s were missing; from now on it has its own socket", key)
        socket = self._socket_of(key)
        if socket is not None and not socket.is_of_one:
            socket.routes.seats[text].end(Disconnected(None, "events were missing on a socket that listen keys share"))

    def stop_sharing(self, why: str) -> None:
        """Give each key a socket of its own from now on."""
        if self.why_not:
            return
        self.why_not = why
        log.warning(
            "listen keys share sockets no more: the venue does not deliver to all of them (%s). Each account gets a socket "
            "of its own now, as far as the limit on new ones allows; set keys_per_socket = 1", why,
        )  # fmt: skip
        for socket in [each for each in self._sockets if each.routes.were_shared or len(each.seats) > 1]:
            socket.end_all(Disconnected(None, f"listen keys share sockets no more: {why}"))
        self._ask()

    def ended(self, socket: SharedSocket, *, while_asked: bool) -> None:
        """Forget a socket."""
        self._sockets.pop(socket, None)
        if while_asked and (why := self._evidence.ended_while_asked()):
            self.stop_sharing(why)
