"""
Compute the missing events from the known state and REST's answers. Pure, and nothing is made up: every fill and every
state of an order that leaves here is a row the venue gave.

In the order of the plan: the symbols that moved, their fills that were not delivered, the orders that changed, and
their places between the events that a new socket has brought meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from listenkey.core import actions as do
from listenkey.core import records, rest_history
from listenkey.core.account_state import ENDED, ZERO, AccountState, FillKey, OrderKey, amount
from listenkey.core.deduplicator import Held
from listenkey.core.records import Record
from listenkey.events import (
    BalancePositionUpdate,
    Event,
    Order,
    OrderTradeUpdate,
    RecoveredCash,
    RecoveredFill,
    RecoveredOrder,
)
from listenkey.items import Provenance
from listenkey.outcomes import GapCause, Loss, Lost, Reason
from listenkey.wire.rows import CONTRACT, BillRow, OrderRow, PositionRow, RowPage, TradeRow, UnreadableRow

OPEN_ORDERS_ONE_BY_ONE_MAX: Final = 40
"""`openOrders` costs 1 with a symbol and 40 without. [O trade/Query-Current-Open-Option-Orders]"""

SNAPSHOTS_LOST: Final = (
    Lost(
        Loss.TOTALS,
        "ACCOUNT_UPDATE, GREEK_UPDATE and BALANCE_POSITION_UPDATE of this span: REST keeps totals, not their history",
    ),
    Lost(Loss.ORDER_STEPS, "the steps of orders: REST tells what an order became, not each change"),
)
"""The losses of every gap between two sockets: REST can't give these back."""

ORDERS_TOO_OLD: Final = Lost(
    Loss.ORDERS_FORGOTTEN, "orders that ended more than five days ago: REST has forgotten them"
)
TRADES_TOO_OLD: Final = Lost(Loss.FILLS_FORGOTTEN, "fills of more than three months ago: REST has forgotten them")
FORGOTTEN: Final = Reason(
    GapCause.AUDIT_TOO_LATE, "fills may be missing that REST no longer keeps: they were not audited in time"
)
NO_SYMBOLS: Final = Lost(
    Loss.FILLS_REFUSED, "fills in unknown symbols: REST history names no symbols, and REST refuses to list all trades"
)
NOTHING_FOUND: Final = Lost(Loss.UNEXPLAINED, "REST returned nothing that was missing")
TOO_MANY_ORDERS: Final = Lost(
    Loss.ORDERS, "what became of some orders: the gap has fills of more orders than are asked for"
)
NOT_LISTED: Final = "REST does not list them yet"


def refuses(loss: Loss, what: str, symbol: str, code: int | None) -> Lost:
    """Return the loss of a list that REST would not give."""
    return Lost(loss, f"{what} of {symbol or 'all symbols'}: REST refuses, code {code}")


def unreadable_row(loss: Loss, what: str, symbol: str, why: str) -> Lost:
    """Return the loss of a list that REST gave, and that has a row which can't be read."""
    return Lost(loss, f"{what} of {symbol or 'all symbols'}: the list has a row that can't be read: {why}")


def unreadable_rows(loss: Loss, what: str, symbol: str, rows: Iterable[UnreadableRow]) -> list[Lost]:
    """Return the losses of a list of which some rows can't be read, each kind once."""
    return list(dict.fromkeys(unreadable_row(loss, what, row.symbol or symbol, row.why) for row in rows))


def unknown(loss: Loss, what: str, symbol: str) -> Lost:
    """Return the loss of an outcome that REST does not know any more, or not yet."""
    return Lost(loss, f"the outcome of {what} of {symbol}: REST does not know it")


def not_asked_for(orders: int) -> Lost:
    """Return the loss of orders beyond those that one recovery asks for one by one."""
    return Lost(
        Loss.ORDERS,
        f"the outcome of {orders} more orders: no list of REST has them, and they are too many to ask for by id",
    )


def lagged(lag_s: float) -> Lost:
    """Return the loss of a gap that was closed although REST was seen to lag."""
    return Lost(
        Loss.FILLS_LATE,
        f"fills that REST may not return yet: it lagged by at least {lag_s:.0f} s and had not caught up",
    )


@dataclass(slots=True)
class Findings:
    """
    The answers of REST, as far as they matter.

    Attributes:
        fills: Fills that were not delivered when they were asked for.
        over_rest: The fills that were in an answer, of those that a new socket may bring as well.
        orders: The newest row of each order that was in an answer.
        positions: The answer of `position`.
        records: What REST keeps beside trades and orders, each with its row.
        lost: What can't be brought back.
        lag_s: How far REST was seen to lag at least; 0 where it was not seen to.
        orders_due: Whether orders were not asked for yet.
    """

    fills: list[TradeRow] = field(default_factory=list)
    over_rest: set[FillKey] = field(default_factory=set)
    orders: dict[OrderKey, OrderRow] = field(default_factory=dict)
    positions: list[PositionRow] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    lost: tuple[Lost, ...] = ()
    lag_s: float = 0.0
    orders_due: bool = False


