"""
Merge several sockets into one stream, without a duplicate and without a hole.

Two sockets of one key bring the same events. One of them is followed: its events are delivered as they come. What the
others bring is held, and when one of them is followed in its turn, what its predecessor did not bring is delivered
first. So the order is always the order of one socket.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import Final, NamedTuple, TypeAlias

from listenkey.core.account_state import FillIndex
from listenkey.events import Event, OrderTradeUpdate
from listenkey.events.enums import TRADE
from listenkey.wire.frames import Received, UnreadableFrame, received_in

REMEMBERED_MAX: Final = 65_536
"""Identities kept at most, in two halves. A duplicate was seen days late once, but never that many events late."""

HELD_MAX: Final = 65_536
"""
Events held for one socket at most: five seconds of overlap at more than ten thousand events a second. Half of it is
where a recovery lets go of what it holds back.
"""


HELD_BYTES_MAX: Final = 96 * 1024 * 1024
"""The same in bytes of JSON and `HELD_OVERHEAD_BYTES` for each: so many usual events, or 96 of the largest."""

HELD_OVERHEAD_BYTES: Final = 1024
"""The bytes of a decoded event beside its JSON."""

KINDS_MAX: Final = 256
"""Types of events whose last snapshot is remembered; six are documented."""

_NOTHING: Final[AbstractSet[object]] = frozenset()


ORDER: Final = b'{"e":"ORDER_TRADE_UPDATE"'
PLAIN: Final = (ORDER, b'{"e":"ACCOUNT_UPDATE"', b'{"e":"BALANCE_POSITION_UPDATE"', b'{"e":"GREEK_UPDATE"')
"""The first bytes of the events that may wait undecoded: they call for nothing at once."""

BROUGHT_BYTES_MAX: Final = 1024
"""A longer order is read on both sockets; the usual one has half of that."""

UNWRAPPED_AT_ONCE: Final = 256

Unwrap: TypeAlias = Callable[[list[bytes]], list[bytes] | None]
"""The JSON of several frames without its envelopes; None where there is something else among them."""


class Held(NamedTuple):
    """One event that waits for its socket to be followed."""

    event: Event
    raw: bytes
    received_ms: int


_NO_FRAMES: Final[set[bytes]] = set()
"""An empty set, never added to; sockets with frames have their own."""

Unread: TypeAlias = tuple[bytes, int]
"""The JSON of an event that waits, and when it was received."""


class Admitted(NamedTuple):
    """
    The new events of a batch.

    Attributes:
        fills: How many fills.
        late: The places of the events with a late one, among those that are left.
    """

    fills: int
    late: list[int]


class Recent:
    """
    A set that forgets: the newest half of `size_max` at least is always remembered.

    Of each identity its 64-bit hash is kept, so that the set has a bound in bytes whatever the texts in it.

    Two plain sets instead of an ordered one: adding and asking stay as cheap as a set's, and forgetting costs nothing.
    """

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, size_max: int = REMEMBERED_MAX) -> None:
        self._half = size_max // 2
        self._new: set[object] = set()
        self._old: AbstractSet[object] = _NOTHING

    def add(self, identity: object) -> bool:
        """Remember; True where it was not remembered already."""
        if identity in self._new or identity in self._old:
            return False
        self._new.add(identity)
        if len(self._new) >= self._half:
            self._old, self._new = self._new, set()
        return True


class Snapshots:
    """
    Snapshots that the followed socket brought, so that its successor's copies can be taken out.

    A snapshot has no id. Two with the same bytes are the same one only if two sockets brought them: on one socket the
    totals may go from A to B and back to A within a millisecond, and the second A is news. So copies are matched one
    to one against what the predecessor brought. Of each only the 64-bit hash is kept.
    """

    __slots__ = ("_before", "_half", "_last", "_new", "_old")

    def __init__(self, size_max: int = REMEMBERED_MAX) -> None:
        self._half = size_max // 2
        self._new: list[int] = []
        self._old: list[int] = []
        self._before: Counter[int] = Counter()
        self._last: dict[str, int] = {}

    def add(self, kind: str, identity: int) -> bool:
        """One from the followed socket; True where it is to be delivered."""
        if self._before and self.is_copy(identity):
            return False
        if self._last.get(kind) == identity:
            return False  # twice in a row says nothing new, whoever doubled it
        if len(self._last) >= KINDS_MAX:
            self._last.clear()
        self._last[kind] = identity
        self._new.append(identity)
        if len(self._new) >= self._half:
            self._old, self._new = self._new, []
        return True

    def is_copy(self, identity: int) -> bool:
        """Return True where the predecessor brought one more than the copies of it that have come; takes that one."""
        left = self._before.get(identity, 0)
        if left > 0:
            self._before[identity] = left - 1
        return left > 0

    def hand_over(self) -> None:
        """Follow another socket from here on; it may bring snapshots of its predecessor again."""
        self._before = Counter(self._old)
        self._before.update(self._new)
        self._old, self._new = [], []


class Deduplicator:
    """
    Several sockets in, one order of events out.

    A fill is known by symbol, trade id and order (an account may trade with itself), another change of an order by
    symbol, order id, status, filled quantity and time; the same one is never delivered twice. Anything else is a snapshot.

    Attributes:
        duplicates: Events that were taken out because they had been delivered.
        fills: The fills that were delivered, by whichever way.
        unreadable_frames: What turned out to be no event when it was to be delivered; who tells of it takes it out.
    """

    def __init__(self) -> None:
        self.duplicates = 0
        self.fills = FillIndex()
        self._followed = 0
        self.unreadable_frames: list[UnreadableFrame] = []
        self._held: dict[int, list[Held | Unread]] = {}
        self._held_bytes: Counter[int] = Counter()
        self._unwrap: Unwrap = list
        self._brought: set[bytes] = _NO_FRAMES  # orders of the followed socket, while another one is open
        self._recent = Recent()
        self._snapshots = Snapshots()

    def hold_all(self, socket: int, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """Hold events of a socket that is not followed, until `follow`; an older one's successor brings the same."""
        if socket > self._followed:
            self._hold(socket, map(Held, events, raws, repeat(received_ms)), raws)

    def sift(self, socket: int, frames: list[bytes], unwrap: Unwrap, received_ms: int) -> list[bytes]:
        """
        Return the frames to read now, of those that came on one of two sockets that bring the same.

        Everything of the followed one, whose bytes are remembered. What has the same bytes on the other one is its
        copy, and forgotten; the rest waits unread, unless there is something among it that can't wait.
        """
        if socket == self._followed:
            self._note(frames, unwrap)
        if socket <= self._followed:
            return frames
        left = self._without_copies(frames)
        raws = _plain(left, unwrap)
        if raws is None:
            return left
        self._unwrap = unwrap
        self._hold(socket, zip(raws, repeat(received_ms)), raws)
        return []

    def _note(self, frames: list[bytes], unwrap: Unwrap) -> None:
        """Remember the orders among them, by their bytes."""
        raws = unwrap(frames[:1])
        if raws and len(self._brought) < HELD_MAX:
            begin = frames[0][: frames[0].index(raws[0])] + ORDER
            self._brought = self._brought or set()  # an empty set of its own would weigh on idle streams
            self._brought.update([one for one in frames if len(one) <= BROUGHT_BYTES_MAX and one.startswith(begin)])

    def _without_copies(self, frames: list[bytes]) -> list[bytes]:
        """Remove frames whose bytes the predecessor has brought. Of snapshots it may have brought fewer than came."""
        copies = self._brought.intersection(frames)
        if not copies:
            return frames
        self._brought -= copies  # Their copies have come, so they need not be remembered.
        left = [frame for frame in frames if frame not in copies]
        self.duplicates += len(frames) - len(left)
        return left

    def follows(self, socket: int) -> bool:
        """Return True where events of this socket are delivered as they come."""
        return socket == self._followed

    def admit_all(self, events: list[Event], raws: list[bytes]) -> Admitted:
        """
        Take events of the followed socket: remove duplicates, and note the others' order. Decides as `follow` does.

        The same decisions in one loop, because calling a function for each fill would double its price.
        """
        known, lateness = self.fills, self.fills.lateness
        newer, older = known.newer, known.older
        newest, newest_ms = None, lateness.newest_ms
        fills = 0
        doubles: list[int] = []
        late: list[int] = []
        for place, event in enumerate(events):
            if type(event) is not OrderTradeUpdate:
                if not self._snapshots.add(event.type, hash(raws[place])):
                    doubles.append(place)
                continue
            order = event.order
            if order.execution_type != TRADE and (order.trade_id <= 0 or not order.is_fill):
                if not self._is_new_step(event):
                    doubles.append(place)
                continue
            key = (order.symbol, order.trade_id, order.order_id)
            if key in newer or key in older:
                doubles.append(place)
                continue
            newer[key] = at_ms = order.trade_time_ms
            fills += 1
            if at_ms > newest_ms:
                newest, newest_ms = order, at_ms
            elif newest is not None and newest_ms == at_ms and newest.symbol == key[0] and newest.trade_id <= key[1]:
                newest = order
            else:
                lateness.reach(newest)
                newest = None
                if lateness.note(*key, at_ms):
                    late.append(place)
        known.forget()
        lateness.reach(newest)
        if doubles:
            late = [place - bisect_left(doubles, place) for place in late]
            self.duplicates += len(doubles)
            for place in reversed(doubles):
                del events[place], raws[place]
        return Admitted(fills, late)

    def held(self, socket: int) -> list[Held]:
        """Return the events held until this socket is followed; to be looked at, not taken."""
        waiting = self._held.get(socket, [])
        held = [held for one in waiting for held in ([one] if isinstance(one, Held) else self._read(one))]
        waiting[:] = held
        return held

    def fullness(self, socket: int) -> float:
        """Return how much is held for this socket: beyond 1 is more than memory is allowed for."""
        count = len(self._held.get(socket, ()))
        weight = self._held_bytes[socket] + count * HELD_OVERHEAD_BYTES
        return max(count / HELD_MAX, weight / HELD_BYTES_MAX)

    def _hold(self, socket: int, held: Iterable[Held | Unread], raws: list[bytes]) -> None:
        self._held.setdefault(socket, []).extend(held)
        self._held_bytes[socket] += sum(map(len, raws))

    def follow(self, socket: int) -> list[Held]:
        """Follow this socket from here on; return its held events that were not delivered, in order."""
        self._followed = socket
        self._snapshots.hand_over()
        waiting = self._held.pop(socket, [])
        brought = self._brought_payloads() if waiting else set()
        new: list[Held] = []
        for one in waiting:
            read = [one] if isinstance(one, Held) else self._unless_copy(one, brought)
            new.extend(held for held in read if self._is_new(held.event, held.raw))
        self._brought = _NO_FRAMES
        self._held = {number: kept for number, kept in self._held.items() if number > socket}
        self._held_bytes = Counter({number: self._held_bytes[number] for number in self._held})
        return new

    def _brought_payloads(self) -> set[bytes]:
        """Return the payloads that the predecessor brought and no copy of which has come, without envelopes."""
        frames, payloads = list(self._brought), set[bytes]()
        for at in range(0, len(frames), UNWRAPPED_AT_ONCE):
            payloads.update(self._unwrap(frames[at : at + UNWRAPPED_AT_ONCE]) or ())
        return payloads

    def _unless_copy(self, unread: Unread, brought: AbstractSet[bytes]) -> list[Held]:
        """Decode what was held; nothing where it is a copy, which shows without decoding it, or can't be decoded."""
        raw, _ = unread
        if raw in brought if raw.startswith(ORDER) else self._snapshots.is_copy(hash(raw)):
            self.duplicates += 1
            return []
        return self._read(unread)

    def _read(self, unread: Unread) -> list[Held]:
        payload, received_ms = unread
        found = received_in(payload)
        self.unreadable_frames.extend(one for one in found if isinstance(one, UnreadableFrame))
        return [Held(one.event, one.raw, received_ms) for one in found if isinstance(one, Received)]

    def forget(self, socket: int) -> None:
        """Forget a closed socket and the events held for it, which were never vouched for."""
        self._held.pop(socket, None)
        del self._held_bytes[socket]
        self._brought = _NO_FRAMES  # Nobody brings copies any more.

    def _is_new(self, event: Event, raw: bytes) -> bool:
        if type(event) is not OrderTradeUpdate:
            is_new = self._snapshots.add(event.type, hash(raw))
        elif (order := event.order).execution_type == TRADE or order.is_fill:
            is_new = self.fills.add(order.symbol, order.trade_id, order.order_id, order.trade_time_ms)
        else:
            is_new = self._is_new_step(event)
        self.duplicates += not is_new
        return is_new

    def _is_new_step(self, event: OrderTradeUpdate) -> bool:
        order = event.order
        status = (order.execution_type, order.status, order.filled_quantity_text)
        return self._recent.add(hash((order.symbol, order.order_id, *status, event.transaction_ms)))


def _plain(frames: list[bytes], unwrap: Unwrap) -> list[bytes] | None:
    """Return the payloads of the frames, where all of them may wait undecoded; else None."""
    raws = unwrap(frames) if frames else []
    return raws if raws is not None and all(map(bytes.startswith, raws, repeat(PLAIN))) else None
