"""
The state of an account, as its items make it: live orders, positions, balances, totals, greeks.

An item replaces what it names and nothing else, so that the picture at an item plus what follows that item is the
account, without a hole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
    from listenkey.events import Balance, Event, Order, Position

FILLS_REMEMBERED: Final = 2
"""Fills that the account state of a picture remembers: a picture has no use for them."""

BALANCES_MAX: Final = 256
"""Assets whose balance is kept; an options account has a few."""


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
        self._orders: dict[tuple[str, int], Order | RecoveredOrder] = {}
        self._positions: dict[str, tuple[Position, int]] = {}
        self._balances: dict[str, tuple[Balance, int]] = {}
        self._newest: dict[type[Event], Event] = {}
        self._gap_from_ms: int | None = None

    @property
    def size(self) -> int:
        """Orders, positions and balances that it holds."""
        return len(self._orders) + len(self._positions) + len(self._balances)

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
            self._positions.pop(event.symbol, None)
        elif isinstance(event, AccountUpdate | GreekUpdate | RiskLevelChange):
            self._newest[type(event)] = event

    def _note_order(self, order: Order | RecoveredOrder, at_ms: int) -> None:
        """Keep an order that lives; the account state decides which message about it is the newer one."""
        key = (order.symbol, order.order_id)
        living = self._state.orders.get(key)
        if living is None:
            self._orders.pop(key, None)
        elif (living.status, living.at_ms) == (order.status, at_ms):
            self._orders[key] = order
        if len(self._orders) > len(self._state.orders):  # The state has let go of the oldest one.
            self._orders = {known: one for known, one in self._orders.items() if known in self._state.orders}

    def _note_changes(self, event: BalancePositionUpdate) -> None:
        for position in event.positions:
            self._positions.pop(position.symbol, None)
            if position.symbol in self._state.positions:
                self._positions[position.symbol] = (position, event.event_ms)
        if len(self._positions) > len(self._state.positions):
            held = self._state.positions
            self._positions = {symbol: one for symbol, one in self._positions.items() if symbol in held}
        for balance in event.balances:
            self._balances.pop(balance.asset, None)
            self._balances[balance.asset] = (balance, event.event_ms)
            if len(self._balances) > BALANCES_MAX:
                del self._balances[next(iter(self._balances))]

    def to_dict(self) -> dict[str, Any]:
        """Return the picture as plain values: amounts as strings, ids and times as numbers."""
        totals, greeks, risk = (self._words_of(kind) for kind in (AccountUpdate, GreekUpdate, RiskLevelChange))
        return {
            "seq": self.seq,
            "from_seq": self.from_seq,
            "open_gap_from_ms": self._gap_from_ms,
            "orders": [order.to_dict() for order in self._orders.values()],
            "positions": [{**one.to_dict(), "event_ms": at_ms} for one, at_ms in self._positions.values()],
            "balances": [
                {"asset": one.asset, "balance": one.to_dict()["balance"], "event_ms": at_ms}
                for one, at_ms in self._balances.values()
            ],
            "totals": totals,
            "greeks": [] if greeks is None else [{**one, "event_ms": greeks["event_ms"]} for one in greeks["greeks"]],
            "risk": risk,
        }

    def _words_of(self, kind: type[Event]) -> dict[str, Any] | None:
        event = self._newest.get(kind)
        return None if event is None else event.to_dict()