@dataclass(slots=True)
class Lists:
    """
    One recovery's way through the lists.

    Attributes:
        since_ms: From when on they are asked for, by the venue's clock.
        until_ms: What is younger may be on its way over the socket.
        refused: What REST would not answer.
        unread: Symbols whose fills REST would not list, and why, in words.
        forgotten: Whether REST keeps less than was missed.
        began_ms: Since when the stream is to be whole: what happened before is nobody's loss and is not told.
    """

    since_ms: int
    until_ms: int
    refused: list[Lost]
    forgotten: bool = False
    unread: dict[str, str] = field(default_factory=dict)
    began_ms: int = 0


@dataclass(slots=True)
class OrdersDue:
    """
    The part of a recovery that is left after the fills.

    Attributes:
        action: The gap.
        symbols: Those that moved.
        found: What was found last.
        lists: The way through the lists.
        traded: The orders of the fills that were missed.
        had_fills: Whether there were any, in this part or an earlier one.
    """

    action: do.Recover
    symbols: list[str]
    found: Findings
    lists: Lists
    traded: dict[OrderKey, None]
    had_fills: bool


@dataclass(slots=True)
class Unbrought:
    """
    The findings of a look at the bill.

    Attributes:
        until_ms: Until when it looked, by the venue's clock.
        fills: Those that were not delivered, in order.
        unasked: Symbols that were not asked for any more, with one fill known to be missing.
        from_ms: Since when fills may be missing.
        unlisted: Times of trades that the bill has, nobody delivered and REST does not list, by symbol, and why not.
        unshown_ms: When the oldest fill happened that the bill does not show yet, or None.
        newest_ms: When its newest row was booked, of whatever type; 0 where it has none.
    """

    until_ms: int
    fills: list[TradeRow] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    from_ms: int = 0
    unlisted: dict[str, tuple[list[int], str]] = field(default_factory=dict)
    unshown_ms: int | None = None
    newest_ms: int = 0


class Delivery(NamedTuple):
    """One event on its way to the reader."""

    event: Event
    raw: bytes
    received_ms: int
    provenance: Provenance


# --- Which symbols --------------------------------------------------------------------------------------------------


def contracts(rows: Iterable[BillRow], from_ms: int, to_ms: int) -> Counter[str]:
    """Count the trade rows of each symbol in a span; rows that name no symbol count under the empty text."""
    return Counter(row.symbol for row in rows if row.type == CONTRACT and from_ms <= row.time_ms <= to_ms)


def first_of(symbols: Collection[str], bill: Iterable[BillRow], fills: Sequence[TradeRow], since_ms: int) -> int:
    """The moment before the first of these fills, and before the first trade of these symbols in the bill."""
    times = [row.time_ms for row in bill if row.type == CONTRACT and row.symbol in symbols and row.time_ms >= since_ms]
    return min([*times, *(row.fill.trade_time_ms for row in fills)], default=since_ms) - 1


def unlisted(
    unexplained: Mapping[str, Sequence[int]], trades: Iterable[TradeRow], unread: Mapping[str, str]
) -> dict[str, tuple[list[int], str]]:
    """
    Trades of the bill that nothing explains and that REST does not list: their times by symbol, and why.

    Args:
        unexplained: Times of the bill's rows, by symbol.
        trades: What REST listed of these symbols, at least the newest of each.
        unread: Symbols whose fills it would not list, and why.
    """
    listed: dict[str, list[int]] = {}
    for row in trades:
        listed.setdefault(row.fill.symbol, []).append(row.fill.trade_time_ms)
    listed[""] = [time_ms for times in listed.values() for time_ms in times]
    out = {}
    for symbol, times in unexplained.items():
        if symbol in unread:
            out[symbol] = (list(times), unread[symbol])
        elif late := rest_history.unlisted(times, listed.get(symbol, ())):
            out[symbol] = (late, NOT_LISTED)
    return out


