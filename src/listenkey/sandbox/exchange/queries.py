"""
Reading an account's records: windows, paging, retention, and answers that lag.

Lists run from oldest to newest. With a start (an id, which is inclusive, or a time) the oldest rows that fit are
answered, so that a client can page forward; without one, the newest. [O general-info] Times of an order filter by its
last update; no page says which time is meant.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from listenkey.sandbox.exchange import market_views, rejections, views
from listenkey.sandbox.exchange.contracts import SETTLEMENT_ASSET
from listenkey.sandbox.exchange.matching import find
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.payloads import money
from listenkey.sandbox.exchange.rejections import rejected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.orders import ExchangeOrder, OrderState
    from listenkey.sandbox.exchange.records import Trade, Transition
    from listenkey.sandbox.exchange.state import ExchangeState

HOUR_MS: Final = 3600 * 1000
LIMIT_DEFAULT: Final = 100
EXERCISES_DEFAULT: Final = 1_000
LIMIT_MAX: Final = 1_000

Row = TypeVar("Row")


class Window(TypedDict, total=False):
    """The part of a list that is asked for; what is left out or None bounds nothing."""

    from_id: int | None
    """The first row's id; it is inclusive."""
    start_ms: int | None
    end_ms: int | None
    limit: int | None
    as_of_ms: int | None
    """Answer as the world was then; None is now."""


_id = attrgetter("id")
_time = attrgetter("time_ms")


# --- Orders ----------------------------------------------------------------------------------------------------------


def open_orders(state: ExchangeState, account: Account, symbol: str | None, window: Window) -> list[dict[str, Any]]:
    """`GET /eapi/v1/openOrders`. Without a start, a `limit` leaves the newest; without one, it is all."""
    _check_window(state, window)
    as_of_ms = window.get("as_of_ms")
    if symbol is not None:
        state.readable(symbol)
    found = []
    # What is final now may have been open then.
    orders = account.open_orders if as_of_ms is None else account.orders
    for order in orders.values():
        if symbol is not None and order.contract.symbol != symbol:
            continue
        then = order.state(as_of_ms)
        if then is not None and then.is_open and _fits(order, then, window):
            found.append(views.order_view(order, then, "open", state.switches.generation))
    return found if window.get("limit") is None else _limited(found, window)


def history_orders(
    state: ExchangeState, account: Account, symbol: str, now_ms: int, window: Window
) -> list[dict[str, Any]]:
    """`GET /eapi/v1/historyOrders`: finished orders of the last five days."""
    _check_window(state, window)
    state.readable(symbol)
    oldest_ms = now_ms - state.kept.finished_orders_ms
    found: list[tuple[ExchangeOrder, OrderState]] = []
    for order in account.orders_of.get(symbol, ()):
        then = order.state(window.get("as_of_ms"))
        if then is None or then.is_open or then.updated_ms < oldest_ms:
            continue
        if _fits(order, then, window):
            found.append((order, then))
    switches = state.switches
    return [
        views.order_view(order, then, "history", switches.generation, signed=switches.sell_quantity_negative_in_history)
        for order, then in _limited(found, window)
    ]


def one_order(
    state: ExchangeState,
    account: Account,
    symbol: str,
    *,
    order_id: int | None,
    client_order_id: str | None,
    now_ms: int,
    as_of_ms: int | None,
) -> dict[str, Any]:
    """`GET /eapi/v1/order`."""
    state.readable(symbol)
    order = find(account, symbol, order_id, client_order_id)
    then = order.state(as_of_ms)
    if then is None:
        raise rejected(rejections.NO_SUCH_ORDER)
    old = order.created_ms < now_ms - state.kept.unfilled_cancels_ms
    if old and then.status == "CANCELED" and not then.executed:
        raise rejected(rejections.NO_SUCH_ORDER)
    return views.order_view(order, then, "order", state.switches.generation)


