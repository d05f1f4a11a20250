"""
Looks at REST history (`bill`) that come by themselves, beside the recovery of a gap.

The bill has a row for each trade of the account and costs 1 to ask for; `userTrades` of a symbol costs 5, and is asked
for only where the bill has more trades than were delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconciliation, rest_history
from listenkey.core.account_state import AccountState
from listenkey.core.gaps import Resumed
from listenkey.core.loss_detector import LossDetector
from listenkey.core.reconciliation import Findings, Lists, Unbrought
from listenkey.core.rest_history import FillMatching, Outstanding
from listenkey.core.retry_policy import classify
from listenkey.core.timing import Timing
from listenkey.core.undelivered import UndeliveredFills
from listenkey.errors import ListenKeyError
from listenkey.outcomes import GapCause, Reason
from listenkey.rest.account_client import AccountClient
from listenkey.rest.bounded_gather import AT_ONCE
from listenkey.stream.backfill import Backfill
from listenkey.stream.expiries import Expiries
from listenkey.stream.order_audit import OrderAudit
from listenkey.stream.windows import AUDIT_IN_FLIGHT_S, Windows
from listenkey.transport.clock import Clock
from listenkey.wire.rows import TradeRow

NO_ROW_AFTER_S: Final = 600.0
"""A fill that REST history has not shown for so long is taken to have no row there."""

AUDITS_MISSED: Final = 2
"""The audits that may fail before the journal stops noting coverage; the next process looks back as far."""


class ListAudits(NamedTuple):
    """The looks at lists of orders and positions, for what the bill does not show."""

    orders: OrderAudit
    expiries: Expiries

    async def look(self, *, settles: bool) -> on.Doubted | on.StreamSilent | None:
        """Ask for the lists that are due; return what was missed, or None. `settles`: the look settles a gap."""
        missed = await self.expiries.look()
        return await self.orders.look() if missed is None and self.orders.is_due(settles=settles) else missed


class Audits:
    """
    Holds REST history against the fills that were delivered.

    Args:
        backfill: Asks for it.
        windows: From when on.
        known: What was delivered.
        detector: Knows which positions are open.
        clock: For all times.
        timing: `audit_every_s`, `lag_hold_s`, `lag_max_s`.
        suspects: Symbols that the next recovery is to ask for are put there; it asks in their order.

    Attributes:
        audited_to_ms: Until when the bill was looked at, by the venue's clock.
        audited_s: When it was.
        outstanding: Trades that REST history shows, that nobody delivered, and that REST does not list.
        matching: Of REST history with the fills that were delivered.
        lists: The looks at lists of orders and positions, which go with those at the bill.
    """

    def __init__(
        self,
        backfill: Backfill,
        windows: Windows,
        known: AccountState,
        detector: LossDetector,
        clock: Clock,
        timing: Timing,
        suspects: dict[str, None],
    ) -> None:
        self.audited_to_ms: int | None = None
        self.audited_s: float | None = None
        self.outstanding = Outstanding()
        self.matching = FillMatching(known.fills)
        self.lists = ListAudits(
            OrderAudit(backfill, windows, known, clock, timing, suspects),
            Expiries(backfill, windows, known, detector, timing, suspects),
        )
        self._backfill = backfill
        self._windows = windows
        self._known = known
        self._clock = clock
        self._timing = timing
        self._suspects = suspects
        self._polled_to_ms: int | None = None
        self._resumed_ms: int | None = None
        self._looked_to_ms = 0
        self._lag_s = 0.0

    def resume(self, left: Resumed) -> None:
        """
        Note until when an earlier process has covered the stream, by its wall clock.

        A gap that it left open may have begun long before, with a loss that REST showed late: then coverage ends there.
        """
        self._resumed_ms = left.covered_until_ms
        if left.covered_until_ms is not None and left.open_since_ms is not None:
            self._resumed_ms = min(left.covered_until_ms, left.open_since_ms)

    def follows(self) -> None:
        """Follow another socket: audit the events from now on, and those not audited before."""
        now_s = self._clock.now_s()
        self.audited_s = self.audited_s or now_s
        self.lists.orders.follows()
        if not self._backfill.time.stale(now_s):
            self.audited_to_ms = self.audited_to_ms or self._first_unaudited()

    def _first_unaudited(self) -> int:
        """Return the time from which the bill is to be looked at, with the part an earlier process could not audit."""
        now_ms = self._windows.now_ms()
        if self._resumed_ms is None:
            return now_ms
        unaudited_ms = self._windows.venue_ms(AUDITS_MISSED * self._timing.audit_every_s)
        resumed_ms = self._windows.resumed_ms()
        if resumed_ms is None:
            resumed_ms = self._windows.of_wall(self._resumed_ms)
        return min(now_ms, resumed_ms) - unaudited_ms

    def is_audited(self, now_s: float) -> bool:
        """
        Return whether the stream is whole as far as REST history says, and that was looked at of late.

        Trades that REST refuses to list are not known to the next process: it has to look back as far as they are.
        """
        late_s = AUDITS_MISSED * self._timing.audit_every_s
        is_recent = self.audited_s is not None and now_s - self.audited_s <= late_s
        return is_recent and not self.outstanding

    async def poll(self, action: do.Poll) -> Findings:
        """
        Fills that happened since the last socket was lost, as far as they are old enough for REST to show all of them.

        Raises:
            ListenKeyError: As `Recovery.run`.
        """
        await self._backfill.read_time()
        since_ms = self._windows.asked_from(action.from_ms, action.not_before_ms)
        if self._polled_to_ms is not None:
            since_ms = max(since_ms, self._polled_to_ms - self._windows.venue_ms(self._timing.lag_max_s))
        found = await self._unbrought(self._backfill.steady, since_ms, self._timing.lag_hold_s)
        self._polled_to_ms = found.until_ms
        return Findings(fills=found.fills, over_rest={reconciliation.key_of(row) for row in found.fills})

    async def _unbrought(
        self, snapshots: AccountClient, since_ms: int, in_flight_s: float, *, until_sure: bool = False
    ) -> Unbrought:
        """
        Fills that were not delivered, in order, of the symbols of which the bill has trades that nothing explains.

        What is younger than `in_flight_s` may still be on its way. `until_sure`: as soon as one is known to be missing,
        no more symbols are asked for: there may be so many that the weight limit makes it wait, and the loss untold.
        """
        bill = await snapshots.bill_since(since_ms)
        if bill.unreadable:
            self._backfill.log.warning("REST history has a row that can't be read: %s", bill.unreadable[0].why)
        until_ms = max(bill.newest_ms, self._windows.now_ms()) - self._windows.venue_ms(in_flight_s)
        if bill.is_full:
            until_ms = min(until_ms, bill.newest_ms - 1)
        compared = self.matching.compare(bill, since_ms, until_ms)
        news = self.outstanding.news(compared.unexplained)
        suspects = self._suspects_in(news, since_ms, until_ms)
        if suspects:
            await self._backfill.find_room(suspects)
        lists = Lists(since_ms, until_ms, [], began_ms=self._windows.began_ms or 0)
        found = Unbrought(until_ms, unshown_ms=compared.unshown_ms, newest_ms=bill.newest_ms)
        fills = UndeliveredFills(self._known, lists.began_ms)
        while suspects and not found.fills:
            some = suspects[: AT_ONCE if until_sure else len(suspects)]
            try:
                await self._backfill.trades_of(snapshots, some, lists, fills)
                suspects = suspects[len(some) :]
            except ListenKeyError:
                if not reconciliation.missing(fills.rows, self._known, until_ms):
                    raise
                found.until_ms = since_ms  # One list broke down: the next look begins there again.
            found.fills = reconciliation.missing(fills.rows, self._known, until_ms)
        found.until_ms = min(found.until_ms, fills.cut_ms)
        found.unasked = suspects
        found.from_ms = reconciliation.first_of(suspects, bill, found.fills, since_ms)
        asked = {symbol: times for symbol, times in news.items() if symbol not in suspects}
        found.unlisted = reconciliation.unlisted(asked, fills.newest.values(), lists.unread)
        if not found.fills and not found.unlisted:
            self.matching.learn(bill, since_ms, until_ms)
        return found

    def _suspects_in(self, unexplained: Mapping[str, Sequence[int]], since_ms: int, until_ms: int) -> list[str]:
        """The symbols to be asked for; rows without a symbol may be anybody's."""
        if "" not in unexplained:
            return list(unexplained)
        traded = self._known.fills.times(since_ms, until_ms)
        return [*dict.fromkeys([*filter(None, unexplained), *traded]), ""]

    async def look(self, action: do.Audit) -> list[on.Audited | on.NotAudited | on.Doubted | on.StreamSilent]:
        """Run `audit`, and return its results as inputs for the lifecycle."""
        try:
            missed = await self.audit(action)
        except ListenKeyError as error:
            self._backfill.log.warning("the bill could not be looked at: %s", error)
            return [on.NotAudited(action.number, classify(error, self._clock.wall_ms()))]
        is_idle = missed is None and self._is_idle()
        audited = on.Audited(action.number, self._lag_s, self.outstanding.why, is_idle=is_idle)
        return [audited] if missed is None else [audited, missed]

    def _is_idle(self) -> bool:
        """Return True where nothing is at stake: no position, no live order, and nothing that REST still owes."""
        known = self._known
        is_owed = self.outstanding or self._lag_s or self.lists.expiries.awaits_any
        return not (known.positions or known.orders or is_owed)

    async def audit(self, action: do.Audit) -> on.Doubted | on.StreamSilent | None:
        """
        Hold the bill against the fills that were delivered, and look closer where it has more of them.

        Returns:
            What to make of it: None where all agrees. Where nothing at all was delivered since the first fill that is
            missing, it is the socket that is dead.
        """
        await self._backfill.read_time()
        await self._backfill.read_limit()
        # What settles a gap comes after the recoveries of accounts with as much at stake; what only looks can wait.
        snapshots = self._backfill.steady if action.from_ms is None else self._backfill.settling
        since_ms, unseen_ms = self._audit_since(action), self._unseen_ms()
        again = await self._ask_again(self._backfill.steady)
        found = await self._unbrought(snapshots, since_ms, AUDIT_IN_FLIGHT_S, until_sure=True)
        self.audited_to_ms, self.audited_s = self._shown_to(found), self._clock.now_s()
        if self._windows.kept_ms() > unseen_ms:
            return on.Doubted(
                self._windows.to_wall(unseen_ms), reconciliation.FORGOTTEN
            )  # what it has is asked for with it
        if not found.fills and not again:
            return self._note_unlisted(found) or await self.lists.look(settles=action.from_ms is not None)
        fills = sorted([*again, *found.fills], key=lambda row: row.fill.trade_time_ms)
        from_ms = min(fills[0].fill.trade_time_ms - 1, found.from_ms if found.fills else fills[0].fill.trade_time_ms)
        self._suspects.update(dict.fromkeys([*(row.fill.symbol for row in fills), *found.unasked]))
        text = f"REST history has {'at least ' * bool(found.unasked)}{len(fills)} fills that no socket brought"
        reason = Reason(GapCause.REST_SHOWS_MORE, text)
        if self._known.last_event_ms < fills[0].fill.trade_time_ms:
            since_ms = min(self._known.last_event_ms or from_ms, from_ms)
            return on.StreamSilent(self._windows.to_wall(since_ms), reason)
        return on.Doubted(self._windows.to_wall(from_ms), reason)

    def _note_unlisted(self, found: Unbrought) -> on.Doubted | None:
        """Report, once, trades that the bill has and REST does not list; they are asked for again."""
        news = [self.outstanding.note(symbol, *which) for symbol, which in found.unlisted.items()]
        if not any(news):
            return None
        times = [time_ms for which, _ in found.unlisted.values() for time_ms in which]
        self._suspects.update(dict.fromkeys(found.unlisted))
        reason = Reason(GapCause.REST_SHOWS_MORE, f"REST history has {len(times)} fills that no socket brought")
        return on.Doubted(self._windows.to_wall(min(times) - 1), reason)

    async def _ask_again(self, snapshots: AccountClient) -> list[TradeRow]:
        """Fills that REST would not list when they were missed, and lists now."""
        until_ms = self._windows.now_ms() - self._windows.venue_ms(AUDIT_IN_FLIGHT_S)
        out: list[TradeRow] = []
        for symbol in self.outstanding.next(AT_ONCE):
            since_ms = max(self.outstanding.since_ms(symbol) or 0, self._windows.floor(0)) - rest_history.NEAR_MAX_MS
            lists = Lists(since_ms, until_ms, [], began_ms=self._windows.began_ms or 0)
            fills = UndeliveredFills(self._known, lists.began_ms)
            await self._backfill.trades_of(snapshots, [symbol], lists, fills)
            missing = reconciliation.missing(fills.rows, self._known, until_ms)
            if not missing and not lists.unread and not self.outstanding.is_ahead_of(symbol, fills.newest.values()):
                self.outstanding.settle(symbol)
            out += missing
        return out

    def _shown_to(self, found: Unbrought) -> int:
        """
        Return the time up to which REST history was looked at for good.

        Not beyond its newest row, nor beyond a fill that it does not show yet: it may lag, and what lies behind may be
        shown later. Only a row proves that it does not, and where nothing is booked, none does.
        """
        oldest_ms = found.until_ms - self._windows.venue_ms(NO_ROW_AFTER_S)
        if found.unshown_ms is None or not self.matching.shows_fills:
            self._lag_s, self._looked_to_ms = 0.0, found.until_ms
        else:
            lag_s = (self._windows.now_ms() - found.unshown_ms) / self._windows.venue_ms(1.0)
            self._lag_s = lag_s if self._timing.lag_max_s < lag_s < NO_ROW_AFTER_S else 0.0
            self._looked_to_ms = max(found.unshown_ms - 1, oldest_ms)
        shown_ms = max(found.newest_ms, self._audited_to())
        return max(min(self._looked_to_ms, shown_ms), oldest_ms)

    def _audit_since(self, action: do.Audit) -> int:
        floor_ms = self._windows.floor(action.not_before_ms)
        since_ms = max(floor_ms, self._audited_to() - self._windows.venue_ms(self._timing.lag_max_s))
        if action.from_ms is not None:
            # Audits may have failed for a while before the gap; what they did not see must not be passed over.
            since_ms = min(since_ms, self._windows.asked_from(action.from_ms, action.not_before_ms))
        return since_ms

    def _audited_to(self) -> int:
        if self.audited_to_ms is None:
            return self._windows.now_ms() - self._windows.venue_ms(self._timing.audit_every_s)
        return self.audited_to_ms

    def _unseen_ms(self) -> int:
        """
        Return the time from which nobody has looked at the bill, or it was seen to lag.

        A part that is looked at again only because nothing shows that it was whole was looked at: that REST forgets it
        meanwhile is no loss.
        """
        to_ms = max(self.audited_to_ms or self._windows.now_ms(), self._looked_to_ms)
        return max(self._windows.began_ms or 0, to_ms - self._windows.venue_ms(self._timing.lag_max_s))
