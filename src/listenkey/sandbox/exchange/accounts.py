"""One account: its money, its positions, its orders, and the list of all that happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from listenkey.sandbox.exchange.margin import Totals, order_lock
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.positions import AccountPosition, PositionState
from listenkey.sandbox.exchange.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.orders import ExchangeOrder, OrderKey
    from listenkey.sandbox.exchange.pricing import Prices
    from listenkey.sandbox.exchange.protection import Protection
    from listenkey.sandbox.exchange.records import CashMovement, Exercise, Trade, Transfer, Transition


@dataclass(slots=True)
class KillSwitch:
    """A countdown that ends in the cancellation of an underlying's orders."""

    countdown_ms: int
    due_ms: int


class Account:
    """
    One customer.

    Args:
        name: What the sandbox calls it.
        balance: USDT.
        trade_group_id: Accounts with the same one don't trade with each other; -1 = none. [O faq/stp-faq]
        market_maker: Whether it is told of `RISK_LEVEL_CHANGE`.
        quiet: One of the house's own: has no stream, keeps no records, and its credit is endless.
    """

    def __init__(
        self, name: str, balance: Decimal, *, trade_group_id: int, market_maker: bool, quiet: bool, user_id: int
    ) -> None:
        self.name = name
        self.balance = balance
        self.trade_group_id = trade_group_id
        self.market_maker = market_maker
        self.quiet = quiet
        self.user_id = user_id
        self.stp_key = name if trade_group_id == -1 else f"group:{trade_group_id}"
        self.reduce_only = False
        """True where it may only reduce its positions; market makers only."""
        self.liquidating = False
        """True where it is about to be liquidated: it takes no orders."""
        self.next_beat_ms: int | None = None

        self.positions: dict[str, AccountPosition] = {}
        self.working: dict[str, AccountPosition] = {}
        """The positions with open orders."""
        self.open_orders: dict[OrderKey, ExchangeOrder] = {}
        self.open_by_underlying: dict[str, int] = {}
        self.by_client_id: dict[str, ExchangeOrder] = {}
        """The newest order of each client order id."""
        self.orders: dict[OrderKey, ExchangeOrder] = {}
        self.orders_of: dict[str, list[ExchangeOrder]] = {}
        self.trades: list[Trade] = []
        self.trades_of: dict[str, list[Trade]] = {}
        self.bills: list[CashMovement] = []
        self.bills_of_order: dict[OrderKey, dict[str, CashMovement]] = {}
        self.exercises: list[Exercise] = []
        self.transfers: list[Transfer] = []
        self.transitions: list[Transition] = []
        self.kill_switches: dict[str, KillSwitch] = {}
        self.protections: dict[str, Protection] = {}
        """Market maker protection by underlying."""
        self.balance_past: Timeline[Decimal] | None = None

        self._totals = Totals()
        self._version = -1

    def position(self, contract: Contract) -> AccountPosition:
        """Return its position in a contract; made when it is asked for first."""
        position = self.positions.get(contract.symbol)
        if position is None:
            position = self.positions[contract.symbol] = AccountPosition(contract)
            if self.balance_past is not None:
                position.past = Timeline()
        return position

    # --- Orders ------------------------------------------------------------------------------------------------------

    def open(self, order: ExchangeOrder, position: AccountPosition) -> None:
        """Counts an order that was accepted."""
        name = order.contract.underlying.name
        position.reserve(order)
        self.working[order.contract.symbol] = position
        self.open_orders[order.key] = order
        self.open_by_underlying[name] = self.open_by_underlying.get(name, 0) + 1
        if not self.quiet:
            self.orders[order.key] = order
            self.by_client_id[order.client_id] = order
            self.orders_of.setdefault(order.contract.symbol, []).append(order)

    def close(self, order: ExchangeOrder, position: AccountPosition) -> None:
        """Counts an order no more: it is final."""
        if order.remaining:
            position.release(order, order.remaining)
        position.forget(order)
        if not position.open_count:
            del self.working[order.contract.symbol]
        del self.open_orders[order.key]
        self.open_by_underlying[order.contract.underlying.name] -= 1

    # --- Money -------------------------------------------------------------------------------------------------------

    def totals(self, prices: Prices) -> Totals:
        """Return the totals of its positions at the present marks; computed when prices have moved."""
        if self._version != prices.version:
            states = ((each.contract, each.state()) for each in self.positions.values())
            self._totals = totals_of(states, prices, self._totals.greeks)
            self._version = prices.version
        return self._totals

    def forget_totals(self) -> None:
        """Positions changed by other means than a fill: count them anew."""
        self._version = -1

    def trade(self, position: AccountPosition, change: Decimal, price: Decimal, prices: Prices, now_ms: int) -> Decimal:
        """Changes a position and the totals by a fill; the profit realised, USDT."""
        if self.quiet:
            return position.trade(change, price, now_ms)
        totals, quote = self.totals(prices), prices.quote(position.contract)
        totals.add(position.contract, position.quantity, position.entry, quote, -1)
        profit = position.trade(change, price, now_ms)
        totals.add(position.contract, position.quantity, position.entry, quote)
        return profit

    def locked(self, prices: Prices) -> Decimal:
        """Return the USDT that its open orders lock."""
        total = ZERO
        for position in self.working.values():
            total += lock_of(position, prices)
        return total

    def available(self, prices: Prices) -> Decimal:
        """Return the USDT free for new orders or to be taken out; less than nothing when margin is short."""
        return self.balance - self.totals(prices).initial_margin - self.locked(prices)

    def is_too_thin(self, prices: Prices) -> bool:
        """Return True where its equity can't meet its maintenance margin."""
        totals = self.totals(prices)
        return self.balance + totals.value < totals.maintenance_margin

    # --- The past ----------------------------------------------------------------------------------------------------

    def keep_past(self, now_ms: int) -> None:
        """Remembers from now on what was when. What came before is answered with what is now."""
        self.balance_past = Timeline()
        self.balance_past.note(0, self.balance)
        for position in self.positions.values():
            position.past = Timeline()
            position.past.note(0, position.state())
        for order in self.orders.values():
            state = order.state()
            if state is not None:
                order.past = Timeline()
                order.past.note(min(order.created_ms, now_ms), state)

    def note_position(self, position: AccountPosition, now_ms: int) -> None:
        """Remembers the position and the balance as they are now, when their past is kept."""
        if self.balance_past is not None:
            self.balance_past.note(now_ms, self.balance)
            if position.past is not None:
                position.past.note(now_ms, position.state())

    def balance_at(self, as_of_ms: int | None) -> Decimal:
        """The balance now, or as of a time when its past is kept."""
        if as_of_ms is None or self.balance_past is None:
            return self.balance
        kept = self.balance_past.at(as_of_ms)
        return self.balance if kept is None else kept


def totals_of(
    states: Iterable[tuple[Contract, PositionState]], prices: Prices, underlyings: Iterable[str] = ()
) -> Totals:
    """Return the totals of positions. Underlyings named here are reported even when nothing of them is left."""
    totals = Totals(greeks={name: [ZERO] * 4 for name in underlyings})
    for contract, state in states:
        if state.quantity:
            totals.add(contract, state.quantity, state.entry, prices.quote(contract))
    return totals


def lock_of(position: AccountPosition, prices: Prices, extra: ExchangeOrder | None = None) -> Decimal:
    """Return the USDT that a contract's open orders, and perhaps one more, lock."""
    bids, bid_cost, asks = position.bid_quantity, position.bid_cost, position.ask_quantity
    if extra is not None and extra.is_buy:
        bids, bid_cost = bids + extra.quantity, bid_cost + extra.quantity * extra.price
    elif extra is not None:
        asks += extra.quantity
    return order_lock(
        position=position.quantity,
        bids=bids,
        bid_cost=bid_cost,
        asks=asks,
        initial_margin=prices.quote(position.contract).initial_margin,
    )
