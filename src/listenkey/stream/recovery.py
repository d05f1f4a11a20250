"""
Asks REST for what one account's stream missed. The decisions are in `core.reconciliation`; here they meet the answers.

Fill first: the bill says which symbols traded (one row a trade, weight 1 for the whole account), `userTrades` says
what, symbol by symbol; orders come after. Every list is asked from a little before the gap, so that what was delivered
already shows whether REST is up to date.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconciliation
from listenkey.core.account_state import AccountState, FillIndex, OrderKey
from listenkey.core.bill import Bill
from listenkey.core.deduplicator import Held
from listenkey.core.gap_recovery import OVERLAP_S
from listenkey.core.gaps import Resumed
from listenkey.core.loss_detector import LossDetector
from listenkey.core.reconciliation import Delivery, Findings, Lists, OrdersDue
from listenkey.core.retry_policy import classify
from listenkey.core.timing import Timing
from listenkey.core.undelivered import UndeliveredFills, UndeliveredOrders
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError
from listenkey.outcomes import Loss
from listenkey.rest.account_log import AccountLog
from listenkey.rest.bounded_gather import both
from listenkey.rest.proof import SecretProof
from listenkey.stream.audit import Audits
from listenkey.stream.backfill import Backfill
from listenkey.stream.loss_monitor import LossMonitor
from listenkey.stream.rest_lag import RestLag
from listenkey.stream.windows import DAY_S, Windows
from listenkey.transport.clock import Clock
from listenkey.venue import RestLimits, Venue
from listenkey.wire.rows import PositionRow, RowPage, TradeRow

COVERED_MARGIN_S: Final = 2.0
"""The last of it is asked for in any case: where a gap begins is known as well as clocks agree."""

CLOCKS_DIFFER_S: Final = 1.0
"""A trade so far in the future shows that our idea of the venue's time is wrong."""

TRADED_MAX: Final = 65_536
"""Orders of the fills that one gap missed, of which it is asked what became of them."""

WITH_FILLS_MAX: Final = 200
"""Orders that are asked for together with the fills. More of them take their time, and fills do not wait for them."""

DeliverPart: TypeAlias = Callable[[on.RecoveredPart], Awaitable[None]]
DeliverFindings: TypeAlias = Callable[[Findings], Awaitable[None]]


class Listing(NamedTuple):
    """
    A recovery whose fills were all delivered.

    Attributes:
        to_ms: Until when fills were listed, by the venue's clock.
        positions: The quantities that were held then.
    """

    to_ms: int
    positions: Mapping[str, Decimal] | None = None


async def nobody(_: Findings) -> None:
    """Take a part of what was found, and deliver it to nobody."""


def note_orders(traded: dict[OrderKey, None], fills: Iterable[TradeRow]) -> None:
    """Note the orders of fills, as far as there is room: what became of them is asked for later."""
    for row in fills:
        if len(traded) < TRADED_MAX:
            traded[reconciliation.order_key_of(row.fill)] = None


