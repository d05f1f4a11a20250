"""The lag of REST: by how much its lists are behind what the stream brought, and behind one another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from listenkey.core import actions as do
from listenkey.core import reconciliation, rest_history
from listenkey.core.account_state import AccountState
from listenkey.core.bill import Bill
from listenkey.core.deduplicator import Held
from listenkey.core.lateness import NewestFill
from listenkey.core.reconciliation import Lists
from listenkey.core.timing import Timing
from listenkey.core.undelivered import UndeliveredFills
from listenkey.errors import VenueError
from listenkey.events import OrderTradeUpdate
from listenkey.stream.audit import NO_ROW_AFTER_S, Audits
from listenkey.stream.backfill import Backfill
from listenkey.stream.windows import Windows
from listenkey.transport.clock import Clock

LAG_POLL_S: Final = 0.4
"""Between two looks at whether REST has caught up."""


class RestLag:
    """
    Tells by how much REST lags during the recovery of one gap: an answer from before the gap's end shows no loss.

    Args:
        backfill: What asks REST.
        windows: Spans of the venue's time.
        audits: Know whether the bill shows fills, and which trades are outstanding.
        account_state: What was delivered.
        clock: For all times.
        timing: `lag_hold_s`, `lag_max_s`.
    """

    __slots__ = ("_account_state", "_audits", "_backfill", "_clock", "_seen_lag_ms", "_timing", "_unshown", "_windows")

    def __init__(
        self,
        backfill: Backfill,
        windows: Windows,
        audits: Audits,
        account_state: AccountState,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._backfill = backfill
        self._windows = windows
        self._audits = audits
        self._account_state = account_state
        self._clock = clock
        self._timing = timing
        self._unshown: NewestFill | None = None
        self._seen_lag_ms = 0

    def forget(self) -> None:
        """Begin anew: the gap is closed."""
        self._unshown, self._seen_lag_ms = None, 0

    async def of_trades(self, held: Callable[[], Sequence[Held]], gap_ended_ms: int) -> float:
        """
        Return by how much `userTrades` lags, at least; 0 where it shows what we know. Waits a little for it.

        A fill it did not show is what it has to show next, however old that has become. Where it lagged, it must have
        got beyond the end of the gap as well.
        """
        target = self._unshown or self._newest(held())
        give_up_s = self._clock.now_s() + self._timing.lag_hold_s
        while target is not None and not await self._shows(target):
            age_ms = self._windows.now_ms() - target.time_ms
            if self._unshown is not None or self._clock.now_s() >= give_up_s:
                self._unshown, self._seen_lag_ms = target, max(self._seen_lag_ms, age_ms)
                return self._of_venue_s(max(age_ms, 1))
            await asyncio.sleep(LAG_POLL_S)
        self._unshown = None
        behind_ms = self._windows.now_ms() - gap_ended_ms
        if target is None or target.time_ms >= gap_ended_ms or behind_ms >= self._seen_lag_ms:
            return 0.0
        return self._of_venue_s(self._seen_lag_ms)

    def of_lists(self, bill: Bill, found: UndeliveredFills, asked: Iterable[str], lists: Lists) -> float:
        """Return by how many seconds `userTrades` lags behind the bill; trades it does not list become outstanding."""
        near_ms = rest_history.NEAR_MAX_MS
        fills = self._account_state.fills.times(lists.since_ms - near_ms, lists.until_ms + near_ms)
        for row in reconciliation.missing(found.rows, self._account_state, lists.until_ms + near_ms):
            fills.setdefault(row.fill.symbol, []).append(row.fill.trade_time_ms)
        compared = rest_history.compare(bill, fills, lists.since_ms, lists.until_ms, near_ms)
        left = reconciliation.unlisted(compared.unexplained, found.newest.values(), lists.unread)
        outstanding, oldest_ms = self._audits.outstanding, None
        for symbol in asked:
            since_ms = outstanding.since_ms(symbol)
            if symbol not in left and since_ms is not None and since_ms >= lists.since_ms:
                outstanding.settle(symbol)
        for symbol, (times, why) in left.items():
            outstanding.note(symbol, times, why)
            if symbol not in lists.unread:
                oldest_ms = min(times) if oldest_ms is None else min(oldest_ms, *times)
        return 0.0 if oldest_ms is None else self._of_venue_s(self._windows.now_ms() - oldest_ms)

    def of_bill(self, bill: Bill, lists: Lists, action: do.Recover) -> float:
        """Return by how many seconds the bill lags, or ends early because a page was full."""
        lag_s = self._unshown_s(bill, lists, action)
        return max(lag_s, self._of_venue_s(self._windows.now_ms() - bill.newest_ms)) if bill.is_full else lag_s

    def _unshown_s(self, bill: Bill, lists: Lists, action: do.Recover) -> float:
        """
        Return by how many seconds the bill lags: it lacks a row for a delivered fill from before the gap's end.

        Where some of its rows can't be read, one of these may be that row.
        """
        if bill.unreadable:
            return 0.0
        compared = self._audits.matching.compare(bill, lists.since_ms, lists.until_ms)
        if compared.unshown_ms is None or not self._audits.matching.shows_fills:
            return 0.0
        age_ms = self._windows.now_ms() - compared.unshown_ms
        is_over = compared.unshown_ms > self._windows.of_wall(action.to_ms) or self._of_venue_s(age_ms) > NO_ROW_AFTER_S
        return 0.0 if is_over else self._of_venue_s(age_ms)

    async def _shows(self, fill: NewestFill) -> bool:
        """Return True where `userTrades` shows this fill, or refuses to say."""
        try:
            page = await self._backfill.urgent.user_trades(fill.symbol, from_ms=fill.time_ms)
        except VenueError as error:
            if type(error) is not VenueError:
                raise
            return True  # It shows nothing of this symbol; the bill says whether anything is missing.
        key = (fill.symbol, fill.trade_id, fill.order_id)
        # A later one will do: a fill that the socket alone knows under this id would else be waited for without end. And
        # one that can't be read may be it: the list is asked for next, and the row is named.
        return bool(page.unreadable) or any(
            reconciliation.key_of(row) == key or row.fill.trade_time_ms > fill.time_ms for row in page
        )

    def _newest(self, held: Iterable[Held]) -> NewestFill | None:
        """The newest fill the stream brought, unless it is so old that REST must show it."""
        newest = self._account_state.newest
        for one in held:
            event = one.event
            if isinstance(event, OrderTradeUpdate) and event.is_fill:
                fill = NewestFill(event.symbol, event.trade_id, event.order_id, event.trade_time_ms)
                newest = fill if newest is None or fill.time_ms >= newest.time_ms else newest
        oldest_ms = self._windows.now_ms() - self._windows.venue_ms(self._timing.lag_max_s)
        return newest if newest is not None and newest.time_ms >= oldest_ms else None

    def _of_venue_s(self, venue_ms: int) -> float:
        return venue_ms / self._windows.venue_ms(1.0)
