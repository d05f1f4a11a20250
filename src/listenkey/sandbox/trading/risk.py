"""
The risk level of market makers. [O Event-Risk-level-change]

An account enters REDUCE_ONLY when its equity can't meet its maintenance margin, and is looked at again only on a
transfer, a fill or an expiry. That the margin balance of that page is the equity is assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from listenkey.sandbox.trading.accounts import Account
    from listenkey.sandbox.trading.state import State


def review(state: State, account: Account, now_ms: int, *, may_recover: bool = True) -> None:
    """
    Changes a market maker's level when it must, and tells of it.

    It becomes NORMAL again only on an occasion that `may_recover`.
    """
    if not account.market_maker:
        return
    totals = account.totals(state.prices)
    equity = account.balance + totals.value
    too_thin = equity < totals.maintenance_margin
    if too_thin == account.reduce_only or (account.reduce_only and not may_recover):
        return
    account.reduce_only = too_thin
    level = "REDUCE_ONLY" if too_thin else "NORMAL"
    state.outbox.risk(account, level, equity, totals.maintenance_margin, now_ms)
