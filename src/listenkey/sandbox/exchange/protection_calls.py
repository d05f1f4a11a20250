"""Market maker protection as its owner sets, reads and resets it. What it does is in `protection.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange import rejections
from listenkey.sandbox.exchange.protection import Protection
from listenkey.sandbox.exchange.rejections import rejected

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.state import ExchangeState

WINDOW_MAX_MS: Final = 5_000
FROZEN_MAX_MS: Final = 10**12
FIRST_UNDERLYING_ID: Final = 2
"""The id that the sample prints for BTCUSDT; those of other underlyings are not known."""


def configure(
    state: ExchangeState,
    account: Account,
    underlying: str,
    *,
    window_ms: int,
    frozen_ms: int,
    quantity_limit: Decimal,
    delta_limit: Decimal,
) -> dict[str, Any]:
    """`POST /eapi/v1/mmpSet`. Raises Rejected: -6005, -6003, -6001, -6002, -1130."""
    _check(state, account, underlying)
    if not 0 < window_ms <= WINDOW_MAX_MS:
        raise rejected(rejections.MMP_WINDOW)
    if not 0 <= frozen_ms <= FROZEN_MAX_MS:
        raise rejected(rejections.MMP_FROZEN)
    if quantity_limit <= 0 or delta_limit <= 0:
        raise rejected(rejections.INVALID_PARAMETER)
    before = account.protections.get(underlying)
    account.protections[underlying] = rule = Protection(underlying, window_ms, frozen_ms, quantity_limit, delta_limit)
    if before is not None:
        # Another configuration is no way out of the one that struck.
        rule.triggered_ms, rule.waits = before.triggered_ms, before.is_frozen(state.now_ms)
    return _view(state, rule)


def ask(state: ExchangeState, account: Account, underlying: str, *, reset: bool = False) -> dict[str, Any]:
    """`GET /eapi/v1/mmp`, or `POST /eapi/v1/mmpReset`. Raises Rejected: -6005, -6003, -6006."""
    _check(state, account, underlying)
    rule = account.protections.get(underlying)
    if rule is None:
        raise rejected(rejections.MMP_NO_RULES)
    if reset:
        rule.reset()
    return _view(state, rule)


def _check(state: ExchangeState, account: Account, underlying: str) -> None:
    if not account.market_maker:
        raise rejected(rejections.NO_MARKET_MAKER)
    if underlying not in state.underlyings:
        raise rejected(rejections.INVALID_UNDERLYING)


def _view(state: ExchangeState, rule: Protection) -> dict[str, Any]:
    return {
        "underlyingId": FIRST_UNDERLYING_ID + list(state.underlyings).index(rule.underlying),
        "underlying": rule.underlying,
        "windowTimeInMilliseconds": rule.window_ms,
        "frozenTimeInMilliseconds": rule.frozen_ms,
        "qtyLimit": f"{rule.quantity_limit:f}",
        "deltaLimit": f"{rule.delta_limit:f}",
        "lastTriggerTime": rule.triggered_ms,
    }