def moved(
    known: AccountState,
    billed: Collection[str],
    positions: Iterable[PositionRow],
    *,
    trusted: bool,
    recent_ms: int,
    before: Mapping[str, Decimal] | None = None,
) -> list[str]:
    """
    The symbols whose trades are to be asked for, the likeliest first.

    Args:
        known: What was delivered.
        billed: Symbols of the bill's rows; the empty text where one names none, which is then wanted, too.
        positions: The answer of `position`.
        trusted: Whether the bill is known to have a row for each fill, and its symbol; else symbols with live orders,
            and those that moved of late, are asked as well.
        recent_ms: What "of late" means, by the venue's clock.
        before: What was held when all that had moved was asked for last, where that was later than the last message.
    """
    now = quantities(positions)
    held = known.positions if before is None else before
    differ = [s for s in {**held, **now} if held.get(s, ZERO) != now.get(s, ZERO)]
    wanted = dict.fromkeys([*billed, *differ])
    if not trusted:
        wanted.update(dict.fromkeys(order.symbol for order in known.orders.values()))
        wanted.update(dict.fromkeys(known.active(recent_ms)))
    return list(wanted)


def quantities(positions: Iterable[PositionRow]) -> dict[str, Decimal]:
    """Return what is held of each symbol."""
    return {row.symbol: amount(row.quantity) for row in positions}


def held(positions: RowPage[PositionRow]) -> set[str]:
    """Return the symbols of which something may be held. A row that can't be read may say so; its symbol may be empty."""
    return {symbol for symbol, quantity in quantities(positions).items() if quantity} | {
        row.symbol for row in positions.unreadable
    }


# --- What is missing ------------------------------------------------------------------------------------------------


def missing(rows: Iterable[TradeRow], known: AccountState, until_ms: int) -> list[TradeRow]:
    """
    The rows that were not delivered and are not newer than `until_ms`, in order, each once.

    Newer ones are on their way over the socket; it brings more words than REST has.
    """
    found: dict[FillKey, TradeRow] = {}
    for row in rows:
        key = key_of(row)
        if key not in known.fills and row.fill.trade_time_ms <= until_ms:
            found[key] = row
    return sorted(found.values(), key=lambda row: (row.fill.trade_time_ms, row.id))


def newest_orders(rows: Iterable[OrderRow]) -> dict[OrderKey, OrderRow]:
    """Return the most advanced row of each order: an end beats a life, then more filled, then later."""
    best: dict[OrderKey, OrderRow] = {}
    for row in rows:
        key = order_key_of(row.order)
        before = best.get(key)
        if before is None or _advance(row.order) > _advance(before.order):
            best[key] = row
    return best


def _advance(order: RecoveredOrder) -> tuple[bool, Decimal, int]:
    return (order.status in ENDED, amount(order.filled_quantity_text), order.updated_ms)


def is_news(order: RecoveredOrder, known: AccountState) -> bool:
    """Return True where a row says more of an order than was delivered. A row older than the stream says nothing."""
    key = order_key_of(order)
    if known.has_ended(key):
        return False
    before = known.orders.get(key)
    if before is None:
        return True
    filled = amount(order.filled_quantity_text)
    if filled < before.filled or (order.updated_ms < before.at_ms and order.status not in ENDED):
        return False
    return (order.status, filled) != (before.status, before.filled)


def unrecoverable(
    refused: Iterable[Lost], *, blind: bool, found: bool, orders_forgotten: bool, trades_forgotten: bool
) -> tuple[Lost, ...]:
    """
    Return the parts of a gap that can't be recovered.

    Args:
        refused: What REST would not answer.
        blind: Whether no socket was there, so that what REST keeps no history of is gone.
        found: Whether there was anything that was missing.
        orders_forgotten: Whether the gap reaches back beyond what REST keeps of orders.
        trades_forgotten: And of fills.
    """
    left = list(refused)
    if blind:
        left.extend(SNAPSHOTS_LOST)
    elif not found:
        left.append(NOTHING_FOUND)
    if orders_forgotten:
        left.append(ORDERS_TOO_OLD)
    if trades_forgotten:
        left.append(TRADES_TOO_OLD)
    return tuple(dict.fromkeys(left))


# --- Between what the socket brought --------------------------------------------------------------------------------


