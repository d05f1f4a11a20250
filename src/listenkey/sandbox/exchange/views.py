"""
The answers of the signed endpoints, as JSON objects in the documented order of keys, in either generation.

Which keys an order has depends on the endpoint and on the generation. That table is `ORDER_KEYS`, read off the
published samples of each page, so that a difference is a line here and not a branch somewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange import legacy_payloads
from listenkey.sandbox.exchange.contracts import SETTLEMENT_ASSET
from listenkey.sandbox.exchange.orders import average_price
from listenkey.sandbox.exchange.payloads import money

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from listenkey.sandbox.exchange.margin import Totals
    from listenkey.sandbox.exchange.orders import ExchangeOrder, OrderState
    from listenkey.sandbox.exchange.positions import AccountPosition, PositionState
    from listenkey.sandbox.exchange.pricing import Quote
    from listenkey.sandbox.exchange.records import CashMovement, Exercise, Trade
    from listenkey.sandbox.switches import Generation

_HEAD: Final = "orderId symbol price quantity executedQty side type timeInForce reduceOnly createTime updateTime status"
_TAIL: Final = "clientOrderId priceScale quantityScale optionSide quoteAsset mmp"
_LEGACY_HEAD: Final = (
    "orderId symbol price quantity executedQty fee side type timeInForce reduceOnly postOnly createTime updateTime"
)

ORDER_KEYS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    key: tuple(names.split())
    for key, names in {
        ("current", "open"): f"{_HEAD} avgPrice {_TAIL} selfTradePreventionMode",
        ("current", "history"): f"{_HEAD} avgPrice {_TAIL}",
        ("current", "order"): f"{_HEAD} avgPrice {_TAIL} selfTradePreventionMode",
        ("current", "RESULT"): f"{_HEAD} avgPrice source {_TAIL} selfTradePreventionMode",
        ("current", "ACK"): f"{_HEAD} avgPrice source {_TAIL} selfTradePreventionMode",
        ("current", "BATCH"): f"{_HEAD} avgPrice source {_TAIL} selfTradePreventionMode",
        ("current", "cancel"): f"{_HEAD} avgPrice source {_TAIL} selfTradePreventionMode".replace(
            "createTime", "createDate"
        ),
        ("current", "cancel-batch"): f"{_HEAD} avgPrice source {_TAIL} selfTradePreventionMode",
        ("legacy", "open"): f"{_LEGACY_HEAD} status avgPrice {_TAIL}",
        ("legacy", "history"): f"{_LEGACY_HEAD} status reason avgPrice source {_TAIL}",
        ("legacy", "order"): f"{_LEGACY_HEAD} status avgPrice source {_TAIL}",
        ("legacy", "RESULT"): f"{_LEGACY_HEAD} status avgPrice {_TAIL}",
        ("legacy", "ACK"): "orderId symbol price quantity side type createDate reduceOnly postOnly mmp",
        ("legacy", "BATCH"): "orderId symbol price quantity side type reduceOnly postOnly clientOrderId mmp",
        ("legacy", "cancel"): f"{_LEGACY_HEAD} status avgPrice source {_TAIL}".replace("createTime", "createDate"),
        ("legacy", "cancel-batch"): "orderId symbol price quantity executedQty fee side type timeInForce createTime "
        "status avgPrice reduceOnly clientOrderId updateTime",
    }.items()
}
"""
Keys of an order by generation and answer.

