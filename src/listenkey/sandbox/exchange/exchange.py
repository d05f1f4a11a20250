"""
The venue's exchange behind one face. Pure: time is an argument, chance comes from a seed, events are taken.

Call `advance` when `due_ms` has come, `place_order` and its like when a customer asks, and after either
`take_events`. Every call that changes something does first what time has brought by then. What the world consists of
is in `state.py`; what happens in it is in `matching.py`, `settlement.py` and `timers.py`; what it answers is in
`queries.py` and the views.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Unpack

from listenkey.sandbox.exchange import (
    account_views,
    info_views,
    market_views,
    matching,
    protection_calls,
    queries,
    rejections,
    settlement,
    timers,
    views,
)
from listenkey.sandbox.exchange.margin import FEE_RATE
from listenkey.sandbox.exchange.orders import ZERO, OrderRequest
from listenkey.sandbox.exchange.outbox import Emission
from listenkey.sandbox.exchange.rejections import Rejected, rejected
from listenkey.sandbox.exchange.state import ExchangeState
from listenkey.sandbox.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listenkey.sandbox.exchange.book import Book
    from listenkey.sandbox.exchange.orders import ExchangeOrder
    from listenkey.sandbox.exchange.queries import Window

__all__ = ["Emission", "Exchange", "OrderRequest", "Rejected"]


class Exchange:
    """
    One options exchange.

    Args:
        now_ms: Its time at the start, epoch milliseconds.
        seed: The same seed and the same calls make the same world.
        switches: Its manners; may be changed while it runs.
    """

    def __init__(self, now_ms: int, *, seed: int = 1, switches: Switches | None = None) -> None:
        self.switches = Switches() if switches is None else switches
        self.state = ExchangeState(now_ms, seed, self.switches)

    # --- Accounts ----------------------------------------------------------------------------------------------------

    def add_account(
        self,
        name: str,
        now_ms: int,
        *,
        deposit: Decimal = Decimal(1_000_000),
        trade_group_id: int = -1,
        market_maker: bool = False,
        quiet: bool = False,
    ) -> None:
        """
        Opens an account.

        Args:
            name: Of the account.
            now_ms: Epoch milliseconds.
            deposit: USDT. It is in the account's bill and ledger; no event tells of it.
            trade_group_id: Accounts of the same one, other than -1, don't trade with each other.
            market_maker: Whether it is told of `RISK_LEVEL_CHANGE`.
            quiet: One of the house's own: no events, no records, endless credit, not among `account_names`.

        Raises:
            ValueError: There is one of that name.
        """
        self.advance(now_ms)
        self.state.add_account(name, deposit, trade_group_id=trade_group_id, market_maker=market_maker, quiet=quiet)

    def account_names(self) -> list[str]:
        """The customers, in the order in which they came; the house's own accounts are not among them."""
        return [account.name for account in self.state.accounts.values() if not account.quiet]

    def transfer(self, account: str, amount: Decimal, now_ms: int) -> None:
        """Puts money in, or with a negative amount takes it out. Raises Rejected."""
        self.advance(now_ms)
        settlement.transfer(self.state, self.state.account(account), amount, self.state.now_ms)

    def ledger(self, account: str) -> dict[str, Any]:
        """The truth about an account: `fills`, `orders` (every transition) and `transfers`, each in order."""
        return queries.ledger(self.state.account(account))

    # --- Orders ------------------------------------------------------------------------------------------------------

    def place_order(
        self, account: str, request: OrderRequest, now_ms: int, *, answer: str = "RESULT"
    ) -> dict[str, Any]:
        """
        Places an order; the order as it is after matching.

        `answer` is `RESULT`, `ACK` or `BATCH`; the three differ before January 2026 only.

        Raises:
            Rejected: It was not accepted, and nothing has changed.
        """
        self.advance(now_ms)
        state = self.state
        return self._order(matching.place(state, state.account(account), request, state.now_ms), answer)

    def cancel_order(
        self,
        account: str,
        symbol: str,
        now_ms: int,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        batch: bool = False,
    ) -> dict[str, Any]:
        """
        Cancels an order; the order as it is then. As an element of a batch it has other keys.

        Raises:
            Rejected: -1121, -2013 or -6028.
        """
        self.advance(now_ms)
        state = self.state
        order = matching.cancel(state, state.account(account), symbol, order_id, client_order_id, state.now_ms)
        return self._order(order, "cancel-batch" if batch else "cancel")

    def _order(self, order: ExchangeOrder, answer: str) -> dict[str, Any]:
        now = order.state()
        assert now is not None
        return views.order_view(order, now, answer, self.switches.generation)

    def cancel_symbol(self, account: str, symbol: str, now_ms: int) -> int:
        """Cancels all open orders of a symbol; how many. Raises Rejected for an unknown one."""
        self.advance(now_ms)
        self.state.contract(symbol)
        return matching.cancel_all(self.state, self.state.account(account), self.state.now_ms, symbol=symbol)

    def cancel_underlying(self, account: str, underlying: str, now_ms: int) -> int:
        """Cancels all open orders of an underlying; how many. Raises Rejected for an unknown one."""
        self.advance(now_ms)
        self._known(underlying)
        return matching.cancel_all(self.state, self.state.account(account), self.state.now_ms, underlying=underlying)

    # --- Kill switch -------------------------------------------------------------------------------------------------

    def set_kill_switch(self, account: str, underlying: str, countdown_ms: int, now_ms: int) -> dict[str, Any]:
        """Starts, restarts or with 0 ends a countdown. Raises Rejected."""
        self.advance(now_ms)
        state = self.state
        return timers.set_kill_switch(state, state.account(account), underlying, countdown_ms, state.now_ms)

    def get_kill_switches(self, account: str, underlying: str | None = None) -> Any:
        """
        The running countdowns.

        The page shows one object, so one that runs is an object and none is an empty one. How several look is not
        documented: here, a list.
        """
        if underlying is not None:
            self._known(underlying)
        running = [
            {"underlying": name, "countdownTime": switch.countdown_ms}
            for name, switch in self.state.account(account).kill_switches.items()
            if underlying in {None, name}
        ]
        if len(running) > 1:
            return running
        return running[0] if running else {}

    def heartbeat(self, account: str, underlyings: Sequence[str], now_ms: int) -> dict[str, Any]:
        """Restarts running countdowns; answers those that were running."""
        self.advance(now_ms)
        return timers.heartbeat(self.state, self.state.account(account), underlyings, self.state.now_ms)

    # --- Market maker protection -------------------------------------------------------------------------------------

    def set_protection(
        self,
        account: str,
        underlying: str,
        *,
        window_ms: int,
        frozen_ms: int,
        quantity_limit: Decimal,
        delta_limit: Decimal,
        now_ms: int,
    ) -> dict[str, Any]:
        """`POST /eapi/v1/mmpSet`. Raises Rejected."""
        self.advance(now_ms)
        return protection_calls.configure(
            self.state,
            self.state.account(account),
            underlying,
            window_ms=window_ms,
            frozen_ms=frozen_ms,
            quantity_limit=quantity_limit,
            delta_limit=delta_limit,
        )

    def protection(self, account: str, underlying: str, now_ms: int, *, reset: bool = False) -> dict[str, Any]:
        """`GET /eapi/v1/mmp`, and `POST /eapi/v1/mmpReset` with `reset`. Raises Rejected."""
        self.advance(now_ms)
        return protection_calls.ask(self.state, self.state.account(account), underlying, reset=reset)

    # --- Time and events ---------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """Return when time alone brings something again. Prices are left out: they move when somebody looks."""
        return self.state.scheduler.due_ms()

    def advance(self, now_ms: int) -> None:
        """Does all that is due, each thing at its own time. A time that has passed already changes nothing."""
        timers.advance(self.state, now_ms)

    def take_events(self) -> list[Emission]:
        """The events since the last call, oldest first."""
        return self.state.outbox.take()

    # --- Queries of an account ---------------------------------------------------------------------------------------

    @property
    def keep_history(self) -> bool:
        """True where `as_of_ms` is answered exactly. Times before it was turned on are answered with the present."""
        return self.state.keep_history

    @keep_history.setter
    def keep_history(self, keep: bool) -> None:
        if keep and not self.state.keep_history:
            for account in self.state.accounts.values():
                if not account.quiet and account.balance_past is None:
                    account.keep_past(self.state.now_ms)
        self.state.keep_history = keep

    def open_orders(self, account: str, symbol: str | None = None, **window: Unpack[Window]) -> list[dict[str, Any]]:
        """`GET /eapi/v1/openOrders`."""
        return queries.open_orders(self.state, self.state.account(account), symbol, window)

    def history_orders(
        self, account: str, symbol: str, *, now_ms: int, **window: Unpack[Window]
    ) -> list[dict[str, Any]]:
        """`GET /eapi/v1/historyOrders`."""
        return queries.history_orders(self.state, self.state.account(account), symbol, now_ms, window)

    def order(
        self,
        account: str,
        symbol: str,
        *,
        now_ms: int,
        order_id: int | None = None,
        client_order_id: str | None = None,
        as_of_ms: int | None = None,
    ) -> dict[str, Any]:
        """`GET /eapi/v1/order`."""
        return queries.one_order(
            self.state,
            self.state.account(account),
            symbol,
            order_id=order_id,
            client_order_id=client_order_id,
            now_ms=now_ms,
            as_of_ms=as_of_ms,
        )

    def user_trades(
        self, account: str, symbol: str | None = None, *, now_ms: int, **window: Unpack[Window]
    ) -> list[dict[str, Any]]:
        """`GET /eapi/v1/userTrades`. `from_id` is in the space of `id`."""
        return queries.user_trades(self.state, self.state.account(account), symbol, now_ms, window)

    def bill(
        self, account: str, currency: str = "USDT", *, now_ms: int, **window: Unpack[Window]
    ) -> list[dict[str, Any]]:
        """`GET /eapi/v1/bill`."""
        return queries.bill(self.state, self.state.account(account), currency, now_ms, window)

    def exercise_record(
        self, account: str, symbol: str | None = None, **window: Unpack[Window]
    ) -> list[dict[str, Any]]:
        """`GET /eapi/v1/exerciseRecord`."""
        return queries.exercise_record(self.state, self.state.account(account), symbol, window)

    def margin_account(self, account: str, now_ms: int, as_of_ms: int | None = None) -> dict[str, Any]:
        """`GET /eapi/v1/marginAccount`."""
        self.state.prices.move_to(now_ms)
        return account_views.margin_account(self.state, self.state.account(account), now_ms, as_of_ms)

    def legacy_account(self, account: str, now_ms: int, as_of_ms: int | None = None) -> dict[str, Any]:
        """`GET /eapi/v1/account`, until January 2026."""
        self.state.prices.move_to(now_ms)
        return account_views.legacy_account(self.state, self.state.account(account), now_ms, as_of_ms)

    def position(
        self, account: str, *, now_ms: int, symbol: str | None = None, as_of_ms: int | None = None
    ) -> list[dict[str, Any]]:
        """`GET /eapi/v1/position`."""
        self.state.prices.move_to(now_ms)
        return queries.positions(self.state, self.state.account(account), symbol=symbol, as_of_ms=as_of_ms)

    def commission(self, account: str) -> dict[str, Any]:
        """`GET /eapi/v1/commission`."""
        self.state.account(account)
        maker_rate = FEE_RATE if self.switches.maker_fee else ZERO
        return views.commission_view(self.state.underlyings, maker_rate, FEE_RATE)

    # --- Public queries ----------------------------------------------------------------------------------------------

    def exchange_info(self, now_ms: int) -> dict[str, Any]:
        """`GET /eapi/v1/exchangeInfo`."""
        state = self.state
        contracts = [book.contract for book in state.books.values()]
        return info_views.exchange_info(state.underlyings.values(), contracts, self.switches, now_ms)

    def symbols(self) -> list[str]:
        """Return the symbols that trade now."""
        return list(self.state.books)

    def depth(self, symbol: str, limit: int = 100) -> dict[str, Any]:
        """Bids and asks, best first. Raises Rejected for a symbol that doesn't trade."""
        book = self.state.book(symbol)
        bids, asks = book.depth(limit)
        return {"bids": bids, "asks": asks, "T": self.state.now_ms, "lastUpdateId": book.update_id}

    def _chosen(self, symbol: str | None) -> list[Book]:
        """The book of a symbol, or all. Raises Rejected."""
        return list(self.state.books.values()) if symbol is None else [self.state.book(symbol)]

    def tickers(self, symbol: str | None, now_ms: int) -> list[dict[str, Any]]:
        """`GET /eapi/v1/ticker`. Raises Rejected."""
        self.state.prices.move_to(now_ms)
        return [market_views.ticker(self.state, book, now_ms) for book in self._chosen(symbol)]

    def marks(self, symbol: str | None, now_ms: int) -> list[dict[str, Any]]:
        """`GET /eapi/v1/mark`. Raises Rejected."""
        self.state.prices.move_to(now_ms)
        return [market_views.mark(self.state, book) for book in self._chosen(symbol)]

    def public_trades(self, symbol: str, limit: int, from_id: int | None = None) -> list[dict[str, Any]]:
        """`GET /eapi/v1/trades` and `historicalTrades`. Raises Rejected."""
        self.state.book(symbol)
        generation = self.switches.generation
        return [market_views.trade(each, generation) for each in self.state.tape.trades(symbol, limit, from_id)]

    def klines(
        self,
        symbol: str,
        interval: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int,
        now_ms: int,
    ) -> list[dict[str, Any]]:
        """`GET /eapi/v1/klines`. Raises Rejected."""
        contract = self.state.book(symbol).contract
        return market_views.klines(
            self.state, contract, interval, start_ms=start_ms, end_ms=end_ms, limit=limit, now_ms=now_ms
        )

    def open_interest(self, base: str, expiration: str, now_ms: int) -> list[dict[str, Any]]:
        """`GET /eapi/v1/openInterest`. Raises Rejected."""
        found = market_views.open_interest(self.state, base, expiration)
        return market_views.open_interest_rows(found, now_ms)

    def exercise_history(self, underlying: str | None, **window: Unpack[Window]) -> list[dict[str, Any]]:
        """`GET /eapi/v1/exerciseHistory`. Raises Rejected."""
        if underlying is not None:
            self._known(underlying)
        return queries.settlements(self.state, underlying, window)

    def index_price(self, underlying: str) -> Decimal:
        """Return the index price of an underlying, USDT. Raises Rejected for an unknown one."""
        self._known(underlying)
        return self.state.prices.index(underlying)

    def mark_price(self, symbol: str) -> Decimal:
        """Return the model's value of a contract, USDT. Raises Rejected for a symbol that doesn't trade."""
        return self.state.prices.quote(self.state.book(symbol).contract).mark

    def reference_price(self, symbol: str) -> Decimal:
        """The mark, on the symbol's grid of prices and at least the lowest of them: a price for an order."""
        tick = self.state.book(symbol).contract.underlying.tick
        return max(tick, (self.mark_price(symbol) / tick).quantize(Decimal(1)) * tick)

    def _known(self, underlying: str) -> None:
        if underlying not in self.state.underlyings:
            raise rejected(rejections.BAD_CONTRACT)