def _fits(order: ExchangeOrder, then: OrderState, window: Window) -> bool:
    from_id, start_ms, end_ms = window.get("from_id"), window.get("start_ms"), window.get("end_ms")
    return (
        (from_id is None or order.id >= from_id)
        and (start_ms is None or then.updated_ms >= start_ms)
        and (end_ms is None or then.updated_ms <= end_ms)
    )


# --- Records ---------------------------------------------------------------------------------------------------------


def user_trades(
    state: ExchangeState, account: Account, symbol: str | None, now_ms: int, window: Window
) -> list[dict[str, Any]]:
    """`GET /eapi/v1/userTrades`. A window that reaches back more than three months is refused with -6073. [SDK]"""
    _check_window(state, window)
    oldest_ms = now_ms - state.kept.trades_ms
    if any(ms is not None and ms < oldest_ms for ms in (window.get("start_ms"), window.get("end_ms"))):
        raise rejected(rejections.SEARCH_WINDOW)
    if symbol is not None:
        state.readable(symbol)
    rows = account.trades if symbol is None else account.trades_of.get(symbol, [])
    found = _inside(rows, window, oldest_ms)
    generation = state.switches.generation
    return [views.trade_view(row, row.order.contract.underlying.volatility, generation) for row in found]


def bill(state: ExchangeState, account: Account, currency: str, now_ms: int, window: Window) -> list[dict[str, Any]]:
    """`GET /eapi/v1/bill`."""
    _check_window(state, window)
    if currency != SETTLEMENT_ASSET:
        raise rejected(rejections.BAD_CURRENCY)
    found = _inside(account.bills, window, now_ms - state.kept.trades_ms)
    return [views.bill_view(row, state.switches.generation) for row in found]


def exercise_record(state: ExchangeState, account: Account, symbol: str | None, window: Window) -> list[dict[str, Any]]:
    """`GET /eapi/v1/exerciseRecord`."""
    _check_window(state, window)
    if symbol is not None:
        state.contract(symbol)
    rows = [row for row in account.exercises if symbol is None or row.contract.symbol == symbol]
    found = _inside(rows, window, 0, EXERCISES_DEFAULT)
    return [views.exercise_view(row, state.switches.generation) for row in found]


def settlements(state: ExchangeState, underlying: str | None, window: Window) -> list[dict[str, Any]]:
    """`GET /eapi/v1/exerciseHistory`: contracts that are over, of everybody."""
    _check_window(state, window)
    rows = [row for row in state.settlements if underlying in (None, row.contract.underlying.name)]
    return [market_views.settlement(row) for row in _inside(rows, window, 0)]


def _inside(rows: Sequence[Row], window: Window, oldest_ms: int, default: int = LIMIT_DEFAULT) -> Sequence[Row]:
    """The rows that fit. Both ids and times of `rows` ascend, so that a long list costs no more than a short one."""
    from_id, start_ms = window.get("from_id"), window.get("start_ms")
    first = bisect_left(rows, max(oldest_ms, start_ms or 0), key=_time)
    if from_id is not None:
        first = max(first, bisect_left(rows, from_id, key=_id))
    last = len(rows)
    for bound_ms in (window.get("end_ms"), window.get("as_of_ms")):
        if bound_ms is not None:
            last = min(last, bisect_right(rows, bound_ms, key=_time))
    if first >= last:
        return []
    most = _checked_limit(window, default)
    forward = from_id is not None or start_ms is not None
    return rows[first : min(last, first + most)] if forward else rows[max(first, last - most) : last]


def _limited(rows: list[Row], window: Window) -> list[Row]:
    most = _checked_limit(window, LIMIT_DEFAULT)
    forward = window.get("from_id") is not None or window.get("start_ms") is not None
    return rows[:most] if forward else rows[-most:]


def _checked_limit(window: Window, default: int) -> int:
    limit = window.get("limit")
    if limit is None:
        return default
    if limit < 1:
        raise rejected(rejections.INVALID_LIMIT)
    return min(limit, LIMIT_MAX)


