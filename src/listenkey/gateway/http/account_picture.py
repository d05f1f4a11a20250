"""
The state of an account, as its items make it: live orders, positions, balances, totals, greeks.

An item replaces what it names and nothing else, so that the picture at an item plus what follows that item is the
account, without a hole.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from listenkey.core.account_state import AccountState, FillIndex
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    GreekUpdate,
    OrderTradeUpdate,
    RecoveredExercise,
    RecoveredOrder,
    RiskLevelChange,
)
from listenkey.items import GapClosed, GapOpened, Item, Update

if TYPE_CHECKING:
    from listenkey.events import Event, Order

FILLS_REMEMBERED: Final = 2
"""Fills that the account state of a picture remembers: a picture has no use for them."""

BALANCES_MAX: Final = 256
"""Assets whose balance is kept; an options account has a few."""


PART_OVERHEAD_BYTES: Final = 1024
"""The bytes of a part beside its JSON: the keys, and what the account state has of it."""

Key = TypeVar("Key")
_encode: Final = msgspec.json.Encoder().encode


class _Parts(Generic[Key]):
    """Parts of a picture by key, the last changed last: as JSON, so that their bytes are known."""

    def __init__(self) -> None:
        self._texts: dict[Key, bytes] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, key: Key, words: dict[str, Any]) -> None:
        self.drop(key)
        self._texts[key] = text = _encode(words)
        self.size_bytes += len(text) + PART_OVERHEAD_BYTES

    def drop(self, key: Key) -> None:
        text = self._texts.pop(key, None)
        if text is not None:
            self.size_bytes -= len(text) + PART_OVERHEAD_BYTES

    def keep(self, known: Collection[Key]) -> None:
        for key in [key for key in self._texts if key not in known]:
            self.drop(key)

    def oldest(self) -> Key:
        return next(iter(self._texts))

    def raw(self) -> list[msgspec.Raw]:
        return [msgspec.Raw(text) for text in self._texts.values()]


class AccountPicture:
    """
    Folded from the items of a journal, in their order.

    Attributes:
        seq: The last item that is in it; 0 before the first.
        from_seq: The first one: what was before is in it only as far as later items name it.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.from_seq = 0
        self._state = AccountState(FillIndex(FILLS_REMEMBERED))
        self._orders: _Parts[tuple[str, int]] = _Parts()
        self._positions: _Parts[str] = _Parts()
        self._balances: _Parts[str] = _Parts()
        self._newest: dict[type[Event], Event] = {}
        self._gap_from_ms: int | None = None

    @property
    def size_bytes(self) -> int:
        """About the bytes that it takes."""
        return sum(parts.size_bytes for parts in (self._orders, self._positions, self._balances))

    def add(self, item: Item) -> None:
        """Take in the next item."""
        self.seq = item.seq
        self.from_seq = self.from_seq or item.seq
        if isinstance(item, Update):
            self._note(item.event)
        elif isinstance(item, GapOpened):
            self._gap_from_ms = item.from_ms
        elif isinstance(item, GapClosed):
            self._gap_from_ms = None

    def _note(self, event: Event) -> None:
        self._state.note(event)
        if isinstance(event, OrderTradeUpdate):
            self._note_order(event.order, event.event_ms)
        elif isinstance(event, RecoveredOrder):
            self._note_order(event, event.updated_ms)
        elif isinstance(event, BalancePositionUpdate):
            self._note_changes(event)
        elif isinstance(event, RecoveredExercise):
            self._positions.drop(event.symbol)
        elif isinstance(event, AccountUpdate | GreekUpdate | RiskLevelChange):
            self._newest[type(event)] = event

    def _note_order(self, order: Order | RecoveredOrder, at_ms: int) -> None:
        """Keep an order that lives; the account state decides which message about it is the newer one."""
        key = (order.symbol, order.order_id)
        living = self._state.orders.get(key)
        if living is None:
            self._orders.drop(key)
        elif (living.status, living.at_ms) == (order.status, at_ms):
            self._orders.put(key, order.to_dict())
        if len(self._orders) > len(self._state.orders):  # The state has let go of the oldest one.
            self._orders.keep(self._state.orders)

    def _note_changes(self, event: BalancePositionUpdate) -> None:
        for position in event.positions:
            if position.symbol in self._state.positions:
                self._positions.put(position.symbol, {**position.to_dict(), "event_ms": event.event_ms})
            else:
                self._positions.drop(position.symbol)
        if len(self._positions) > len(self._state.positions):
            self._positions.keep(self._state.positions)
        for balance in event.balances:
            amount = balance.to_dict()["balance"]
            self._balances.put(balance.asset, {"asset": balance.asset, "balance": amount, "event_ms": event.event_ms})
            if len(self._balances) > BALANCES_MAX:
                self._balances.drop(self._balances.oldest())

    def to_dict(self) -> dict[str, Any]:
        """Return the picture, to be encoded as JSON: amounts as strings, ids and times as numbers."""
        totals, greeks, risk = (self._words_of(kind) for kind in (AccountUpdate, GreekUpdate, RiskLevelChange))
        return {
            "seq": self.seq,
            "from_seq": self.from_seq,
            "open_gap_from_ms": self._gap_from_ms,
            "orders": self._orders.raw(),
            "positions": self._positions.raw(),
            "balances": self._balances.raw(),
            "totals": totals,
            "greeks": [] if greeks is None else [{**one, "event_ms": greeks["event_ms"]} for one in greeks["greeks"]],
            "risk": risk,
        }

    def _words_of(self, kind: type[Event]) -> dict[str, Any] | None:
        event = self._newest.get(kind)
        return None if event is None else event.to_dict()
