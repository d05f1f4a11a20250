"""The listen keys of one socket, and where the messages go that it brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from listenkey.gateway.shared_sockets.stream_names import Named, Nameless, RequestAnswer, kind_of, quick_name
from listenkey.venue import STREAMS_PER_SOCKET

KEYS_EVER_MAX: Final = 2 * STREAMS_PER_SOCKET
"""Listen keys that one socket has had: each is remembered, as events of one that was taken off may still be under way."""


class KeyRoutes:
    """
    The seats by listen key.

    Args:
        answered: Takes the answer to a request; returns False where it is to none of ours.
        misrouted: Told of an event that can be given to nobody.

    Attributes:
        seats: The seats whose key was put on the socket, by key.
        were_shared: True where two keys have been on the socket at a time.
    """

    __slots__ = ("_answered", "_delivered", "_ever", "_misrouted", "_touched", "seats", "were_shared")

    def __init__(self, answered: Callable[[RequestAnswer], bool], misrouted: Callable[[str], None]) -> None:
        self.seats: dict[bytes, SocketSeat] = {}
        self.were_shared = False
        self._answered = answered
        self._misrouted = misrouted
        self._ever: set[bytes] = set()
        self._touched: dict[SocketSeat, bool] = {}  # in the read that is going on; True where an event named its key
        self._delivered: set[bytes] = set()  # since the newest key was put on the socket

    # --- keys ----------------------------------------------------------------------------------------------------

    def note(self, key: bytes) -> None:
        """Note a key that is to have a seat."""
        self._ever.add(key)

    def takes(self, key: bytes) -> bool:
        """Return True where a key may have a seat. One that had one may not: what was sent to that one would come to it."""
        return key not in self._ever and len(self._ever) < KEYS_EVER_MAX

    def shared_with(self, key: bytes) -> bool:
        """Return True where a key is or was on this socket, and keys have shared it."""
        return self.were_shared and key in self._ever

    def put(self, seat: SocketSeat) -> None:
        """Bring this seat what comes for its key."""
        self.seats[seat.key] = seat
        self.were_shared = self.were_shared or len(self.seats) > 1
        self._delivered.clear()

    def take_off(self, seat: SocketSeat) -> bool:
        """Bring it nothing any more; False where it was brought nothing."""
        self._touched.pop(seat, None)
        if self.seats.get(seat.key) is not seat:
            return False
        del self.seats[seat.key]
        return True

    # --- messages ------------------------------------------------------------------------------------------------

    def take(self, frame: bytes) -> None:
        """Take a message of the socket."""
        seat = self.seats.get(quick_name(frame))
        if seat is None:
            self._take_other(frame)
            return
        self._touched[seat] = True
        seat.take(frame)

    def _take_other(self, frame: bytes) -> None:
        """Take a message that does not begin as an event of one of our keys does."""
        kind, seats = kind_of(frame), list(self.seats.values())
        if isinstance(kind, RequestAnswer) and self._answered(kind):
            return
        if isinstance(kind, Named) and (its := self.seats.get(kind.stream)) is not None:
            seats = [its]
        elif isinstance(kind, Named) and kind.stream in self._ever:
            return  # of a key that was taken off
        elif isinstance(kind, Named | Nameless) and len(seats) > 1:
            self._misrouted("it sends events that do not name their listen key")
            return
        # It is its owner's, or the only key's; or it can't be read, and so may be anybody's loss.
        for seat in seats:
            if isinstance(kind, Named):
                self._touched[seat] = True
            else:
                self.touch(seat)
            seat.take(frame)

    def touch(self, seat: SocketSeat) -> None:
        """Note that something came for a seat in this read that is no event of its key."""
        self._touched.setdefault(seat, False)

    def take_touched(self) -> dict[SocketSeat, bool]:
        """Take the seats for which something came since the last call; True where it was an event of its key."""
        touched, self._touched = self._touched, {}
        return touched

    def now_deliver(self, touched: dict[SocketSeat, bool]) -> bool:
        """Note whose events came. True once, when they are of two keys that were on the socket together."""
        if len(self._delivered) > 1:
            return False
        self._delivered.update(seat.key for seat, is_event in touched.items() if is_event)
        return len(self._delivered) > 1