def _check_window(state: ExchangeState, window: Window) -> None:
    start_ms, end_ms = window.get("start_ms"), window.get("end_ms")
    if start_ms is None or end_ms is None:
        return
    if start_ms > end_ms:
        raise rejected(rejections.START_AFTER_END)
    hours_max = state.switches.span_hours_max
    if hours_max and end_ms - start_ms > hours_max * HOUR_MS:
        raise rejected(state.switches.span_code)


# --- Positions -------------------------------------------------------------------------------------------------------


def positions(
    state: ExchangeState, account: Account, *, symbol: str | None, as_of_ms: int | None
) -> list[dict[str, Any]]:
    """`GET /eapi/v1/position`: what is not zero. Positions of contracts that have ended are gone."""
    if symbol is not None:
        state.readable(symbol)
    found = []
    for position in account.positions.values():
        if position.contract.symbol not in state.books or symbol not in (None, position.contract.symbol):
            continue
        then = position.state(as_of_ms)
        if then.quantity:
            quote = state.prices.quote(position.contract)
            waiting = _open_quantities(account, position.contract.symbol, as_of_ms)
            found.append(views.position_view(position, then, quote, waiting, state.switches.generation))
    return found


def _open_quantities(account: Account, symbol: str, as_of_ms: int | None) -> tuple[Decimal, Decimal]:
    """Return the unfilled quantities of a symbol's open buy and sell orders, now or as of a time."""
    if as_of_ms is None:
        position = account.positions[symbol]
        return position.bid_quantity, position.ask_quantity
    bids = asks = ZERO
    for order in account.orders_of.get(symbol, ()):
        then = order.state(as_of_ms)
        if then is not None and then.is_open:
            left = order.quantity - then.executed
            bids, asks = (bids + left, asks) if order.is_buy else (bids, asks + left)
    return bids, asks


# --- The truth -------------------------------------------------------------------------------------------------------


def ledger(account: Account) -> dict[str, Any]:
    """Return the account's whole history, in order, even where the venue's endpoints no longer show it."""
    return {
        "fills": [_fill_of(trade) for trade in account.trades],
        "orders": [_step_of(each) for each in account.transitions],
        "transfers": [
            {"amount": money(each.amount), "balance": money(each.balance), "time_ms": each.time_ms}
            for each in account.transfers
        ],
        "exercises": [
            {
                "id": str(each.id),
                "symbol": each.contract.symbol,
                "quantity": format(each.quantity, each.contract.quantity_format),
                "amount": money(each.amount),
                "commission": money(each.fee),
                "index_price": money(each.index_price),
                "time_ms": each.time_ms,
            }
            for each in account.exercises
        ],
    }


def _fill_of(trade: Trade) -> dict[str, Any]:
    """One fill, as the ledger has it."""
    return {
        "symbol": trade.order.contract.symbol,
        "trade_id": trade.trade_id,
        "id": trade.id,
        "id_text": str(trade.id),
        "order_id": trade.order.id,
        "order_id_text": str(trade.order.id),
        "side": trade.order.side,
        "quantity": trade.quantity,
        "price": trade.price,
        "commission": trade.fee,
        "commission_asset": SETTLEMENT_ASSET,
        "realized_profit": trade.realized_profit,
        "maker": trade.maker,
        "time_ms": trade.time_ms,
        "filled_quantity": trade.filled_quantity,
    }


def _step_of(each: Transition) -> dict[str, Any]:
    """One change of an order, as the ledger has it."""
    return {
        "order_id": each.order.id,
        "order_id_text": str(each.order.id),
        "client_order_id": each.order.client_id,
        "symbol": each.order.contract.symbol,
        "side": each.order.side,
        "status": each.status,
        "execution_type": each.execution_type,
        "quantity": each.order.quantity_text,
        "price": each.order.price_text,
        "filled_quantity": each.filled_quantity,
        "trade_id": each.trade_id,
        "time_ms": each.time_ms,
    }
