"""
Orders: accepted, matched, filled, ended. Price-time priority, self-trade prevention, reduce-only.

Every change of an order is one `Transition` in the account's records and one event. A fill moves money and positions
of both sides at once, and both are told the same trade id and time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange import order_validation, rejections, risk
from listenkey.sandbox.exchange.margin import fee_of
from listenkey.sandbox.exchange.orders import ZERO, ExchangeOrder, OrderRequest
from listenkey.sandbox.exchange.payloads import money
from listenkey.sandbox.exchange.records import CashMovement, Trade, Transition
from listenkey.sandbox.exchange.rejections import rejected
from listenkey.sandbox.exchange.timeline import Timeline
from listenkey.venue import POSITION_BEAT_S

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.book import Book
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.state import ExchangeState

PREVENTED_TIMES_IN_FORCE: Final = frozenset(("GTC", "IOC"))
"""Self-trade prevention looks at these takers only, not at FOK and GTX. [O faq/stp-faq]"""


# --- From the customer -----------------------------------------------------------------------------------------------


def place(state: ExchangeState, account: Account, request: OrderRequest, now_ms: int) -> ExchangeOrder:
    """
    Accepts an order, matches it, and lets rest what may rest.

    Raises:
        Rejected: It was not accepted; nothing has changed then.
    """
    order_validation.check_words(request)
    book = state.book(request.symbol)
    order = _order_of(account, book, request, now_ms)
    position = account.position(book.contract)
    order_validation.check_account(account, position, order, state.prices, naked_sell=state.switches.naked_sell)
    order_validation.check_book(book, order)
    order_validation.check_margin(account, position, order, state.prices)
    _accept(state, account, book, order, "auto-", now_ms)
    return order


def force(state: ExchangeState, account: Account, request: OrderRequest, prefix: str, now_ms: int) -> ExchangeOrder:
    """Places an order in an account's name that nothing can refuse; its client order id begins with `prefix`."""
    book = state.book(request.symbol)
    order = _order_of(account, book, request, now_ms)
    order.forced = True
    _accept(state, account, book, order, prefix, now_ms)
    return order


def _accept(state: ExchangeState, account: Account, book: Book, order: ExchangeOrder, prefix: str, now_ms: int) -> None:
    """Gives an order its ids, tells of it, matches it, and lets rest what may rest."""
    position = account.position(book.contract)
    order.id, number = state.next_order_id(order.contract.symbol)
    order.client_id = order.client_id or f"{prefix}{number}"
    if state.keep_history and not account.quiet:
        order.past = Timeline()
    account.open(order, position)
    _changed(state, account, order, "NEW", position, now_ms)
    _match(state, book, order, now_ms)
    if order.is_open:
        if order.time_in_force in {"IOC", "FOK"}:
            ending = state.switches.ioc_remainder
            end(state, order, ending, ending, now_ms)
        else:
            book.add(order)


def _order_of(account: Account, book: Book, request: OrderRequest, now_ms: int) -> ExchangeOrder:
    """The request as an order that has no id yet: a refused one must not use an id up."""
    contract = book.contract
    quantity = order_validation.checked_quantity(contract, request.quantity)
    price = order_validation.checked_price(contract, request.price)
    time_in_force = "GTX" if request.post_only else request.time_in_force
    return ExchangeOrder(
        id=0,
        account=account.name,
        contract=contract,
        client_id=request.client_order_id or "",
        is_buy=request.side == "BUY",
        price=price,
        ticks=int(price / contract.underlying.tick),
        quantity=quantity,
        time_in_force=time_in_force,
        reduce_only=request.reduce_only,
        post_only=time_in_force == "GTX",
        mmp=request.mmp,
        stp=request.stp,
        stp_key=account.stp_key,
        created_ms=now_ms,
    )


def find(account: Account, symbol: str, order_id: int | None, client_order_id: str | None) -> ExchangeOrder:
    """
    An account's order by either of its ids; the exchange's id wins when both are given.

    Raises:
        Rejected: -1102 for neither, -2013 for none such.
    """
    if order_id is not None:
        key = (symbol, order_id)
        order = account.orders.get(key) or account.open_orders.get(key)
    elif client_order_id:
        order = account.by_client_id.get(client_order_id)
    else:
        raise rejected(rejections.MANDATORY_PARAM)
    if order is None or order.contract.symbol != symbol:
        raise rejected(rejections.NO_SUCH_ORDER)
    return order


