"""Events and rows of an account, made by few words."""

from __future__ import annotations

from typing import Any

from listenkey.core.deduplicator import Deduplicator, Held
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    Order,
    OrderTradeUpdate,
    Position,
)
from listenkey.wire import rows

SYMBOL = "BTC-261225-90000-C"
OTHER = "ETH-261225-3000-P"


def order(
    order_id: int = 1, status: str = "NEW", filled: str = "0", at_ms: int = 1000, **more: Any
) -> OrderTradeUpdate:
    """An ORDER_TRADE_UPDATE; a fill where `trade_id` is given."""
    trade_id = more.pop("trade_id", 0)
    words: dict[str, Any] = {
        "symbol": SYMBOL, "client_order_id": "", "side": "BUY", "order_type": "LIMIT", "time_in_force": "GTC",
        "quantity_text": "10", "price_text": "5", "average_price_text": "0",
        "execution_type": "TRADE" if trade_id else status, "status": status, "order_id": order_id,
        "last_quantity_text": "1" if trade_id else "0", "filled_quantity_text": filled, "last_price_text": "5",
        "commission_asset": "USDT", "commission_text": "-0.1", "trade_time_ms": at_ms, "trade_id": trade_id,
        "bid_quantity_text": "0", "ask_quantity_text": "0", "maker": True, "reduce_only": False,
        "original_order_type": "LIMIT", "realized_profit_text": "0",
    }  # fmt: skip
    return OrderTradeUpdate(at_ms, at_ms, Order(**(words | more)))


def fill(trade_id: int, filled: str, at_ms: int = 1000, order_id: int = 1, **more: Any) -> OrderTradeUpdate:
    return order(order_id, "PARTIALLY_FILLED", filled, at_ms, trade_id=trade_id, **more)


def position(quantity: str, at_ms: int, symbol: str = SYMBOL, reason: str = "ORDER") -> BalancePositionUpdate:
    return BalancePositionUpdate(at_ms, at_ms, reason, (), (Position(symbol, quantity, "0", "0"),))


def beat(at_ms: int) -> AccountUpdate:
    return AccountUpdate(at_ms, at_ms, *["0"] * 7)


def admit(deduplicator: Deduplicator, socket: int, event: Event, raw: bytes, received_ms: int = 0) -> bool:
    """Give it one event; True where that is to be delivered now."""
    events, raws = [event], [raw]
    if deduplicator.follows(socket):
        deduplicator.admit_all(events, raws)
        return bool(events)
    deduplicator.hold_all(socket, events, raws, received_ms)
    return False


def held(*events: Any) -> list[Held]:
    return [Held(event, b"{}", 7) for event in events]


def trade_row(trade_id: int, at_ms: int = 1000, order_id: int = 1, **more: Any) -> rows.TradeRow:
    row: dict[str, Any] = {
        "id": 4611875134427360000 + trade_id, "tradeId": trade_id, "orderId": order_id, "symbol": SYMBOL,
        "price": "5", "quantity": "1", "fee": "-0.1", "realizedProfit": "0", "side": "BUY", "type": "LIMIT",
        "liquidity": "MAKER", "time": at_ms, "quoteAsset": "USDT",
    }  # fmt: skip
    return rows.trade(row | more, b'{"tradeId":0}')


def order_row(order_id: int, status: str, filled: str, at_ms: int = 1000, **more: Any) -> rows.OrderRow:
    row: dict[str, Any] = {
        "orderId": order_id, "symbol": SYMBOL, "price": "5", "quantity": "10", "executedQty": filled, "side": "BUY",
        "type": "LIMIT", "timeInForce": "GTC", "reduceOnly": False, "createTime": 1, "updateTime": at_ms,
        "status": status, "avgPrice": "5", "clientOrderId": "mine",
    }  # fmt: skip
    return rows.order(row | more, b"{}")


def contract(symbol: str = SYMBOL, at_ms: int = 1000, row_id: int = 1) -> rows.BillRow:
    return rows.BillRow(row_id, "CONTRACT", at_ms, symbol)
