"""
Liquidate an account whose equity can't meet its maintenance margin: its orders end, its shorts are bought back.

The stream tells of each order that the venue places in the account's name: NEW first, with a client order id that
begins with `autoclose-`, then its fills. [O Event-Order-update] All else is assumed: that open orders are cancelled
before, that only shorts are closed, largest margin first and no more of them than it takes, that the house sells at the
mark or above the best bid, and that such a fill costs the ordinary fee. Market makers are not liquidated here; they get
`RISK_LEVEL_CHANGE` instead.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange.matching import cancel_all, force
from listenkey.sandbox.exchange.orders import ZERO, OrderRequest

if TYPE_CHECKING:
    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.state import ExchangeState

CLIENT_ID: Final = "autoclose-"
HOUSE: Final = "_insurance"
"""The house account that takes over what nobody else sells."""


def liquidate(state: ExchangeState, account: Account, now_ms: int) -> None:
    """Ends an account's orders and buys back shorts until its margin suffices. Then it may trade again."""
    if account.is_too_thin(state.prices):
        cancel_all(state, account, now_ms)
        for position in sorted(account.positions.values(), key=lambda each: _margin(state, each), reverse=True):
            if position.quantity < 0 and account.is_too_thin(state.prices):
                _buy_back(state, account, position, now_ms)
    account.liquidating = False


def _margin(state: ExchangeState, position: AccountPosition) -> Decimal:
    """The maintenance margin that a short needs, USDT; less than nothing for a long."""
    if not position.quantity:
        return ZERO
    return -position.quantity * state.prices.quote(position.contract).maintenance_margin


def _buy_back(state: ExchangeState, account: Account, position: AccountPosition, now_ms: int) -> None:
    """One order in the account's name, which whoever sells as cheaply fills first, and the house fills to the end."""
    contract = position.contract
    book = state.book(contract.symbol)
    tick = contract.underlying.tick
    ticks = max(int(state.prices.quote(contract).mark / tick), 1, (book.best_bid_ticks() or 0) + 1)
    price = min(tick * ticks, contract.underlying.max_price)
    if HOUSE not in state.accounts:
        state.add_account(HOUSE, ZERO, trade_group_id=-1, market_maker=False, quiet=True)
    house = state.accounts[HOUSE]
    left = -position.quantity
    while left > 0:
        quantity = min(left, contract.underlying.max_quantity)
        left -= quantity
        for who, side, time_in_force, prefix in ((house, "SELL", "GTC", "house-"), (account, "BUY", "IOC", CLIENT_ID)):
            asked = OrderRequest(
                symbol=contract.symbol, side=side, quantity=quantity, price=price, time_in_force=time_in_force
            )
            force(state, who, asked, prefix, now_ms)
        cancel_all(state, house, now_ms)