def cancel(
    state: ExchangeState, account: Account, symbol: str, order_id: int | None, client_order_id: str | None, now_ms: int
) -> ExchangeOrder:
    """
    Cancels one order.

    Raises:
        Rejected: -1121 unknown symbol, -2013 no such order, -6028 it is final already, -6059 the account is being
            liquidated, -6063 by the switch `rejects_cancels`.
    """
    state.contract(symbol)
    order = find(account, symbol, order_id, client_order_id)
    if not order.is_open:
        raise rejected(rejections.ORDER_IS_FINAL)
    if account.liquidating:  # What is bought back then is the venue's business; -6055 is the same for new orders.
        raise rejected(rejections.IN_LIQUIDATION)
    if state.switches.rejects_cancels and not account.quiet:
        raise rejected(rejections.CANCEL_REJECTED)
    end(state, order, "CANCELED", "CANCELED", now_ms)
    return order


def cancel_all(
    state: ExchangeState,
    account: Account,
    now_ms: int,
    *,
    symbol: str | None = None,
    underlying: str | None = None,
    protected: bool = False,
) -> int:
    """Cancels an account's open orders of a symbol or of an underlying, oldest first; how many."""
    chosen = [
        order
        for order in account.open_orders.values()
        if (symbol is None or order.contract.symbol == symbol)
        and (underlying is None or order.contract.underlying.name == underlying)
        and (order.mmp or not protected)
    ]
    for order in chosen:
        end(state, order, "CANCELED", "CANCELED", now_ms)
    return len(chosen)


def end(state: ExchangeState, order: ExchangeOrder, status: str, execution_type: str, now_ms: int) -> None:
    """Makes an open order final without a fill, wherever it is."""
    book = state.books.get(order.contract.symbol)
    if book is not None:
        book.remove(order)
    account = state.accounts[order.account]
    position = account.position(order.contract)
    order.status = status
    order.updated_ms = now_ms
    account.close(order, position)
    _changed(state, account, order, execution_type, position, now_ms)


def _changed(
    state: ExchangeState,
    account: Account,
    order: ExchangeOrder,
    execution_type: str,
    position: AccountPosition,
    now_ms: int,
) -> None:
    """Writes down a transition that is no fill, and tells of it."""
    if not account.quiet:
        _write_down(account, order, execution_type, now_ms)
        state.outbox.order(account, order, execution_type, None, position, now_ms)


def _write_down(account: Account, order: ExchangeOrder, execution_type: str, now_ms: int, trade_id: int = 0) -> None:
    filled = format(order.executed, order.contract.quantity_format)
    account.transitions.append(Transition(order, order.status, execution_type, filled, now_ms, trade_id))
    if order.past is not None:
        now = order.state()
        assert now is not None
        order.past.note(now_ms, now)


# --- Matching --------------------------------------------------------------------------------------------------------


def _match(state: ExchangeState, book: Book, taker: ExchangeOrder, now_ms: int) -> None:
    """Trades an order against the book, best price first, oldest first, at the resting order's price."""
    while taker.is_open:
        maker = book.match_for(taker.is_buy, taker.ticks)
        if maker is None:
            return
        if maker.stp_key == taker.stp_key and taker.stp != "NONE" and taker.time_in_force in PREVENTED_TIMES_IN_FORCE:
            _prevent(state, taker, maker, now_ms)
        else:
            _trade(state, book, taker, maker, now_ms)


def _prevent(state: ExchangeState, taker: ExchangeOrder, maker: ExchangeOrder, now_ms: int) -> None:
    """One person's two orders met: the taker's mode says which of them ends. [O faq/stp-faq]"""
    if taker.stp in {"EXPIRE_MAKER", "EXPIRE_BOTH"}:
        end(state, maker, "EXPIRED_IN_MATCH", "EXPIRED", now_ms)
    if taker.stp in {"EXPIRE_TAKER", "EXPIRE_BOTH"}:
        end(state, taker, "EXPIRED_IN_MATCH", "EXPIRED", now_ms)


