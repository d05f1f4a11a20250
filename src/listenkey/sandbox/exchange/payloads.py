"""
The events of the stream as they are since January 2026, as JSON objects in the documented order of keys.

Sources: [O Event-Account-data], [O Event-Balance-and-Position-Update], [O Event-Greek-Update],
[O Event-Order-update], [O Event-Risk-level-change]. The listen key's own event is not the exchange's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from listenkey.sandbox.exchange.contracts import SETTLEMENT_ASSET
from listenkey.sandbox.exchange.orders import average_price
from listenkey.venue import (
    ACCOUNT_UPDATE,
    BALANCE_POSITION_UPDATE,
    GREEK_UPDATE,
    ORDER_TRADE_UPDATE,
    RISK_LEVEL_CHANGE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from listenkey.sandbox.exchange.margin import Totals
    from listenkey.sandbox.exchange.orders import ExchangeOrder
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.records import Trade


def money(amount: Decimal) -> str:
    """An amount as the venue prints it: eight decimals, never an exponent, never a negative zero."""
    return f"{amount:z.8f}"


def account_update(balance: Decimal, totals: Totals, now_ms: int) -> dict[str, Any]:
    """Totals of the account."""
    return {
        "e": ACCOUNT_UPDATE,
        "E": now_ms,
        "T": now_ms,
        "eq": money(balance + totals.value),
        "aeq": money(totals.adjusted_equity(balance)),
        "b": money(balance),
        "m": money(totals.value),
        "u": money(totals.unrealized_profit),
        "i": money(totals.initial_margin),
        "M": money(totals.maintenance_margin),
    }


def balance_position_update(
    reason: str,
    balance: Decimal,
    change: Decimal | None,
    changed: Iterable[AccountPosition],
    now_ms: int,
    traded_ms: int | None = None,
) -> dict[str, Any]:
    """
    The balance and the positions that changed, as they are now.

    `change` is that of the balance, profit and fees not counted: None for a trade or an exercise. `traded_ms` is the
    time of the last trade when the event is made later.
    """
    return {
        "e": BALANCE_POSITION_UPDATE,
        "E": now_ms,
        "T": now_ms if traded_ms is None else traded_ms,
        "m": reason,
        "B": [{"a": SETTLEMENT_ASSET, "b": money(balance), "bc": "0" if change is None else money(change)}],
        "P": [
            {
                "s": position.contract.symbol,
                "c": format(position.quantity, position.contract.quantity_format),
                "p": money(position.quantity * position.entry),
                "a": money(position.entry),
            }
            for position in changed
        ],
    }


def greek_update(totals: Totals, now_ms: int) -> dict[str, Any]:
    """The greeks of every underlying the account has had something of."""
    return {
        "e": GREEK_UPDATE,
        "E": now_ms,
        "T": now_ms,
        "G": [
            {"u": name, "d": money(delta), "g": money(gamma), "t": money(theta), "v": money(vega)}
            for name, (delta, gamma, theta, vega) in totals.greeks.items()
        ],
    }


def order_trade_update(
    order: ExchangeOrder, execution_type: str, trade: Trade | None, position: AccountPosition, now_ms: int
) -> dict[str, Any]:
    """An order, and the fill that changed it if one did."""
    contract = order.contract
    filled = order.executed
    return {
        "e": ORDER_TRADE_UPDATE,
        "E": now_ms,
        "T": now_ms,
        "o": {
            "s": contract.symbol,
            "c": order.client_id,
            "S": order.side,
            "o": "LIMIT",
            "f": order.time_in_force,
            "q": order.quantity_text,
            "p": order.price_text,
            "ap": average_price(filled, order.amount),
            "x": execution_type,
            "X": order.status,
            "i": order.id,
            "l": "0" if trade is None else trade.quantity,
            "z": format(filled, contract.quantity_format) if filled else "0",
            "L": "0" if trade is None else trade.price,
            "N": SETTLEMENT_ASSET,
            "n": "0" if trade is None else trade.fee,
            "T": now_ms,
            "t": 0 if trade is None else trade.trade_id,
            "b": format(position.bid_quantity, contract.quantity_format),
            "a": format(position.ask_quantity, contract.quantity_format),
            "m": trade is not None and trade.maker,
            "R": order.reduce_only,
            "ot": "LIMIT",
            "rp": "0" if trade is None else trade.realized_profit,
            "V": order.stp,
        },
    }


def risk_level_change(level: str, margin_balance: Decimal, maintenance_margin: Decimal, now_ms: int) -> dict[str, Any]:
    """`NORMAL` or `REDUCE_ONLY`; the same in both generations."""
    return {
        "e": RISK_LEVEL_CHANGE,
        "E": now_ms,
        "s": level,
        "mb": money(margin_balance),
        "mm": money(maintenance_margin),
    }
