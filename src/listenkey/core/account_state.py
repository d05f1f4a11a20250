"""Hold what is known of an account from delivered events: fills, open orders, positions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from listenkey.core import records
from listenkey.core.expiry import has_expired
from listenkey.core.gaps import OrderLeft
from listenkey.core.lateness import Lateness, NewestFill
from listenkey.events import (
    BalancePositionUpdate,
    Event,
    Order,
    OrderTradeUpdate,
    RecoveredCash,
    RecoveredExercise,
    RecoveredFill,
    RecoveredOrder,
    UnknownEvent,
)
from listenkey.events.base import amount_of

FILLS_MAX: Final = 65_536
"""Fills remembered at most, in two halves."""

ENDED_MAX: Final = 16_384
"""Ended orders remembered at most, in two halves, so that a stale answer never opens one again."""

ORDERS_MAX: Final = 16_384
"""Orders that live, at most: one whose end was lost, and which no recovery asked for, must not stay for ever."""

POSITIONS_MAX: Final = 4_096
"""Contracts whose position is followed, at most; an account holds a few dozen."""

ENDED: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
"""Statuses that nothing follows; the last one is the word from before 2026."""

ZERO: Final = Decimal(0)
NOT_DATED: Final = (RecoveredFill, RecoveredOrder, RecoveredExercise, RecoveredCash, UnknownEvent)
"""Events whose time proves nothing: no socket brought the first four, and the last one's type is unknown."""


BEFORE_ALL: Final = -(2**63) - 1
"""Lower than any id or time: they have 64 bits, sign included."""

AFTER_ALL: Final = 2**63
"""Higher than any."""

FillKey: TypeAlias = tuple[str, int, int]
"""Symbol, trade id, order id."""

OrderKey: TypeAlias = tuple[str, int]
"""Symbol and order id: ids may count by contract, so an id alone may mean two orders."""


class FillIndex:
    """
    The fills that were delivered: a set that forgets, and says since when it has forgotten nothing.

    A fill is its symbol, trade id and order: an account may trade with itself.

    Attributes:
        since_ms: Every fill delivered with this time or a later one is remembered.
        newer, older: The two halves, and when each fill was. New ones go into `newer`; then `forget` is to be called.
        lateness: Told of each fill as it is delivered, which may be later than it is added here.
    """

    __slots__ = ("_half", "lateness", "newer", "older", "since_ms")

    def __init__(self, size_max: int = FILLS_MAX) -> None:
        self.since_ms = 0
        self.lateness = Lateness()
        self._half = size_max // 2
        self.newer: dict[FillKey, int] = {}
        self.older: dict[FillKey, int] = {}

    def add(self, symbol: str, trade_id: int, order_id: int, time_ms: int) -> bool:
        """Remember; True where it was not remembered already."""
        key = (symbol, trade_id, order_id)
        if key in self:
            return False
        self.newer[key] = time_ms
        self.forget()
        return True

    def resume(self, fills: Collection[tuple[str, int, int, int]]) -> None:
        """An earlier process has delivered these: symbol, trade id, order id, time."""
        for symbol, trade_id, order_id, time_ms in fills:
            self.add(symbol, trade_id, order_id, time_ms)
        self.lateness.resume(fills)

    def forget(self) -> None:
        """The older half, where the newer one is full."""
        if len(self.newer) >= self._half:
            self.since_ms = max(self.since_ms, max(self.older.values(), default=-1) + 1)
            self.older, self.newer = self.newer, {}

    def __contains__(self, key: FillKey) -> bool:
        return key in self.newer or key in self.older

    def times(self, from_ms: int, to_ms: int) -> dict[str, list[int]]:
        """Return when the fills of each symbol happened that have a time in this span, both ends included."""
        out: dict[str, list[int]] = {}
        for half in (self.older, self.newer):
            for (symbol, _, _), time_ms in half.items():
                if from_ms <= time_ms <= to_ms:
                    out.setdefault(symbol, []).append(time_ms)
        return out


class OrderFacts(msgspec.Struct, gc=False):
    """The last that is known of an order that lives."""

    symbol: str
    status: str
    filled_text: str
    at_ms: int

    @property
    def filled(self) -> Decimal:
        """The quantity filled so far; messages of before 2026 have signs."""
        return abs(amount(self.filled_text))