class Recovery:
    """
    Recovers over REST what one stream missed, from its opening to its end.

    Args:
        credentials: With something to sign with.
        place: The venue.
        clock: For all times.
        timing: `lag_hold_s`, `lag_max_s`, `doubt_after_s`.
        fills: The fills that were delivered; shared with what removes duplicates.
        sooner: Called where a loss may be suspected sooner than before.
        log: Where failures are told.
        limits: The limits of REST's lists; those of the documents where there are none.

    Attributes:
        account_state: What was delivered.
        losses: What looks for losses in that.
        findings: What a recovery has found and nobody delivered yet.
        backfill: What asks REST.
        windows: Spans of the venue's time.
        audits: The looks at REST history that come by themselves.
        proof: That the secret is right.
    """

    def __init__(
        self,
        credentials: Credentials,
        place: Venue,
        clock: Clock,
        timing: Timing,
        fills: FillIndex,
        sooner: Callable[[], None],
        log: AccountLog | None = None,
        limits: RestLimits | None = None,
    ) -> None:
        self.account_state = AccountState(fills)
        self.findings: Findings | None = None
        self._clock = clock
        self._suspects: dict[str, None] = {}
        self._orders_due: OrdersDue | None = None
        self._listing: Listing | None = None
        self._listed = Listing(0)
        self._runs = 0
        self._traded: dict[OrderKey, None] = {}
        self.backfill = Backfill(
            credentials, place, clock, self.account_state, log or AccountLog("", clock.now_s), limits or RestLimits()
        )
        self.proof = SecretProof(self.backfill.rules)
        self.windows = Windows(clock, self.backfill.time, place.time_scale, self.account_state, self.backfill.limits)
        detector = LossDetector(timing.doubt_after_s, place.time_scale)
        self.losses = LossMonitor(self.account_state, detector, self.windows, clock, self._suspects, sooner)
        self.audits = Audits(self.backfill, self.windows, self.account_state, detector, clock, timing, self._suspects)
        self._lag = RestLag(self.backfill, self.windows, self.audits, self.account_state, clock, timing)

    async def aclose(self) -> None:
        """Give back the resources shared with other streams."""
        await self.backfill.aclose()

    async def prepare(self) -> None:
        """Compare clocks and read the weight limit, so that neither has to be asked for when it matters."""
        try:
            # The time second: where the secret is tried meanwhile, that has read it by then.
            await self.backfill.read_limit()
            await self.backfill.read_time()
        except ListenKeyError as error:
            # It can wait: the clock is read again when it is needed, the limit by the next audit.
            self.backfill.log.info("the clock or the weight limit could not be read yet: %s", error)

    def follows(self, *, whole: bool) -> None:
        """Another socket is followed; `whole`: there is no gap before it."""
        self.losses.attached()
        self.audits.follows()
        if whole and not self.backfill.time.stale(self._clock.now_s()):
            self.windows.begin_now()

    def resume(self, left: Resumed) -> None:
        """An earlier process has delivered this much."""
        for key in left.records:
            self.account_state.records.add(key)
        self.account_state.resume(left.orders, self._clock.wall_ms() - round(self.backfill.limits.orders_kept_s * 1000))
        self.windows.resume(left)
        self.audits.resume(left)

    def by_venue(self, at_s: float, not_before_ms: int) -> tuple[int | None, int | None]:
        """Return a moment, and since when the stream is to be whole, by the venue's clock; None while it is not known."""
        if self.backfill.time.is_known:
            self.windows.floor(not_before_ms)  # which notes when it began, where that is not known yet
            return self.windows.at(at_s), self.windows.began_ms
        return None, self.windows.began_ms

    # --- recovering ----------------------------------------------------------------------------------------------

    async def recover(
        self,
        action: do.Recover | do.RecoverOrders | do.Poll,
        held: Callable[[], Sequence[Held]],
        deliver_part: DeliverPart,
    ) -> on.Recovered | on.NotRecovered:
        """
        Do the recovery that the action asks for; return its outcome. The findings stay until `delivered`.

        Where it is more than fits into memory, `deliver_part` is told of each part but the last.
        """

        async def deliver(part: Findings) -> None:
            self.findings = part
            newest_ms, oldest_ms = self._summary(held())
            await deliver_part(on.RecoveredPart(action.attempt, newest_ms, oldest_ms))

        try:
            match action:
                case do.Recover():
                    findings = await self.run(action, held, deliver)
                case do.RecoverOrders():
                    findings = await self.run_orders(deliver)
                case do.Poll():
                    findings = await self.audits.poll(action)
        except ListenKeyError as error:
            self.backfill.log.warning("missed events could not be recovered over REST: %s", error)
            return on.NotRecovered(action.attempt, classify(error, self._clock.wall_ms()))
        self.findings = findings
        newest_ms, oldest_ms = self._summary(held())
        return on.Recovered(
            action.attempt,
            findings.lost,
            findings.lag_s <= 0,
            orders_due=findings.orders_due,
            lag_s=findings.lag_s,
            outstanding=self.audits.outstanding.why,
            newest_ms=newest_ms,
            oldest_ms=oldest_ms,
        )

    def _summary(self, held: Sequence[Held]) -> tuple[int, int]:
        """Return when the newest and the oldest update of the findings happened, wall clock; 0 where there is none."""
        happened_ms = [one.event.event_ms or 0 for one in self.combined(held) if one.provenance == "rest"]
        if not happened_ms:
            return 0, 0
        return self.windows.to_wall(max(happened_ms)), self.windows.to_wall(min(happened_ms))

    def combined(self, held: Sequence[Held]) -> list[Delivery]:
        """Return the recovered and the held events in one order."""
        return reconciliation.combined(self.findings or Findings(), held, self.account_state, self._clock.wall_ms())

    def delivered(self, *, closed: bool) -> None:
        """The findings were dealt with; `closed`: and the gap is closed with them."""
        if self._listing is not None and self.findings is not None:
            if all(reconciliation.key_of(row) in self.account_state.fills for row in self.findings.fills):
                self._listed = self._listing
            self._listing = None
        self.findings = None
        if closed:
            self._runs = 0
            self._traded.clear()
            self._lag.forget()
            self._suspects.clear()
            self.windows.closed()
            detector = self.losses.detector
            detector.recovered()
            self.audits.lists.expiries.reported(self._clock.now_s())
            if self._listed.positions is not None:
                flat = detector.adopt(self._listed.positions, self._listed.to_ms, self._clock.now_s())
                self.account_state.settle(flat)

    async def run(
        self, action: do.Recover, held: Callable[[], Sequence[Held]], deliver: DeliverFindings = nobody
    ) -> Findings:
        """
        Ask for missed events: fills first, and orders with them where there is room to ask for both now.

        Args:
            action: The span.
            held: What waits for the new socket to be followed; looked at when it is needed.
            deliver: Takes all but the last part, where it is too much to be kept at once.

        Raises:
            ListenKeyError: What REST raised; nothing is half done, and the whole is asked again later.
        """
        self._orders_due = self._listing = None
        await self.backfill.read_time()
        lag_s = await self._lag.of_trades(held, self.windows.of_wall(action.to_ms))
        since_ms = self.windows.asked_from(action.from_ms, action.not_before_ms)
        forgotten = self.windows.kept_ms() > self.windows.of_wall(action.from_ms)
        lists = Lists(since_ms, self.windows.until(action), [], forgotten, began_ms=self.windows.began_ms or 0)
        bill, positions = await both(self.backfill.urgent.bill_since(since_ms), self.backfill.urgent.positions())
        lists.refused += reconciliation.unreadable_rows(Loss.UNREADABLE, "REST history", "", bill.unreadable)
        lists.refused += reconciliation.unreadable_rows(Loss.UNREADABLE, "positions", "", positions.unreadable)
        covered_ms = max(since_ms, self.windows.covered(action.from_ms), self._listed.to_ms)
        # Where sockets last no second, nothing but these listings says what is held and what was covered.
        owned = self._listed.positions if self._listed.to_ms > self.account_state.last_event_ms else None
        symbols = self._moved(bill, positions, since_ms, covered_ms, owned)
        await self.backfill.find_room(symbols)
        asked, traded = symbols, self._traded
        backlog = await self._fills(action, symbols, lists, traded, deliver)
        had_fills = bool(traded)
        fills = reconciliation.missing(backlog.rows, self.account_state, lists.until_ms)
        note_orders(traded, fills)
        symbols = list(dict.fromkeys([*filter(None, symbols), *(symbol for symbol, _ in traded)]))
        lag_s = max(lag_s, self._lag.of_lists(bill, backlog, asked, lists), self._lag.of_bill(bill, lists, action))
        found = Findings(fills=fills, over_rest=backlog.listed, positions=positions, lag_s=lag_s)
        covered_ms = self.windows.covered(action.from_ms)
        since_live_ms = max(covered_ms, self.windows.began_ms or 0)
        found.records = await self.audits.lists.expiries.records(bill, positions, backlog.rows, since_live_ms, lists)
        if len(traded) >= TRADED_MAX:
            lists.refused.append(reconciliation.TOO_MANY_ORDERS)
        due = OrdersDue(action, symbols, found, lists, traded, had_fills or bool(fills))
        await self._orders_now_or_later(due, deliver)
        if not lag_s:
            # Of a list that lacks a position nobody can say what is held.
            held_now = None if positions.unreadable else reconciliation.quantities(positions)
            self._listing = Listing(lists.until_ms, held_now)
        return found

    async def _orders_now_or_later(self, due: OrdersDue, deliver: DeliverFindings) -> None:
        """Ask for orders with the fills, where there is room; where the sockets of a gap last no second, fills first."""
        self._runs += 1
        if self._runs == 1 and len(due.traded) <= WITH_FILLS_MAX and self.backfill.has_room_for_orders(due.symbols):
            await self._add_orders(due.found, due, deliver)
        else:
            self._orders_due, due.found.orders_due = due, True

    async def _fills(
        self,
        action: do.Recover,
        symbols: Sequence[str],
        lists: Lists,
        traded: dict[OrderKey, None],
        deliver: DeliverFindings,
    ) -> UndeliveredFills:
        """
        List the fills of symbols. Those that are too many to be kept at once are delivered, the earliest first.

        So are those that were listed where the list of another symbol broke down: that may last.
        """
        noted_from_ms = self.windows.of_wall(action.to_ms) - self.windows.venue_ms(OVERLAP_S)
        backlog = UndeliveredFills(self.account_state, lists.began_ms, noted_from_ms)
        left, since_ms = symbols, lists.since_ms
        while True:
            try:
                await self.backfill.trades_of(self.backfill.urgent, left, lists, backlog, since_ms)
            except ListenKeyError:
                if part := reconciliation.missing(backlog.rows, self.account_state, lists.until_ms):
                    note_orders(traded, part)
                    await deliver(Findings(fills=part, over_rest=backlog.listed))
                raise
            left = backlog.left_of(left)
            newest_ms = max((row.fill.trade_time_ms for row in backlog.newest.values()), default=0)
            if newest_ms > self.windows.now_ms() + self.windows.venue_ms(CLOCKS_DIFFER_S):
                lists.until_ms = newest_ms  # Its trades and its `/time` go by different clocks, so no age can be told.
            if not backlog.is_cut:
                return backlog
            part = reconciliation.missing(backlog.rows, self.account_state, lists.until_ms)
            note_orders(traded, part)
            since_ms = backlog.empty()
            await deliver(Findings(fills=part, over_rest=backlog.listed))

    async def run_orders(self, deliver: DeliverFindings = nobody) -> Findings:
        """
        Ask for the outcome of orders, where `run` had to leave that for later.

        Raises:
            ListenKeyError: As `run`.
        """
        due, self._orders_due = self._orders_due, None
        assert due is not None, "asked for once, after what `run` found was delivered"
        found = Findings(over_rest=due.found.over_rest, positions=due.found.positions)  # the lag was seen to already
        await self._add_orders(found, due, deliver)
        return found

    async def _add_orders(self, found: Findings, due: OrdersDue, deliver: DeliverFindings) -> None:
        proving = {reconciliation.order_key_of(row.fill) for row in found.fills}
        backlog = UndeliveredOrders(self.account_state, due.lists.began_ms, due.lists.until_ms, proving)

        async def deliver_orders() -> None:
            part = Findings(found.fills, found.over_rest, backlog.take())
            found.fills = []
            await deliver(part)

        await self.backfill.orders(due.symbols, due.traded, due.lists, backlog, deliver_orders)
        found.orders = backlog.take()
        age_s = (self.windows.now_ms() - self.windows.of_wall(due.action.from_ms)) / 1000
        found.lost = reconciliation.unrecoverable(
            due.lists.refused,
            blind=due.action.blind,
            found=due.had_fills or backlog.was_news or bool(due.found.records),
            orders_forgotten=age_s > self.backfill.limits.orders_kept_s,
            trades_forgotten=due.lists.forgotten,
        )

    def _moved(
        self,
        bill: Bill,
        positions: RowPage[PositionRow],
        since_ms: int,
        covered_ms: int,
        owned: Mapping[str, Decimal] | None,
    ) -> list[str]:
        """
        Return the symbols to ask for: those in the bill since coverage ended, and before that only unexplained rows.

        That the overlap is explained row by row is also what shows that the bill can be relied on.
        """
        before = self.audits.matching.compare(bill, since_ms, covered_ms)
        ever_ms = self.windows.now_ms() + self.windows.venue_ms(DAY_S)
        near_ms = max(since_ms, covered_ms - self.windows.venue_ms(COVERED_MARGIN_S), self._listed.to_ms)
        unread = [row.symbol for row in positions.unreadable]
        billed = [
            *self._suspects,
            *reconciliation.contracts(bill, near_ms, ever_ms),
            *before.unexplained,
            *filter(None, unread),
        ]
        if "" in before.unexplained:
            billed += self.account_state.fills.times(since_ms, covered_ms)
        trusted = (before.explains_all or bool(self._suspects)) and all(unread)
        return reconciliation.moved(
            self.account_state, billed, positions, trusted=trusted, recent_ms=since_ms, before=owned
        )
