"""
The risk level of market makers, and the liquidation of everybody else. [O Event-Risk-level-change]

A market maker enters REDUCE_ONLY when its equity can't meet its maintenance margin, and is looked at again only on a
transfer, a fill or an expiry. That the margin balance of that page is the equity is assumed. Any other account is put
down for liquidation, which is done as soon as time is looked at again: never in the middle of a match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.state import ExchangeState


def review(state: ExchangeState, account: Account, now_ms: int, *, may_recover: bool = True) -> None:
    """
    Changes a market maker's level when it must, and tells of it; puts another account down for liquidation.

    A level becomes NORMAL again only on an occasion that `may_recover`.
    """
    too_thin = account.is_too_thin(state.prices)
    if not account.market_maker:
        if too_thin and not account.liquidating and account.totals(state.prices).maintenance_margin:
            account.liquidating = True
            state.scheduler.put(now_ms, "liquidation", account.name)
        return
    totals = account.totals(state.prices)
    equity = account.balance + totals.value
    if too_thin == account.reduce_only or (account.reduce_only and not may_recover):
        return
    account.reduce_only = too_thin
    level = "REDUCE_ONLY" if too_thin else "NORMAL"
    state.outbox.risk(account, level, equity, totals.maintenance_margin, now_ms)