Sources: [O trade], [O trade/Query-Current-Open-Option-Orders], [O trade/Query-Option-Order-History],
[O trade/Query-Single-Order], [O trade/Cancel-Option-Order], [O trade/Cancel-Multiple-Option-Orders] and the pages of
the same names before January 2026. Connector 7.0.0 declares `fee` and `postOnly` on a new order too; no page shows
them, and they are optional there.
"""


def order_view(
    order: ExchangeOrder, state: OrderState, answer: str, generation: Generation, *, signed: bool = False
) -> dict[str, Any]:
    """
    An order as one endpoint answers it, with what had become of it at the time asked for.

    `answer` is a name of `ORDER_KEYS`. With `signed`, quantities of a SELL are negative, as in the one published row
    of the history.
    """
    contract = order.contract
    sign = -1 if signed and not order.is_buy else 1
    status = legacy_payloads.status(state.status) if generation == "legacy" else state.status
    everything = {
        "orderId": order.id,
        "symbol": contract.symbol,
        "price": order.price_text,
        "quantity": format(order.quantity * sign, contract.quantity_format),
        "executedQty": format(state.executed * sign, contract.quantity_format),
        "fee": 0 if answer == "cancel-batch" else money(state.fee),
        "side": order.side,
        "type": "LIMIT",
        "timeInForce": order.time_in_force,
        "reduceOnly": order.reduce_only,
        "postOnly": order.post_only,
        "createTime": order.created_ms,
        "createDate": order.created_ms,
        "updateTime": state.updated_ms,
        "status": status,
        "reason": "0",
        "avgPrice": average_price(state.executed, state.amount),
        "source": "API",
        "clientOrderId": order.client_id,
        "priceScale": contract.price_scale,
        "quantityScale": contract.quantity_scale,
        "optionSide": contract.option_side,
        "quoteAsset": SETTLEMENT_ASSET,
        "mmp": order.mmp,
        "selfTradePreventionMode": order.stp,
    }
    return {name: everything[name] for name in ORDER_KEYS[generation, answer]}


def trade_view(trade: Trade, volatility: float, generation: Generation) -> dict[str, Any]:
    """A row of `userTrades`. [O trade/Account-Trade-List]"""
    order, contract = trade.order, trade.order.contract
    row: dict[str, Any] = {
        "id": trade.id,
        "tradeId": trade.trade_id,
        "orderId": order.id,
        "symbol": contract.symbol,
        "price": trade.price,
        "quantity": trade.quantity,
        "fee": trade.fee,
        "realizedProfit": trade.realized_profit,
        "side": order.side,
        "type": "LIMIT",
    }
    liquidity = "MAKER" if trade.maker else "TAKER"
    scales = {
        "priceScale": contract.price_scale,
        "quantityScale": contract.quantity_scale,
        "optionSide": contract.option_side,
    }
    if generation == "legacy":
        row |= {"volatility": str(volatility), "liquidity": liquidity, "quoteAsset": SETTLEMENT_ASSET}
        return row | {"time": trade.time_ms} | scales
    return row | {"liquidity": liquidity, "time": trade.time_ms} | scales | {"quoteAsset": SETTLEMENT_ASSET}


def bill_view(bill: CashMovement, generation: Generation) -> dict[str, Any]:
    """A row of `bill`. The symbol came with connector 8.5.1, on rows that have to do with a contract. [SDK]"""
    row: dict[str, Any] = {
        "id": bill.id,
        "asset": SETTLEMENT_ASSET,
        "amount": money(bill.amount),
        "type": bill.type,
        "createDate": bill.time_ms,
    }
    if bill.symbol is not None and generation == "current":
        row["symbol"] = bill.symbol
    return row


def exercise_view(exercise: Exercise, generation: Generation) -> dict[str, Any]:
    """A row of `exerciseRecord`. [O trade/User-Exercise-Record]"""
    contract = exercise.contract
    row: dict[str, Any] = {
        "id": str(exercise.id),
        "currency": SETTLEMENT_ASSET,
        "symbol": contract.symbol,
        "exercisePrice": money(contract.strike),
    }
    if generation == "legacy":
        row["markPrice"] = money(exercise.index_price)
    return row | {
        "quantity": money(abs(exercise.quantity)),
        "amount": money(exercise.amount),
        "fee": money(exercise.fee),
        "createDate": exercise.time_ms,
        "priceScale": contract.price_scale,
        "quantityScale": contract.quantity_scale,
        "optionSide": contract.option_side,
        "positionSide": "LONG" if exercise.quantity > 0 else "SHORT",
        "quoteAsset": SETTLEMENT_ASSET,
    }


def position_view(
    position: AccountPosition,
    state: PositionState,
    quote: Quote,
    open_quantities: tuple[Decimal, Decimal],
    generation: Generation,
) -> dict[str, Any]:
    """
    An entry of `position`. The mark value of a short is positive, as in the sample.

    `open_quantities` is what its open buy and sell orders have left. [O trade/Option-Position-Information]
    """
    contract = position.contract
    cost, value = state.quantity * state.entry, state.quantity * quote.mark
    quantities = contract.quantity_format
    row: dict[str, Any] = {
        "entryPrice": money(state.entry),
        "symbol": contract.symbol,
        "side": "LONG" if state.quantity > 0 else "SHORT",
        "quantity": format(state.quantity, quantities),
    }
    if generation == "legacy":
        row["reducibleQty"] = format(legacy_payloads.reducible(position), quantities)
    row["markValue"] = money(abs(value))
    if generation == "legacy":
        row["ror"] = f"{(value - cost) / abs(cost):z.4f}" if cost else "0"
    row |= {
        "unrealizedPNL": money(value - cost),
        "markPrice": money(quote.mark),
        "strikePrice": f"{contract.strike:f}",
    }
    if generation == "legacy":
        row["positionCost"] = money(abs(cost))
    row |= {
        "expiryDate": contract.expiry_ms,
        "priceScale": contract.price_scale,
        "quantityScale": contract.quantity_scale,
        "optionSide": contract.option_side,
        "quoteAsset": SETTLEMENT_ASSET,
    }
    if generation == "current":
        bids, asks = open_quantities
        row |= {
            "time": state.updated_ms,
            "bidQuantity": format(bids, quantities),
            "askQuantity": format(asks, quantities),
        }
    return row


def greeks_view(totals: Totals) -> list[dict[str, str]]:
    """The greeks of every underlying, as `marginAccount` and `account` list them."""
    return [
        {"underlying": name, "delta": money(delta), "gamma": money(gamma), "theta": money(theta), "vega": money(vega)}
        for name, (delta, gamma, theta, vega) in totals.greeks.items()
    ]


def commission_view(underlyings: Iterable[str], maker_rate: Decimal, taker_rate: Decimal) -> dict[str, Any]:
    """`commission`. [O account/Option-Commission]"""
    maker, taker = f"{maker_rate:.6f}", f"{taker_rate:.6f}"
    return {"commissions": [{"underlying": name, "makerFee": maker, "takerFee": taker} for name in underlyings]}