def _trade(state: ExchangeState, book: Book, taker: ExchangeOrder, maker: ExchangeOrder, now_ms: int) -> None:
    """One fill: both sides, one trade id, one time."""
    quantity = min(taker.remaining, maker.remaining)
    index = state.prices.index(book.contract.underlying.name)
    fee = fee_of(quantity, maker.price, index)
    maker_fee = fee if state.switches.maker_fee else ZERO
    book.last_trade_id += 1
    if maker.remaining == quantity:
        book.remove(maker)
    else:
        book.reduced()
    state.tape.record(
        book.contract, book.last_trade_id, maker.price, maker.price_text, quantity, now_ms, buyer_took=taker.is_buy
    )
    for order, charged in ((maker, maker_fee), (taker, fee)):
        _fill(state, order, quantity, maker, charged, book.last_trade_id, now_ms)
    for order in (maker, taker):
        _trim_reduce_only(state, state.accounts[order.account].position(order.contract), now_ms)
    for order in (maker, taker):
        _protect(state, order, quantity, now_ms)


def _protect(state: ExchangeState, order: ExchangeOrder, quantity: Decimal, now_ms: int) -> None:
    """Counts a fill of a market maker's protected order, and cancels the others when it was one too many."""
    account, name = state.accounts[order.account], order.contract.underlying.name
    rule = account.protections.get(name) if order.mmp else None
    if rule is None:
        return
    delta = state.prices.quote(order.contract).delta * (quantity if order.is_buy else -quantity)
    if rule.count(quantity, delta, now_ms):
        cancel_all(state, account, now_ms, underlying=name, protected=True)


def _fill(
    state: ExchangeState,
    order: ExchangeOrder,
    quantity: Decimal,
    maker: ExchangeOrder,
    fee: Decimal,
    trade_id: int,
    now_ms: int,
) -> None:
    """One side of a fill: order, position, money, records, events; in that order."""
    account = state.accounts[order.account]
    position = account.position(order.contract)
    price = maker.price
    premium = price * quantity
    order.executed += quantity
    order.amount += premium
    order.fee += fee
    order.updated_ms = now_ms
    position.release(order, quantity)
    order.status = "PARTIALLY_FILLED" if order.remaining else "FILLED"
    if not order.remaining:
        account.close(order, position)

    change, cash = (quantity, -premium) if order.is_buy else (-quantity, premium)
    profit = account.trade(position, change, price, state.prices, now_ms)
    account.balance += cash - fee
    state.fees_collected += fee
    if account.quiet:
        return

    quantity_format = order.contract.quantity_format
    trade = Trade(
        state.next_fill_id(),
        trade_id,
        order,
        format(quantity, quantity_format),
        maker.price_text,
        money(-fee),
        money(profit),
        order is maker,
        now_ms,
        format(order.executed, quantity_format),
    )
    account.trades.append(trade)
    account.trades_of.setdefault(order.contract.symbol, []).append(trade)
    _write_bills(state, account, order, cash, fee, now_ms)
    _write_down(account, order, state.switches.liquidation_execution if order.forced else "TRADE", now_ms, trade_id)
    account.note_position(position, now_ms)
    state.outbox.fill(account, order, trade, position, now_ms)
    _after_fill(state, account, now_ms)


def _write_bills(
    state: ExchangeState, account: Account, order: ExchangeOrder, cash: Decimal, fee: Decimal, now_ms: int
) -> None:
    """The premium and the fee: a row each by fill, or by order if the switches say so."""
    rows = (("CONTRACT", cash), ("FEE", -fee))
    symbol = order.contract.symbol
    kept = None if state.switches.bill_row_per_fill else account.bills_of_order.setdefault(order.key, {})
    for kind, amount in rows:
        if kept is not None and kind in kept:
            kept[kind].amount += amount
            continue
        bill = CashMovement(state.next_bill_id(), amount, kind, now_ms, symbol)
        account.bills.append(bill)
        if kept is not None:
            kept[kind] = bill


def _after_fill(state: ExchangeState, account: Account, now_ms: int) -> None:
    """A position begins the ten-second beat, and a market maker's risk is looked at again."""
    if account.next_beat_ms is None and account.totals(state.prices).positions:
        account.next_beat_ms = now_ms + POSITION_BEAT_S * 1000
        state.scheduler.put(account.next_beat_ms, "beat", account.name)
    risk.review(state, account, now_ms)


def _trim_reduce_only(state: ExchangeState, position: AccountPosition, now_ms: int) -> None:
    """Cancels reduce-only orders, newest first, until they fit into what is left of the position."""
    if not position.reduce_only:
        return
    left = abs(position.quantity)
    for order in list(position.reduce_only.values()):
        reduces = order.is_buy == (position.quantity < 0)
        if position.quantity and reduces and order.remaining <= left:
            left -= order.remaining
        else:
            end(state, order, "CANCELED", "CANCELED", now_ms)
