"""
Which event is new: one stream out of several sockets, without a duplicate and without a hole.

Two sockets of one key bring the same events. One of them is followed: its events are delivered as they come. What the
others bring is held, and when one of them is followed in its turn, what its predecessor did not bring is delivered
first. So the order is always the order of one socket.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from listenkey.core.known import Fills
from listenkey.events import Event, OrderTradeUpdate

REMEMBERED_MAX: Final = 65_536
"""Identities kept at most, in two halves. A duplicate was seen days late once, but never that many events late."""

HELD_MAX: Final = 65_536
"""Half of it is where a recovery must let go of what it holds back. Events held for one socket at most: five seconds of overlap at more than ten thousand events a second."""


class Held(NamedTuple):
    """One event that waits for its socket to be followed."""

    event: Event
    raw: bytes
    received_ms: int


class Recent:
    """
    A set that forgets: the newest half of `size_max` at least is always remembered.

    Two plain sets instead of an ordered one: adding and asking stay as cheap as a set's, and forgetting costs nothing.
    """

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, size_max: int = REMEMBERED_MAX) -> None:
        self._half = size_max // 2
        self._new: set[object] = set()
        self._old: set[object] = set()

    def add(self, identity: object) -> bool:
        """Remember; True where it was not remembered already."""
        if identity in self._new or identity in self._old:
            return False
        self._new.add(identity)
        if len(self._new) >= self._half:
            self._old, self._new = self._new, set()
        return True


def identity(event: Event, raw: bytes) -> object:
    """
    What makes two events the same one.

    A fill is known by symbol and trade id, another change of an order by order id, status, filled quantity and time.
    Anything else is a snapshot of totals, and the same bytes (event time included) say the same thing; of those only
    the 64-bit hash is kept, since half a kilobyte each would be the largest thing a stream remembers.
    """
    if isinstance(event, OrderTradeUpdate):
        order = event.order
        if event.is_fill:
            return (order.symbol, order.trade_id)
        return (order.order_id, order.execution_type, order.status, order.filled_quantity_text, event.transaction_ms)
    return (event.event_ms, hash(raw))


class Merge:
    """
    Several sockets in, one order of events out.

    Attributes:
        duplicates: Events that were taken out because they had been delivered.
        fills: The fills that were delivered, by whichever way.
    """

    def __init__(self) -> None:
        self.duplicates = 0
        self.fills = Fills()
        self._followed = 0
        self._held: dict[int, list[Held]] = {}
        self._recent = Recent()

    def admit(self, socket: int, event: Event, raw: bytes, received_ms: int) -> bool:
        """Whether to deliver this event now. What is held is given back by `follow`."""
        if socket == self._followed:
            if self._is_new(event, raw):
                return True
            self.duplicates += 1
        elif socket > self._followed:
            self._held.setdefault(socket, []).append(Held(event, raw, received_ms))
        # Else it is an older socket that is being closed: its successor brings the same events.
        return False

    def _is_new(self, event: Event, raw: bytes) -> bool:
        if isinstance(event, OrderTradeUpdate) and event.is_fill:
            return self.fills.add(event.symbol, event.trade_id, event.trade_time_ms)
        return self._recent.add(identity(event, raw))

    def held(self, socket: int) -> list[Held]:
        """What waits for this socket to be followed; to be looked at, not taken."""
        return self._held.get(socket, [])

    def half_full(self, socket: int) -> bool:
        """Whether so much is held for this socket that it should be followed soon."""
        return len(self._held.get(socket, ())) > HELD_MAX // 2

    def overfull(self, socket: int) -> bool:
        """Whether so much is held for this socket that it can't be kept in mind any longer."""
        return len(self._held.get(socket, ())) > HELD_MAX

    def follow(self, socket: int) -> list[Held]:
        """Follow this socket from here on; what it brought before and nobody delivered comes back, in order."""
        self._followed = socket
        held = self._held.pop(socket, [])
        new = [one for one in held if self._is_new(one.event, one.raw)]
        self.duplicates += len(held) - len(new)
        self._held = {number: kept for number, kept in self._held.items() if number > socket}
        return new

    def forget(self, socket: int) -> None:
        """This socket is gone; what is held for it was never vouched for."""
        self._held.pop(socket, None)
