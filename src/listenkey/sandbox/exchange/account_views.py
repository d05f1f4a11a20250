"""
`marginAccount` and the legacy `account`: totals of an account, now or as of a time.

`equity` is balance plus position value, as `eq` in the stream is. In the published REST sample equity is also
marginBalance plus unrealizedPNL; both hold when the margin balance counts positions at their cost, so that is what it
does here. It differs from the stream's `b` by exactly that cost. Assumed; no formula is published.

As of an earlier time, positions and balance are those of then and the marks are those of now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from listenkey.sandbox.exchange.accounts import totals_of
from listenkey.sandbox.exchange.contracts import SETTLEMENT_ASSET
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.payloads import money
from listenkey.sandbox.exchange.views import greeks_view

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.margin import Totals
    from listenkey.sandbox.exchange.state import ExchangeState


def _then(state: ExchangeState, account: Account, as_of_ms: int | None) -> tuple[Decimal, Totals]:
    """The balance and the totals, now or as of a time."""
    if as_of_ms is None or account.balance_past is None:
        return account.balance, account.totals(state.prices)
    then = [
        (each.contract, each.state(as_of_ms))
        for each in account.positions.values()
        if each.contract.symbol in state.books
    ]
    return account.balance_at(as_of_ms), totals_of(then, state.prices, account.totals(state.prices).greeks)


def margin_account(state: ExchangeState, account: Account, now_ms: int, as_of_ms: int | None) -> dict[str, Any]:
    """`GET /eapi/v1/marginAccount`. [O account/Option-Margin-Account-Information]"""
    balance, totals = _then(state, account, as_of_ms)
    legacy = state.switches.generation == "legacy"
    asset = {
        "asset": SETTLEMENT_ASSET,
        "marginBalance": money(balance + totals.cost),
        "equity": money(balance + totals.value),
        "available": money(_available(state, account, balance, totals)),
        "initialMargin": money(totals.initial_margin),
        "maintMargin": money(totals.maintenance_margin),
        "unrealizedPNL": money(totals.unrealized_profit),
    }
    if legacy:
        asset["lpProfit"] = money(totals.unrealized_profit)
    else:
        asset["adjustedEquity"] = money(totals.adjusted_equity(balance))
    answer: dict[str, Any] = {
        "asset": [asset],
        "greek": greeks_view(totals),
        "time": now_ms if as_of_ms is None else as_of_ms,
    }
    if legacy:
        return answer
    return answer | {
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "reduceOnly": account.reduce_only,
        "tradeGroupId": account.trade_group_id,
    }


def legacy_account(state: ExchangeState, account: Account, now_ms: int, as_of_ms: int | None) -> dict[str, Any]:
    """`GET /eapi/v1/account`, gone from the documentation since January 2026. [L account]"""
    balance, totals = _then(state, account, as_of_ms)
    return {
        "asset": [
            {
                "asset": SETTLEMENT_ASSET,
                "marginBalance": money(balance + totals.cost),
                "equity": money(balance + totals.value),
                "available": money(_available(state, account, balance, totals)),
                "locked": money(totals.initial_margin + account.locked(state.prices)),
                "unrealizedPNL": money(totals.unrealized_profit),
            }
        ],
        "greek": greeks_view(totals),
        "time": now_ms if as_of_ms is None else as_of_ms,
        "riskLevel": "REDUCE_ONLY" if account.reduce_only else "NORMAL",
    }


def _available(state: ExchangeState, account: Account, balance: Decimal, totals: Totals) -> Decimal:
    """Return the free part of a balance, never reported as less than nothing."""
    return max(ZERO, balance - totals.initial_margin - account.locked(state.prices))
