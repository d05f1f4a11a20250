"""
Rows of REST answers -> words: fills, orders, bill rows, positions. Pure, and exact.

A row that lacks what its page documents raises `ProtocolError`; keys nobody has documented are left aside, and stay in
the row's own JSON, which is kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from listenkey.errors import ProtocolError
from listenkey.events.recovered import RecoveredFill, RecoveredOrder
from listenkey.events.words import AMOUNT
from listenkey.wire.shapes import Misfit, exact_int

CONTRACT: Final = "CONTRACT"
"""The `type` of a bill row that a trade made."""

_STATUS_NOW: Final = {"ACCEPTED": "NEW", "CANCELLED": "CANCELED"}
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
ENDED: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
"""Statuses that nothing follows."""


class TradeRow(NamedTuple):
    """A row of `userTrades`. `id` ascends over all symbols, and is what `fromId` means (assumed)."""

    id: int
    fill: RecoveredFill
    raw: bytes


class OrderRow(NamedTuple):
    """A row of `openOrders`, `historyOrders` or `order`."""

    order: RecoveredOrder
    raw: bytes


class BillRow(NamedTuple):
    """A row of `bill`; `symbol` is empty where the row has none, as older ones. [SDK 8.5.1]"""

    id: int
    type: str
    time_ms: int
    symbol: str


class PositionRow(NamedTuple):
    """A row of `position`; `quantity` is signed, negative is short."""

    symbol: str
    quantity: str


def split(body: bytes) -> list[bytes]:
    """The rows of a list, each as its own JSON, to the byte. Raises ProtocolError where it is no list."""
    try:
        return [bytes(row) for row in _ROWS.decode(body)]
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise ProtocolError("the answer is not a list of rows") from None


def trade(row: Mapping[str, Any], raw: bytes) -> TradeRow:
    """A row of `userTrades`. [O trade/Account-Trade-List]"""
    fill = RecoveredFill(
        symbol=_text(row, "symbol"),
        trade_id=_int(row, "tradeId"),
        order_id=_int(row, "orderId"),
        side=_text(row, "side"),
        last_quantity_text=_unsigned(row, "quantity"),
        last_price_text=_amount(row, "price"),
        commission_text=_amount(row, "fee"),
        commission_asset=_text(row, "quoteAsset"),
        trade_time_ms=_int(row, "time"),
        maker=_text(row, "liquidity") == "MAKER",
        realized_profit_text=_amount(row, "realizedProfit"),
    )
    return TradeRow(_int(row, "id"), fill, raw)


def order(row: Mapping[str, Any], raw: bytes) -> OrderRow:
    """A row of any of the three answers that hold orders; old words for a status are read as today's. [O trade]"""
    status = _text(row, "status")
    mode = row.get("selfTradePreventionMode")
    words = RecoveredOrder(
        symbol=_text(row, "symbol"),
        order_id=_int(row, "orderId"),
        client_order_id=row.get("clientOrderId") or "",
        side=_text(row, "side"),
        order_type=_text(row, "type"),
        time_in_force=_text(row, "timeInForce"),
        quantity_text=_unsigned(row, "quantity"),
        price_text=_amount(row, "price"),
        average_price_text=_amount(row, "avgPrice"),
        status=_STATUS_NOW.get(status, status),
        filled_quantity_text=_unsigned(row, "executedQty"),
        reduce_only=bool(row.get("reduceOnly")),
        created_ms=_int(row, "createTime"),
        updated_ms=_int(row, "updateTime"),
        self_trade_prevention=mode if isinstance(mode, str) else None,
    )
    return OrderRow(words, raw)


def bill(row: Mapping[str, Any]) -> BillRow:
    """A row of `bill`. [L account/Account-Funding-Flow]"""
    symbol = row.get("symbol")
    kept = symbol if isinstance(symbol, str) else ""
    return BillRow(_int(row, "id"), _text(row, "type"), _int(row, "createDate"), kept)


def position(row: Mapping[str, Any]) -> PositionRow:
    """A row of `position`, its sign by `side` whatever the row prints. [O trade/Option-Position-Information]"""
    quantity = _unsigned(row, "quantity")
    return PositionRow(_text(row, "symbol"), f"-{quantity}" if row.get("side") == "SHORT" else quantity)


def weight_limit(info: Any) -> int | None:
    """REQUEST_WEIGHT a minute by `exchangeInfo`, or None where it does not say. [O market-data/Exchange-Information]"""
    limits = info.get("rateLimits") if isinstance(info, Mapping) else None
    found = [
        limit["limit"] // max(1, limit.get("intervalNum", 1))
        for limit in limits or ()
        if isinstance(limit, Mapping)
        and limit.get("rateLimitType") == "REQUEST_WEIGHT"
        and limit.get("interval") == "MINUTE"
        and isinstance(limit.get("limit"), int)
        and limit["limit"] > 0
    ]
    return min(found, default=None)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"a row's {name} is no text")
    return value


def _amount(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or AMOUNT.fullmatch(text) is None:
        raise ProtocolError(f"a row's {name} is no amount")
    return text


def _unsigned(row: Mapping[str, Any], name: str) -> str:
    """The one published SELL row of the history has negative quantities; the side says it already."""
    return _amount(row, name).removeprefix("-")


def _int(row: Mapping[str, Any], name: str) -> int:
    try:
        return exact_int(row.get(name), name)
    except Misfit as misfit:
        raise ProtocolError(f"a row's {misfit}") from None
