"""
Check an order before it is accepted. Each check raises the refusal that the options list has for it.

The order of checks is a choice; what is wrong with the request comes before what is wrong with the account.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange import rejections
from listenkey.sandbox.exchange.accounts import lock_of
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.rejections import rejected

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.book import Book
    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.orders import ExchangeOrder, OrderRequest
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.pricing import Prices

ORDERS_PER_SYMBOL_MAX: Final = 200
ORDERS_PER_UNDERLYING_MAX: Final = 1_000
SHORT_PER_SYMBOL_MAX: Final = 10_000
SHORT_PER_UNDERLYING_MAX: Final = 50_000
"""Caps exist, their sizes are not documented. Assumed."""

_TIMES_IN_FORCE: Final = frozenset(("GTC", "IOC", "FOK", "GTX"))
_STP_MODES: Final = frozenset(("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "NONE"))
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}", re.ASCII)
"""USD-M's alphabet and length; options document none."""


def check_words(request: OrderRequest) -> None:
    """Side, type, time in force and the like."""
    if request.side not in {"BUY", "SELL"}:
        raise rejected(rejections.INVALID_SIDE)
    if request.type != "LIMIT":
        raise rejected(rejections.INVALID_ORDER_TYPE)
    if request.time_in_force not in _TIMES_IN_FORCE:
        raise rejected(rejections.INVALID_TIF)
    if request.post_only and request.time_in_force not in {"GTC", "GTX"}:
        raise rejected(rejections.BAD_COMBINATION)
    if request.stp not in _STP_MODES:
        raise rejected(rejections.INVALID_PARAMETER)
    if request.client_order_id and not _CLIENT_ID.fullmatch(request.client_order_id):
        raise rejected(rejections.ILLEGAL_CHARS)


def checked_quantity(contract: Contract, quantity: Decimal) -> Decimal:
    """The quantity with the symbol's decimals, when LOT_SIZE allows it. [O common-definition]"""
    rules = contract.underlying
    if not quantity.is_finite():
        raise rejected(rejections.MANDATORY_PARAM)
    if quantity < 0:
        raise rejected(rejections.QUANTITY_BELOW_ZERO)
    if quantity < rules.step:
        raise rejected(rejections.QUANTITY_BELOW_MIN)
    if quantity > rules.max_quantity:
        raise rejected(rejections.QUANTITY_ABOVE_MAX)
    exact = quantity.quantize(rules.step)
    if exact != quantity or (exact - rules.step) % rules.step:
        raise rejected(rejections.STEP_SIZE)
    return exact


def checked_price(contract: Contract, price: Decimal | None) -> Decimal:
    """The price with the symbol's decimals, when PRICE_FILTER allows it. [O common-definition]"""
    rules = contract.underlying
    if price is None or not price.is_finite():
        raise rejected(rejections.MANDATORY_PARAM)
    if price < 0:
        raise rejected(rejections.PRICE_BELOW_ZERO)
    if price < rules.tick:
        raise rejected(rejections.PRICE_BELOW_MIN)
    if price > rules.max_price:
        raise rejected(rejections.PRICE_ABOVE_MAX)
    exact = price.quantize(rules.tick)
    if exact != price or (exact - rules.tick) % rules.tick:
        raise rejected(rejections.TICK_SIZE)
    return exact


def check_account(
    account: Account, position: AccountPosition, order: ExchangeOrder, prices: Prices, *, naked_sell: bool
) -> None:
    """Client order id, caps and reduce-only: what the account's other orders and its position say."""
    if account.liquidating:
        raise rejected(rejections.LIQUIDATING)
    same = account.by_client_id.get(order.client_id)
    if same is not None and same.is_open:
        raise rejected(rejections.DUPLICATE_CLIENT_ID)
    name = order.contract.underlying.name
    protection = account.protections.get(name)
    if order.mmp and protection is not None and protection.is_frozen(order.created_ms):
        raise rejected(rejections.MMP_TRIGGERED)
    if not account.quiet:
        if position.open_count >= ORDERS_PER_SYMBOL_MAX:
            raise rejected(rejections.ORDERS_ON_SYMBOL)
        if account.open_by_underlying.get(name, 0) >= ORDERS_PER_UNDERLYING_MAX:
            raise rejected(rejections.ORDERS_ON_UNDERLYING)
    reduces = _reduces_only(position, order)
    if order.reduce_only and not reduces:
        raise rejected(_why_not_reducing(account, position, order, prices))
    if account.reduce_only and not reduces:
        raise rejected(rejections.MARGIN)
    if not naked_sell and not order.is_buy and not account.quiet and not reduces:
        raise rejected(rejections.NO_WRITING)
    if not order.is_buy and not account.quiet:
        _check_short(account, position, order)


def _why_not_reducing(account: Account, position: AccountPosition, order: ExchangeOrder, prices: Prices) -> int:
    """-6056 where only its open orders of the same side are in the way, and the account could not pay for the flip."""
    held = -position.quantity if order.is_buy else position.quantity
    needed = lock_of(position, prices, order) - lock_of(position, prices)
    if order.quantity <= held and needed > account.available(prices):
        return rejections.REDUCE_ONLY_MARGIN
    return rejections.REDUCE_ONLY


def _reduces_only(position: AccountPosition, order: ExchangeOrder) -> bool:
    """Return True where an order, after all others of its side, could only make the position smaller."""
    if order.is_buy:
        return position.bid_quantity + order.quantity <= -position.quantity
    return position.ask_quantity + order.quantity <= position.quantity


def _check_short(account: Account, position: AccountPosition, order: ExchangeOrder) -> None:
    after = position.ask_quantity + order.quantity - position.quantity
    if after > SHORT_PER_SYMBOL_MAX:
        raise rejected(rejections.SHORT_ON_SYMBOL)
    if after <= 0:
        return
    short = order.quantity
    for other in account.positions.values():
        if other.contract.underlying is order.contract.underlying:
            short += max(other.ask_quantity - other.quantity, ZERO)
    if short > SHORT_PER_UNDERLYING_MAX:
        raise rejected(rejections.SHORT_ON_UNDERLYING)


def check_book(book: Book, order: ExchangeOrder) -> None:
    """FOK must be filled at once and GTX must not be. Neither leaves a trace when it fails. [O error-code]"""
    if order.time_in_force == "FOK" and book.fillable(order.is_buy, order.ticks) < order.quantity:
        raise rejected(rejections.FOK)
    if order.time_in_force == "GTX" and book.match_for(order.is_buy, order.ticks) is not None:
        raise rejected(rejections.GTX)


def check_margin(account: Account, position: AccountPosition, order: ExchangeOrder, prices: Prices) -> None:
    """The account can pay for it. An order that needs nothing more than before always passes."""
    if account.quiet:
        return
    needed = lock_of(position, prices, order) - lock_of(position, prices)
    if needed > 0 and needed > account.available(prices):
        raise rejected(rejections.BALANCE if order.is_buy else rejections.MARGIN)
