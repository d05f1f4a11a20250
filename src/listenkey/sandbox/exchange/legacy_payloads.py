"""
The events of the stream as they were until January 2026.

Sources: [L user-data-streams/Event-Account-data], [L user-data-streams/Event-Order-update]. Greeks and `U` were JSON
numbers; they are the only floats that leave the sandbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange.contracts import SETTLEMENT_ASSET
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.payloads import money
from listenkey.venue import ACCOUNT_UPDATE, ORDER_TRADE_UPDATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.margin import Totals
    from listenkey.sandbox.exchange.orders import ExchangeOrder
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.pricing import Prices
    from listenkey.sandbox.exchange.records import Trade

STATUSES: Final = {
    "NEW": "ACCEPTED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
    "EXPIRED_IN_MATCH": "CANCELLED",
}
"""The former names of the statuses that have new names, or were new."""


def status(current: str) -> str:
    """The legacy name of a status."""
    return STATUSES.get(current, current)


def reducible(position: AccountPosition) -> Decimal:
    """Return the part of a position that no open order is closing yet, signed as the position."""
    if position.quantity >= 0:
        return max(position.quantity - position.ask_quantity, ZERO)
    return min(position.quantity + position.bid_quantity, ZERO)


def account_update(
    account: Account, totals: Totals, prices: Prices, changed: Iterable[AccountPosition], now_ms: int
) -> dict[str, Any]:
    """Totals, greeks and the positions that changed, in one."""
    gains = ZERO
    for position in account.positions.values():
        if position.quantity > 0:
            gains += max(ZERO, position.quantity * (prices.quote(position.contract).mark - position.entry))
    positions = [
        {
            "s": position.contract.symbol,
            "c": format(position.quantity, position.contract.quantity_format),
            "r": format(reducible(position), position.contract.quantity_format),
            "p": money(position.quantity * position.entry),
            "a": money(position.entry),
        }
        for position in changed
    ]
    payload: dict[str, Any] = {
        "e": ACCOUNT_UPDATE,
        "E": now_ms,
        "B": [
            {
                "b": money(account.balance),
                "m": money(totals.value),
                "u": money(totals.unrealized_profit),
                "U": float(gains),
                "M": money(totals.maintenance_margin),
                "i": money(totals.initial_margin),
                "a": SETTLEMENT_ASSET,
            }
        ],
        "G": [
            {"ui": name, "d": float(delta), "t": float(theta), "g": float(gamma), "v": float(vega)}
            for name, (delta, gamma, theta, vega) in totals.greeks.items()
        ],
    }
    if positions:
        payload["P"] = positions
    payload["uid"] = account.user_id
    return payload


def order_trade_update(order: ExchangeOrder, trade: Trade | None, now_ms: int) -> dict[str, Any]:
    """An order in an array of one, with the fill that changed it if one did."""
    contract = order.contract
    quantity = order.quantity if order.is_buy else -order.quantity
    fills = []
    if trade is not None:
        fills.append(
            {
                "t": str(trade.trade_id),
                "p": trade.price,
                "q": trade.quantity,
                "T": trade.time_ms,
                "m": "MAKER" if trade.maker else "TAKER",
                # Positive = commission here; the sign has turned since.
                "f": trade.fee.removeprefix("-"),
            }
        )
    return {
        "e": ORDER_TRADE_UPDATE,
        "E": now_ms,
        "o": [
            {
                "T": order.created_ms,
                "t": order.updated_ms,
                "s": contract.symbol,
                "c": order.client_id,
                "oid": str(order.id),
                "p": order.price_text,
                "q": format(quantity, contract.quantity_format),
                "stp": 0,
                "r": order.reduce_only,
                "po": order.post_only,
                "S": status(order.status),
                "e": format(order.executed, contract.quantity_format),
                "ec": money(order.amount),
                "f": money(order.fee),
                "tif": order.time_in_force,
                "oty": "LIMIT",
                "fi": fills,
            }
        ],
    }