def combined(findings: Findings, held: Sequence[Held], known: AccountState, now_ms: int) -> list[Delivery]:
    """
    Return what was found and what is held, in one order: by time; of one symbol and millisecond, by trade id.

    A fill that is in both is delivered once, from the stream's event, which has more fields. The socket's own order is
    kept. Call it when what is held is being released: what was delivered since the answers came is left out.
    """
    held_fills = {fill for one in held for fill in _fills_in(one.event)}
    fills = [row for row in findings.fills if key_of(row) not in held_fills and key_of(row) not in known.fills]
    found = [
        Delivery(fill, row.raw, now_ms, "rest")
        for row, fill in zip(fills, _proven(fills, findings.orders, held, known), strict=True)
    ]
    told = {key: at_ms for one in held for key, at_ms in _orders_in(one.event)}
    orders = [
        Delivery(row.order, row.raw, now_ms, "rest")
        for row in findings.orders.values()
        if is_news(row.order, known) and told.get(order_key_of(row.order), -1) < row.order.updated_ms
    ]
    moved = [one.event for one in held if isinstance(one.event, BalancePositionUpdate)]
    for event, raw in findings.records:
        was_told = isinstance(event, RecoveredCash) and known.records.was_told(event, moved)
        if records.key_of(event) not in known.records and not was_told:
            found.append(Delivery(event, raw, now_ms, "rest"))
    # An order's state comes after the fills that led to it, and those of one moment keep the venue's own order.
    found.extend(orders)
    found.sort(key=lambda one: (one.event.event_ms or 0, not getattr(one.event, "is_fill", False)))
    return _interleaved(found, held, findings.over_rest)


def key_of(row: TradeRow) -> FillKey:
    """Return the identity of a fill."""
    return (row.fill.symbol, row.fill.trade_id, row.fill.order_id)


def order_key_of(order: Order | RecoveredFill | RecoveredOrder) -> OrderKey:
    """The order that this is, or belongs to."""
    return (order.symbol, order.order_id)


def _fills_in(event: Event) -> list[FillKey]:
    if isinstance(event, OrderTradeUpdate) and event.is_fill:
        return [(event.symbol, event.trade_id, event.order_id)]
    return []


def _orders_in(event: Event) -> list[tuple[OrderKey, int]]:
    """Return the orders of an event, each with the time it was made."""
    return [(order_key_of(event.order), event.event_ms)] if isinstance(event, OrderTradeUpdate) else []


def _interleaved(found: list[Delivery], held: Sequence[Held], over_rest: Collection[FillKey]) -> list[Delivery]:
    out: list[Delivery] = []
    place = 0
    for one in held:
        while place < len(found) and _comes_first(found[place].event, one.event):
            out.append(found[place])
            place += 1
        both = any(fill in over_rest for fill in _fills_in(one.event))
        out.append(Delivery(one.event, one.raw, one.received_ms, "ws+rest" if both else "ws"))
    return out + found[place:]


def _comes_first(found: Event, held: Event) -> bool:
    at_ms = found.event_ms or 0
    if isinstance(held, OrderTradeUpdate):
        if isinstance(found, RecoveredFill) and held.is_fill and found.symbol == held.symbol:
            return (found.trade_time_ms, found.trade_id) < (held.trade_time_ms, held.trade_id)
        return at_ms <= held.trade_time_ms
    return at_ms <= (held.event_ms or 0)


def _proven(
    rows: Sequence[TradeRow], orders: Mapping[OrderKey, OrderRow], held: Sequence[Held], known: AccountState
) -> list[RecoveredFill]:
    """
    Return the fills, with `filled_quantity` where it is proven: the chain has no hole from the quantity filled before,
    over each fill, to the quantity in a later event or the order itself.
    """
    by_order: dict[OrderKey, list[RecoveredFill]] = {}
    for row in rows:
        by_order.setdefault(order_key_of(row.fill), []).append(row.fill)
    begun = {key: _before(key, known) for key in by_order}
    proven = {key for key, fills in by_order.items() if begun[key] + _total(fills) == _reached(key, orders, held)}
    out = []
    for row in rows:
        fill, key = row.fill, order_key_of(row.fill)
        if key in proven:
            begun[key] += amount(fill.last_quantity_text)
            fill = msgspec.structs.replace(fill, filled_quantity_text=f"{begun[key]:f}")
        out.append(fill)
    return out


def _before(key: OrderKey, known: AccountState) -> Decimal:
    """Return how much was filled when last heard of; 0 of an unknown order, whose end must prove it."""
    facts = known.orders.get(key)
    return ZERO if facts is None else facts.filled


def _total(fills: Iterable[RecoveredFill]) -> Decimal:
    return sum((amount(fill.last_quantity_text) for fill in fills), ZERO)


def _reached(key: OrderKey, orders: Mapping[OrderKey, OrderRow], held: Sequence[Held]) -> Decimal | None:
    """Return how much was filled after the missing fills: before the first held event, or else by its row."""
    for one in held:
        event = one.event
        if isinstance(event, OrderTradeUpdate) and order_key_of(event.order) == key:
            own = amount(event.order.last_quantity_text) if event.is_fill else ZERO
            return amount(event.order.filled_quantity_text) - own
    row = orders.get(key)
    return None if row is None else amount(row.order.filled_quantity_text)