class AccountState:
    """
    Folded from every event that is delivered; the stream's life long.

    Attributes:
        orders: Orders that live.
        positions: Quantity by symbol, negative is short; what is zero is not in it.
        records: What was reported beside trades and orders.
        last_event_ms: When the newest event that a socket brought was made, by the venue's clock.
        ended: Orders that ended lately, and were not put with the others yet; see `has_ended`.
    """

    def __init__(self, fills: FillIndex) -> None:
        self.fills = fills
        self.orders: dict[OrderKey, OrderFacts] = {}
        self.positions: dict[str, Decimal] = {}
        self.records = records.Records()
        self.last_event_ms = 0
        self.ended: list[OrderKey] = []
        self._ended: set[OrderKey] = set()
        self._ended_before: list[OrderKey] | AbstractSet[OrderKey] = frozenset()

    @property
    def newest(self) -> NewestFill | None:
        """The newest fill by its time."""
        return self.fills.lateness.newest

    def resume(self, orders: Iterable[OrderLeft], forgotten_ms: int) -> None:
        """
        Note the orders that lived when an earlier process ended.

        Args:
            orders: Those orders, the oldest first.
            forgotten_ms: Orders in contracts that expired before are left out: REST does not know any more how they ended.
        """
        for one in orders:
            if not has_expired(one.symbol, forgotten_ms):
                self.orders[one.symbol, one.order_id] = OrderFacts(one.symbol, one.status, one.filled_text, one.at_ms)

    def note(self, event: Event) -> None:
        """An event is being delivered."""
        if isinstance(event, BalancePositionUpdate):
            self.positions_changed(event)
            return
        if not isinstance(event, NOT_DATED) and event.event_ms > self.last_event_ms:
            self.last_event_ms = event.event_ms
        if isinstance(event, RecoveredExercise | RecoveredCash):
            self.records.add(records.key_of(event))
            if isinstance(event, RecoveredExercise):
                self.positions.pop(event.symbol, None)
        elif isinstance(event, OrderTradeUpdate):
            self.note_order(event.order, event.event_ms)
            self.forget()
        elif isinstance(event, RecoveredFill):
            self.fills.add(event.symbol, event.trade_id, event.order_id, event.trade_time_ms)
        elif isinstance(event, RecoveredOrder):
            self.note_order(event, event.updated_ms)
            self.forget()

    def note_order(self, order: Order | RecoveredOrder, at_ms: int) -> None:
        """Note an order's state, and how much of it was filled, at this time by the venue's clock."""
        key, status = (order.symbol, order.order_id), order.status
        if status in ENDED:
            self.orders.pop(key, None)
            self.ended.append(key)
            return
        before = self.orders.get(key)
        if before is None:
            if not self.has_ended(key):
                self.orders[key] = OrderFacts(order.symbol, status, order.filled_quantity_text, at_ms)
                if len(self.orders) > ORDERS_MAX:
                    del self.orders[next(iter(self.orders))]
        elif abs(amount(order.filled_quantity_text)) >= before.filled:
            before.status, before.filled_text, before.at_ms = status, order.filled_quantity_text, at_ms

    def let_go(self, key: OrderKey, before_ms: int) -> None:
        """Forget an order that lives as far as was delivered, unless it changed since."""
        facts = self.orders.get(key)
        if facts is not None and facts.at_ms < before_ms:
            del self.orders[key]

    def forget(self) -> None:
        """The older half of the ends of orders, where the newer one is full. To be called now and then."""
        if len(self.ended) + len(self._ended) < ENDED_MAX // 2:
            return
        if self._ended:
            self._ended.update(self.ended)
            self._ended, self._ended_before = set(), self._ended
            self.ended.clear()
        else:  # Nobody asked.
            self._ended_before, self.ended = self.ended, []

    def has_ended(self, key: OrderKey) -> bool:
        """Return True where the end of this order was delivered. A set is built only for those who ask."""
        if self.ended:
            self._ended.update(self.ended)
            self.ended.clear()
        if type(self._ended_before) is list:
            self._ended_before = frozenset(self._ended_before)
        return key in self._ended or key in self._ended_before

    def active(self, since_ms: int) -> list[str]:
        """The symbols that were traded since then, by the venue's clock."""
        return list(self.fills.times(since_ms, AFTER_ALL))

    @property
    def risk(self) -> tuple[int, int]:
        """Return the account's priority in recovery, larger first: positions and orders, then the last activity."""
        newest_ms = self.newest.time_ms if self.newest else 0
        return (bool(self.positions) + bool(self.orders), newest_ms)

    def settle(self, symbols: Iterable[str]) -> None:
        """Forget positions that are held no more: their contracts have expired, or REST says so."""
        for symbol in symbols:
            self.positions.pop(symbol, None)

    def positions_changed(self, event: BalancePositionUpdate) -> None:
        """Take the positions that a message states; those it states as zero are closed."""
        self.last_event_ms = max(self.last_event_ms, event.event_ms)
        self.records.note_change(event)
        for position in event.positions:
            if held := amount(position.quantity_text):
                self.positions[position.symbol] = held
                if len(self.positions) > POSITIONS_MAX:
                    del self.positions[next(iter(self.positions))]
            else:
                self.positions.pop(position.symbol, None)


def amount(text: str) -> Decimal:
    """Return the amount, or zero where the text is none: an unreadable amount must not end a stream."""
    found = amount_of(text)
    return ZERO if found is None else found
