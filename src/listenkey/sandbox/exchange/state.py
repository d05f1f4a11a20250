"""The data of the exchange, without behaviour: accounts, books, prices, counters."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from listenkey.sandbox.exchange import rejections
from listenkey.sandbox.exchange.accounts import Account
from listenkey.sandbox.exchange.book import Book
from listenkey.sandbox.exchange.contracts import UNDERLYINGS, Contract, contracts_for, expiries_at
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.outbox import Outbox
from listenkey.sandbox.exchange.pricing import Prices
from listenkey.sandbox.exchange.records import CashMovement, Settlement, Transfer
from listenkey.sandbox.exchange.rejections import rejected
from listenkey.sandbox.exchange.scheduler import Scheduler
from listenkey.sandbox.exchange.tape import DAY_MS, Tape

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.switches import Switches

FIRST_ORDER_ID: Final = 4_611_875_134_427_365_377
"""An id beyond 2^53, so that a client that reads ids into a double is found out. [O general-info] prints this one."""

FIRST_FILL_ID: Final = 4_611_922_413_427_359_795
FIRST_BILL_ID: Final = 1_125_899_906_842_624_000
LISTINGS_MAX: Final = 1_000
SETTLEMENTS_MAX: Final = 10_000
FIRST_USER_ID: Final = 1_000_006_559_949


@dataclass(slots=True)
class Kept:
    """
    The time for which the exchange keeps rows; may be changed while it runs.

    Attributes:
        finished_orders_ms: The time a finished order is in `historyOrders`. [O trade/Query-Option-Order-History]
        unfilled_cancels_ms: The time `order` finds one that was cancelled without a fill. [O trade/Query-Single-Order]
        trades_ms: The age of the oldest rows of `userTrades` and `bill`: three months. [SDK]
    """

    finished_orders_ms: int = 5 * DAY_MS
    unfilled_cancels_ms: int = 3 * DAY_MS
    trades_ms: int = 90 * DAY_MS


class ExchangeState:
    """
    The exchange at one moment.

    Args:
        now_ms: Epoch milliseconds.
        seed: Of prices and of the bots' choices.
        switches: The exchange's manners.
    """

    def __init__(self, now_ms: int, seed: int, switches: Switches) -> None:
        self.now_ms = now_ms
        self.switches = switches
        self.kept = Kept()
        self.rng = random.Random(f"{seed}:bursts")
        self.underlyings = {each.name: each for each in UNDERLYINGS}
        self.prices = Prices(UNDERLYINGS, now_ms, seed)
        self.scheduler = Scheduler()
        self.outbox = Outbox(switches, self.prices, self.scheduler)
        self.accounts: dict[str, Account] = {}
        self.contracts: dict[str, Contract] = {}
        """All contracts that were ever listed; those that trade have a book."""
        self.books: dict[str, Book] = {}
        self.tape = Tape()
        self.opened_ms = now_ms
        self.listings: deque[tuple[Contract, int]] = deque(maxlen=LISTINGS_MAX)
        """Contracts and when they were listed, the newest last."""
        self.listings_made = 0
        self.settlements: deque[Settlement] = deque(maxlen=SETTLEMENTS_MAX)
        """Contracts that are over, the newest last."""
        self.fees_collected = ZERO
        """The fees that the house has taken: with them, money is neither made nor lost."""
        self.keep_history = False
        self._listed: set[int] = set()
        self._last_order_number = FIRST_ORDER_ID - 1
        self._last_order_ids: dict[str, int] = {}
        self._last_fill_id = FIRST_FILL_ID - 1
        self._last_bill_id = FIRST_BILL_ID - 1
        self.list_contracts()

    def list_contracts(self) -> None:
        """Lists the expiries that should be alive and are not yet."""
        for tenor, expiry_ms in enumerate(expiries_at(self.now_ms)):
            if expiry_ms in self._listed:
                continue
            self._listed.add(expiry_ms)
            self.scheduler.put(expiry_ms, "expiry", expiry_ms)
            for underlying in self.underlyings.values():
                for contract in contracts_for(underlying, expiry_ms, tenor, self.prices.index(underlying.name)):
                    self.contracts[contract.symbol] = contract
                    self.books[contract.symbol] = Book(contract)
                    self.listings.append((contract, self.now_ms))
                    self.listings_made += 1

    def add_account(
        self, name: str, deposit: Decimal, *, trade_group_id: int, market_maker: bool, quiet: bool
    ) -> Account:
        """Opens an account with money in it. The opening deposit is in its records; no event tells of it."""
        if name in self.accounts:
            raise ValueError(f"account {name!r} exists")
        account = Account(
            name,
            deposit,
            trade_group_id=trade_group_id,
            market_maker=market_maker,
            quiet=quiet,
            user_id=FIRST_USER_ID + len(self.accounts),
        )
        self.accounts[name] = account
        if not quiet and deposit:
            account.transfers.append(Transfer(deposit, deposit, self.now_ms))
            account.bills.append(CashMovement(self.next_bill_id(), deposit, "TRANSFER", self.now_ms))
        if self.keep_history and not quiet:
            account.keep_past(self.now_ms)
        return account

    def account(self, name: str) -> Account:
        """The account of that name; -5002 when there is none."""
        account = self.accounts.get(name)
        if account is None:
            raise rejected(rejections.NO_ACCESS)
        return account

    def contract(self, symbol: str) -> Contract:
        """The contract of that symbol, expired or not; -1121 when there never was one."""
        contract = self.contracts.get(symbol)
        if contract is None:
            raise rejected(rejections.BAD_SYMBOL)
        return contract

    def readable(self, symbol: str) -> Contract:
        """The contract of a symbol whose orders and trades are asked for; -1121 by the switch when it is over."""
        contract = self.contract(symbol)
        if symbol not in self.books and self.switches.expired_contract_reads == "refused":
            raise rejected(rejections.BAD_SYMBOL)
        return contract

    def book(self, symbol: str) -> Book:
        """Return a symbol's book; -6049 when it has expired, -1121 when it never was."""
        book = self.books.get(symbol)
        if book is None:
            self.contract(symbol)
            raise rejected(rejections.NOT_TRADING)
        return book

    def next_order_id(self, symbol: str) -> tuple[int, int]:
        """
        Return the id of an order of a symbol, and the order's number among all orders.

        The two are the same unless ids count within a contract. An id within a contract is never above the number, so
        that the switch may be turned while the exchange runs.
        """
        self._last_order_number += 1
        order_id = self._last_order_number
        if self.switches.order_ids == "contract":
            order_id = self._last_order_ids.get(symbol, FIRST_ORDER_ID - 1) + 1
        self._last_order_ids[symbol] = order_id
        return order_id, self._last_order_number

    def next_fill_id(self) -> int:
        self._last_fill_id += 1
        return self._last_fill_id

    def next_bill_id(self) -> int:
        self._last_bill_id += 1
        return self._last_bill_id
