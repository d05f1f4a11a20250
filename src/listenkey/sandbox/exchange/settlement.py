"""
Settle contracts at 08:00 UTC on their last day, and move money that comes and goes.

At expiry, resting orders end, positions turn into cash at the index, and the next contracts are listed. Longs get
exactly what shorts pay. The events of an expiry are not documented; `switches.exercise_reason` names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listenkey.sandbox.exchange import rejections, risk
from listenkey.sandbox.exchange.margin import EXERCISE_FEE_RATE, fee_of
from listenkey.sandbox.exchange.matching import end
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.records import CashMovement, Exercise, Settlement, Transfer
from listenkey.sandbox.exchange.rejections import rejected

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.state import ExchangeState


def expire(state: ExchangeState, expiry_ms: int, now_ms: int) -> None:
    """Ends all contracts of an expiry and lists what comes after them."""
    ending = [book.contract for book in state.books.values() if book.contract.expiry_ms == expiry_ms]
    for contract in ending:
        for order in sorted(state.books[contract.symbol].resting(), key=lambda each: each.id):
            end(state, order, "EXPIRED", "EXPIRED", now_ms)
        del state.books[contract.symbol]
        state.tape.forget(contract.symbol)
        state.settlements.append(Settlement(contract, state.prices.index(contract.underlying.name), now_ms))
    symbols = {contract.symbol for contract in ending}
    for account in state.accounts.values():
        held = [each for each in account.positions.values() if each.contract.symbol in symbols and each.quantity]
        if held:
            _exercise(state, account, held, now_ms)
        for symbol in symbols:
            account.positions.pop(symbol, None)
    state.list_contracts()


def _exercise(state: ExchangeState, account: Account, held: list[AccountPosition], now_ms: int) -> None:
    """Turns an account's positions in contracts that end into cash, and tells of it once."""
    for position in held:
        contract, quantity = position.contract, position.quantity
        index = state.prices.index(contract.underlying.name)
        payoff = contract.payoff(index)
        amount = quantity * payoff
        fee = fee_of(abs(quantity), payoff, index, EXERCISE_FEE_RATE)
        account.balance += amount - fee
        state.fees_collected += fee
        position.quantity = position.entry = ZERO
        position.updated_ms = now_ms
        if account.quiet:
            continue
        account.exercises.append(Exercise(state.next_bill_id(), contract, quantity, amount, -fee, index, now_ms))
        for kind, moved in (("EXERCISE_PNL", amount), ("EXERCISE_FEE", -fee)):
            if moved:
                account.bills.append(CashMovement(state.next_bill_id(), moved, kind, now_ms, contract.symbol))
        account.note_position(position, now_ms)
    account.forget_totals()
    if not account.quiet:
        state.outbox.changed(account, state.switches.exercise_reason, None, held, now_ms)
        risk.review(state, account, now_ms)


def transfer(state: ExchangeState, account: Account, amount: Decimal, now_ms: int) -> None:
    """
    Puts money in, or with a negative amount takes it out. USDT, at most eight decimals.

    Raises:
        Rejected: -4056 for nothing or for more decimals, -2018 for more than is free.
    """
    if not amount.is_finite() or not amount or abs(amount) >= 10**12 or round(amount, 8) != amount:
        raise rejected(rejections.INVALID_AMOUNT)
    if amount < 0 and -amount > account.available(state.prices):
        raise rejected(rejections.BALANCE)
    account.balance += amount
    if account.balance_past is not None:
        account.balance_past.note(now_ms, account.balance)
    account.transfers.append(Transfer(amount, account.balance, now_ms))
    account.bills.append(CashMovement(state.next_bill_id(), amount, "TRANSFER", now_ms))
    if not account.quiet:
        state.outbox.changed(account, "DEPOSIT" if amount > 0 else "WITHDRAW", amount, [], now_ms)
        risk.review(state, account, now_ms)
