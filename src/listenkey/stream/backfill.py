"""Request the lists of many symbols: a refusal for one is noted, and stops none of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from listenkey import venue
from listenkey.core import reconciliation
from listenkey.core.account_state import AFTER_ALL, AccountState, OrderKey
from listenkey.core.budget import Priority
from listenkey.core.reconciliation import Lists
from listenkey.core.undelivered import UndeliveredFills, UndeliveredOrders
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, ProtocolError, TimedOut, VenueDown, VenueError
from listenkey.outcomes import Loss
from listenkey.rest import rate_limiter
from listenkey.rest.account_client import AccountClient
from listenkey.rest.account_log import AccountLog
from listenkey.rest.bounded_gather import together
from listenkey.transport.clock import Clock
from listenkey.venue import RestLimits, Venue
from listenkey.wire.rows import OrderRow, RowPage, TradeRow

R = TypeVar("R")

Deliver: TypeAlias = Callable[[], Awaitable[None]]
"""Has what was collected so far delivered, and makes room for more."""

LISTS_A_PART: Final = 8
"""Lists of ended orders, a thousand rows each, that are read before anybody looks at how much was collected."""

FAILED_MAX: Final = 3
"""Symbols whose lists may break down before the others are not asked for any more."""

SINGLE_ORDERS_MAX: Final = 20
"""Orders asked for one by one in one recovery, when neither list has them."""


class Backfill:
    """
    Asks REST for what one account's stream missed.

    Args:
        credentials: With something to sign with.
        place: The venue.
        clock: For all times.
        known: What was delivered.
        log: Where failures are told.
        limits: The limits of REST's lists.

    Attributes:
        limits: The same.
        limiter: What keeps all requests of this address below the limit; its `time` is the venue's clock.
        urgent: Reads with the right of a recovery.
        settling: Reads that look again at a gap that is closed.
        steady: Reads that can wait.
        rules: Reads that all others may have to wait for.
    """

    def __init__(
        self,
        credentials: Credentials,
        place: Venue,
        clock: Clock,
        known: AccountState,
        log: AccountLog,
        limits: RestLimits,
    ) -> None:
        self.log = log
        self.limiter = rate_limiter.share(place, clock)
        self.time = self.limiter.time
        self._clock = clock
        self._known = known
        self.limits = limits
        self._reads_limit = False
        self.urgent = self._snapshots(credentials, place, Priority.RECOVERY)
        self.settling = self._snapshots(credentials, place, Priority.SETTLE)
        self.steady = self._snapshots(credentials, place, Priority.STEADY)
        # What time it is and how much may be asked is asked first: all the rest may have to wait for the answers.
        self.rules = self._snapshots(credentials, place, Priority.KEYS)

    def _snapshots(self, credentials: Credentials, place: Venue, priority: Priority) -> AccountClient:
        return AccountClient(
            credentials, place.rest_url, self.limiter.lane(priority, self._risk), self._clock, self.time, self.limits
        )

    def _risk(self) -> tuple[int, ...]:
        return self._known.risk

    async def aclose(self) -> None:
        """Give the limiter back."""
        await rate_limiter.release(self.limiter)

    # --- rules ---------------------------------------------------------------------------------------------------

    async def read_time(self) -> None:
        """Compare clocks, where that is due."""
        if self.time.stale(self._clock.now_s()):
            await self.rules.read_time()

    async def read_limit(self) -> None:
        """Read the weight limit, where that is due."""
        if self.limiter.limit_reading.is_stale(self._clock.now_s()):
            await self._read_limit()

    async def _read_limit(self) -> None:
        try:
            self.limiter.note_limit(await self.rules.weight_limit())
        except ProtocolError as error:
            # The limit that was assumed so far holds on; who wanted to know it has other things to ask for.
            self.log.info("the weight limit could not be read yet: %s", error)

    async def find_room(self, symbols: Sequence[str]) -> None:
        """Read the weight limit before a recovery waits for room under one that is only assumed, or breaks an old one."""
        weight = len(symbols) * venue.WEIGHTS[venue.USER_TRADES_PATH] + self._orders_weight(symbols)
        if self.limiter.limit_reading.is_doubted or not self.limiter.has_room(weight, Priority.RECOVERY):
            try:
                await self.read_limit()
            except ListenKeyError as error:
                self.log.info("the weight limit could not be read yet: %s", error)

    async def _look_for_more_room(self, weight: int) -> None:
        """Read a lowered limit again where a request of a recovery waits for it: it may be higher by now."""
        limiter = self.limiter
        holds_up = limiter.limit_reading.may_be_raised(self._clock.now_s()) and not limiter.has_room(
            weight, Priority.RECOVERY
        )
        if self._reads_limit or not holds_up:
            return
        self._reads_limit = True
        try:
            await self._read_limit()
        except ListenKeyError as error:
            self.log.info("the weight limit could not be read yet: %s", error)
        finally:
            self._reads_limit = False

    def has_room_for_orders(self, symbols: Iterable[str]) -> bool:
        """Return True where `orders` of these symbols can be asked for now."""
        return self.limiter.has_room(self._orders_weight(symbols), Priority.RECOVERY)

    def _orders_weight(self, symbols: Iterable[str]) -> int:
        """Return the weight that `orders` may cost, without the orders it asks for one by one."""
        count = len(self._symbols_with_orders(symbols))
        alive = min(count, venue.OPEN_ORDERS_ALL_WEIGHT) * venue.WEIGHTS[venue.OPEN_ORDERS_PATH]
        return alive + count * venue.WEIGHTS[venue.HISTORY_ORDERS_PATH]

    def _symbols_with_orders(self, symbols: Iterable[str]) -> list[str]:
        return list(dict.fromkeys([*(facts.symbol for facts in self._known.orders.values()), *symbols]))

    # --- lists ---------------------------------------------------------------------------------------------------

    async def trades_of(
        self,
        snapshots: AccountClient,
        symbols: Sequence[str],
        lists: Lists,
        fills: UndeliveredFills,
        since_ms: int | None = None,
    ) -> None:
        """
        Collect the fills of symbols, from `since_ms` or else the beginning of the lists on.

        Raises:
            ListenKeyError: For a symbol whose list broke down, when those of the others are collected.
        """
        from_ms = lists.since_ms if since_ms is None else since_ms
        if "" in symbols:
            await self._trades_of_all(snapshots, [symbol for symbol in symbols if symbol], lists, fills, from_ms)
            return

        async def ask(symbol: str) -> list[TradeRow]:
            await self._look_for_more_room(venue.WEIGHTS[venue.USER_TRADES_PATH])
            try:
                await snapshots.trades_since(symbol, from_ms, fills.add)
            except VenueError as error:
                if error.code != venue.Code.SEARCH_WINDOW:
                    raise
                lists.forgotten = True
                lists.refused.append(
                    reconciliation.TRADES_TOO_OLD
                )  # It keeps less than it says, or our clock is wrong.
                page = await snapshots.user_trades(symbol)
                fills.add(page)
                if page.unreadable:
                    raise ProtocolError(page.unreadable[0].why, is_of_row=True) from None
            return []

        failed: list[ListenKeyError] = []

        async def fills_of(symbol: str) -> list[TradeRow]:
            try:
                return await self._fills_of(ask, symbol, lists)
            except (VenueDown, TimedOut, ProtocolError) as error:
                failed.append(error)
                if len(failed) > FAILED_MAX:
                    raise  # It is not one symbol that is broken.
                return []

        await together([fills_of(symbol) for symbol in symbols])
        if failed:
            raise failed[0]

    async def _trades_of_all(
        self, snapshots: AccountClient, symbols: Sequence[str], lists: Lists, fills: UndeliveredFills, from_ms: int
    ) -> None:
        """Read the trades of all symbols at once, as REST allowed before 2026, when the bill named no symbols."""
        try:
            await snapshots.trades_since(None, from_ms, fills.add)
        except ProtocolError as error:
            if not error.is_of_row:
                raise
            refused = reconciliation.unreadable_row(Loss.FILLS_REFUSED, "fills", "", error.what)
            lists.refused.append(refused)
            lists.unread[""] = refused.text
            return
        except VenueError as error:
            if type(error) is not VenueError:
                raise
        else:
            return
        # It names them by now, or nobody can say which they are.
        named = reconciliation.contracts(await snapshots.bill_since(from_ms), from_ms, AFTER_ALL)
        if named[""]:
            lists.refused.append(reconciliation.NO_SYMBOLS)
            lists.unread[""] = reconciliation.NO_SYMBOLS.text
        named_only = list(dict.fromkeys([*filter(None, named), *symbols]))
        await self.trades_of(snapshots, named_only, lists, fills, from_ms)

    async def orders(
        self,
        symbols: Iterable[str],
        traded: Iterable[OrderKey],
        lists: Lists,
        found: UndeliveredOrders,
        deliver: Deliver,
    ) -> None:
        """
        Collect the orders that are still open, and for each that is not, the row that says how it ended.

        Args:
            symbols: Of which to ask for lists.
            traded: The orders of the fills that were missed.
            lists: Where refusals are noted.
            found: Where the rows go.
            deliver: Called where that is full.
        """
        wanted = self._symbols_with_orders(symbols)
        if len(wanted) > reconciliation.OPEN_ORDERS_ONE_BY_ONE_MAX:
            every = await self.urgent.open_orders(None)
            lists.refused += reconciliation.unreadable_rows(Loss.ORDERS, "orders", "", every.unreadable)
            rows: list[OrderRow] = every
        else:
            pages = await together([self._orders_of(self.urgent.open_orders, symbol, lists) for symbol in wanted])
            rows = [row for page in pages for row in page]
        live = {reconciliation.order_key_of(row.order) for row in rows}
        lost = dict.fromkeys(key for key in (*self._known.orders, *traded) if key not in live)
        found.add(rows)
        ended_in = list(dict.fromkeys(symbol for symbol, _ in lost))
        for at in range(0, len(ended_in), LISTS_A_PART):
            asked = ended_in[at : at + LISTS_A_PART]
            for page in await together([self._orders_of(self.urgent.history_orders, one, lists) for one in asked]):
                ended = {key: row for row in page if (key := reconciliation.order_key_of(row.order)) in lost}
                found.add(ended.values())
                for key in ended:
                    del lost[key]
            if found.is_full:
                await deliver()
        singles = await together([self._one_order(*which, lists) for which in list(lost)[:SINGLE_ORDERS_MAX]])
        if len(lost) > SINGLE_ORDERS_MAX:
            lists.refused.append(reconciliation.not_asked_for(len(lost) - SINGLE_ORDERS_MAX))
        found.add(row for row in singles if row is not None)

    async def _one_order(self, symbol: str, order_id: int, lists: Lists) -> OrderRow | None:
        """
        An order that is in neither list; None where REST does not know it any more, or not yet.

        It is a loss of this gap, and of no later one: an order so old that this can't be a lag is let go.
        """
        what = f"order {order_id}"
        try:
            return await self.urgent.order(symbol, order_id)
        except ProtocolError as error:
            if not error.is_of_row:
                raise
            lists.refused.append(reconciliation.unreadable_row(Loss.ORDERS, what, symbol, error.what))
            return None
        except VenueError as error:
            if type(error) is not VenueError:
                raise
            is_unknown = error.code == venue.Code.NO_SUCH_ORDER
            if is_unknown:
                self._known.let_go(
                    (symbol, order_id), lists.until_ms - round(self.limits.unfilled_orders_kept_s * 1000)
                )
            lists.refused.append(
                reconciliation.unknown(Loss.ORDERS, what, symbol)
                if is_unknown
                else reconciliation.refuses(Loss.ORDERS, what, symbol, error.code)
            )
            return None

    async def _fills_of(self, ask: Callable[[str], Coroutine[Any, Any, list[R]]], symbol: str, lists: Lists) -> list[R]:
        """
        Return one symbol's fills, and note where there are none to be had.

        A symbol the venue does not serve any more, or whose list has an unreadable row, keeps no other from theirs.
        """
        try:
            return await ask(symbol)
        except ProtocolError as error:
            if not error.is_of_row:
                raise
            refused = reconciliation.unreadable_row(Loss.FILLS_REFUSED, "fills", symbol, error.what)
        except VenueError as error:
            if type(error) is not VenueError:
                raise
            refused = reconciliation.refuses(Loss.FILLS_REFUSED, "fills", symbol, error.code)
        lists.unread[symbol] = refused.text
        lists.refused.append(refused)
        return []

    async def _orders_of(
        self, ask: Callable[[str], Coroutine[Any, Any, RowPage[R]]], symbol: str, lists: Lists
    ) -> list[R]:
        """Ask for a list of a symbol's orders, noting a refusal and unreadable rows as `_fills_of` does."""
        await self._look_for_more_room(venue.WEIGHTS[venue.HISTORY_ORDERS_PATH])
        try:
            page = await ask(symbol)
        except VenueError as error:
            if type(error) is not VenueError:
                raise
            lists.refused.append(reconciliation.refuses(Loss.ORDERS, "orders", symbol, error.code))
            return []
        lists.refused += reconciliation.unreadable_rows(Loss.ORDERS, "orders", symbol, page.unreadable)
        return page
