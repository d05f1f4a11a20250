"""
Asks REST for what one account's stream missed. The decisions are in `core.reconcile`; here they meet the answers.

Fill first: the bill says which symbols traded (one row a trade, weight 1 for the whole account), `userTrades` says
what, symbol by symbol; orders come after. Every list is asked from a little before the gap, so that what was delivered
already shows whether REST is up to date.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from math import inf
from typing import Any, Final, TypeVar

from listenkey import governor as governors
from listenkey import venue
from listenkey.clock import Clock
from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconcile
from listenkey.core.budget import Share
from listenkey.core.gap import Resumed
from listenkey.core.known import AFTER_ALL, Fills, Known, NewestFill
from listenkey.core.merge import Held
from listenkey.core.reconcile import Delivery, Findings, Lists, OrdersDue, Unbrought
from listenkey.core.timing import Timing
from listenkey.core.verdict import judge
from listenkey.core.watch import Watch
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, VenueError
from listenkey.events import Event, OrderTradeUpdate
from listenkey.snapshots import Snapshots
from listenkey.together import AT_ONCE, both, together
from listenkey.venue import Venue
from listenkey.wire.rows import BillRow, OrderRow, PositionRow, TradeRow

log = logging.getLogger("listenkey")

R = TypeVar("R")

OVERLAP_S: Final = 30.0
"""How much of what was surely covered is asked for again: clocks differ, and lists may be a little behind."""

COVERED_MARGIN_S: Final = 2.0
"""The last of it is asked for in any case: where a gap begins is known as well as clocks agree."""

ATTACHED_MARGIN_S: Final = 0.25
"""How far our idea of when a socket took over may be off, by the way the clocks were compared."""

IN_FLIGHT_S: Final = 0.5
"""A fill so young may still be on its way over the socket, whose event has more words than REST."""

AUDIT_IN_FLIGHT_S: Final = 2.0
"""The same for an audit, which comes by itself and should raise no alarm over a slow second."""

AUDITS_MISSED: Final = 2
"""So many may fail before the journal stops noting that the stream is whole; the next process looks back as far."""

CLOCKS_DIFFER_S: Final = 1.0
"""A trade so far in the future shows that our idea of the venue's time is wrong."""

LAG_POLL_S: Final = 0.4
"""Between two looks at whether REST has caught up."""

SINGLE_ORDERS_MAX: Final = 20
"""Orders asked for one by one in one recovery, when neither list has them."""

DAY_S: Final = 24 * 3600
KEPT_MARGIN_S: Final = DAY_S
"""So much of what REST keeps is not asked for: a list that is asked for from too early is refused as a whole."""

BEAT_STOPPED: Final = "a position is open and its beat stopped"


class Recovery:
    """
    What REST can do for one stream, from its opening to its end.

    Args:
        credentials: With something to sign with.
        place: The venue.
        clock: For all times.
        timing: `lag_hold_s`, `lag_max_s`, `doubt_after_s`.
        fills: The fills that were delivered; shared with what removes duplicates.
        sooner: Called where one of `deadlines` has come nearer.

    Attributes:
        known: What was delivered.
        watch: What does not add up.
        findings: What a recovery has found and nobody delivered yet.
    """

    def __init__(
        self,
        credentials: Credentials,
        place: Venue,
        clock: Clock,
        timing: Timing,
        fills: Fills,
        sooner: Callable[[], None],
    ) -> None:
        self.known = Known(fills)
        self.watch = Watch(timing.doubt_after_s, place.time_scale)
        self.findings: Findings | None = None
        self._clock = clock
        self._timing = timing
        self._scale = place.time_scale
        self._sooner = sooner
        self._governor = governors.share(place, clock)
        self._time = self._governor.time
        self._urgent = self._snapshots(credentials, place, Share.RECOVERY)
        self._steady = self._snapshots(credentials, place, Share.STEADY)
        # What time it is and how much may be asked is asked first: all the rest may have to wait for the answers.
        self._rules = self._snapshots(credentials, place, Share.KEYS)
        self._began_ms: int | None = None
        self._audited_to_ms: int | None = None
        self._polled_to_ms: int | None = None
        self._audited_s: float | None = None
        self._resumed_ms: int | None = None
        self._suspects: set[str] = set()
        self._orders_due: OrdersDue | None = None

    def _snapshots(self, credentials: Credentials, place: Venue, share: Share) -> Snapshots:
        lane = self._governor.lane(share, self._risk)
        return Snapshots(credentials, place.rest_url, lane, self._clock, self._time)

    def _risk(self) -> tuple[int, ...]:
        return self.known.risk

    async def aclose(self) -> None:
        """Give the governor back."""
        await governors.release(self._governor)

    async def prepare(self) -> None:
        """Compare clocks and read the weight limit, so that neither has to be asked for when it matters."""
        try:
            await self._read_time()
            await self._read_limit()
        except ListenKeyError as error:
            # It can wait: the clock is read again when it is needed, the limit by the next audit.
            log.info("the clock or the weight limit could not be read yet: %s", error)

    def suspect(self, symbol: str) -> None:
        """Ask for this symbol in the next recovery, whatever else is known."""
        self._suspects.add(symbol)

    # --- watching ------------------------------------------------------------------------------------------------

    def delivering(self, event: Event) -> bool:
        """An event is on its way to the reader: whether it is late."""
        late = self.known.is_late(event)
        self.known.note(event)
        if self.watch.note(event, self._clock.now_s()):
            self._sooner()
        return late

    def delivering_all(self, events: list[Event]) -> set[int]:
        """The same for a batch of what a socket brings: the places of those that are late."""
        late, is_sooner = self.watch.note_all(events, self.known, self._clock.now_s())
        if is_sooner:
            self._sooner()
        return late

    def follows(self, *, whole: bool) -> None:
        """Another socket is followed; `whole`: there is no gap before it."""
        now_s = self._clock.now_s()
        self.watch.reconnected(now_s)
        self._audited_s = self._audited_s or now_s
        if not self._time.stale(now_s):
            self._audited_to_ms = self._audited_to_ms or self._first_unaudited()
            if self._began_ms is None and whole:
                self._began_ms = self._now_ms() - self._time.uncertain_ms

    def resume(self, left: Resumed) -> None:
        """An earlier process has delivered this much."""
        self.known.resume(left.fills)
        self._resumed_ms = left.covered_until_ms

    def _first_unaudited(self) -> int:
        """From when on the bill is to be looked at; what the end of an earlier process kept it from seeing included."""
        now_ms = self._now_ms()
        if self._resumed_ms is None:
            return now_ms
        unaudited_ms = self._venue_ms(AUDITS_MISSED * self._timing.audit_every_s)
        return min(now_ms, self._of_wall(self._resumed_ms)) - unaudited_ms

    def is_audited(self, now_s: float) -> bool:
        """Whether the bill was looked at of late: else nobody may say that all of the stream has come."""
        late_s = AUDITS_MISSED * self._timing.audit_every_s
        return self._audited_s is not None and now_s - self._audited_s <= late_s

    def deadlines(self) -> list[float]:
        """When `doubts` has something to say; at least one moment, which may never come."""
        return [at_s for at_s in (self.watch.due_at_s(), self.watch.silent_at_s()) if at_s is not None] or [inf]

    def doubts(self) -> list[on.Doubted | on.StreamSilent]:
        """What does not add up by now, as facts for the lifecycle; the symbols are suspects."""
        now_s = self._clock.now_s()
        told: list[on.Doubted | on.StreamSilent] = []
        for doubt in self.watch.take_doubts(now_s):
            self.suspect(doubt.symbol)
            told.append(on.Doubted(self._wall(doubt.from_ms), doubt.why))
        if now_s >= (self.watch.silent_at_s() or inf):
            self.known.settle(self.watch.settle(self._now_ms(), now_s))
            if self.watch.silent_at_s() is not None:
                told.append(on.StreamSilent(self._wall(self.known.last_event_ms), BEAT_STOPPED))
            self.watch.reconnected(now_s)
        return told

    # --- recovering ----------------------------------------------------------------------------------------------

    async def recover(
        self, action: do.Recover | do.RecoverOrders | do.Poll, held: Callable[[], Sequence[Held]]
    ) -> on.Recovered | on.NotRecovered:
        """What the action asks for, told as a fact. What was found stays in `findings` until `delivered`."""
        try:
            findings = self.findings = await self._asked(action, held)
        except ListenKeyError as error:
            log.warning("what was missed could not be asked for: %s", error)
            return on.NotRecovered(action.attempt, judge(error, self._clock.wall_ms()))
        happened_ms = [one.event.event_ms or 0 for one in self.combined(held()) if one.provenance == "rest"]
        return on.Recovered(
            action.attempt,
            len(happened_ms),
            findings.unrecoverable,
            findings.complete,
            orders_due=findings.orders_due,
            newest_ms=self._wall(max(happened_ms)) if happened_ms else 0,
        )

    async def _asked(
        self, action: do.Recover | do.RecoverOrders | do.Poll, held: Callable[[], Sequence[Held]]
    ) -> Findings:
        match action:
            case do.Recover():
                return await self.run(action, held)
            case do.RecoverOrders():
                return await self.run_orders()
            case do.Poll():
                return await self.poll(action)

    def combined(self, held: Sequence[Held]) -> list[Delivery]:
        """What was found and what is held, in one order."""
        return reconcile.combined(self.findings or Findings(), held, self.known, self._clock.wall_ms())

    def delivered(self, *, closed: bool) -> None:
        """The findings were dealt with; `closed`: and the gap is closed with them."""
        self.findings = None
        if closed:
            self._suspects.clear()
            self.watch.mended()

    async def run(self, action: do.Recover, held: Callable[[], Sequence[Held]]) -> Findings:
        """
        Ask for what was missed; fills first, and orders with them where there is room to ask for both now.

        Args:
            action: The span.
            held: What waits for the new socket to be followed; looked at when it is needed.

        Raises:
            ListenKeyError: What REST raised; nothing is half done, and the whole is asked again later.
        """
        self._orders_due = None
        await self._read_time()
        complete = await self._has_caught_up(held)
        since_ms = self._since(action)
        lists = Lists(since_ms, self._until(action), [], self._kept_ms() > self._of_wall(action.from_ms))
        bill, positions = await both(self._urgent.bill_since(since_ms), self._urgent.positions())
        symbols = self._moved(bill, positions, since_ms, max(since_ms, self._covered(action.from_ms)))
        await self._find_room(symbols)
        trades = await self._trades_of(self._urgent, symbols, lists)
        newest_ms = max((row.fill.trade_time_ms for row in trades), default=0)
        if newest_ms > self._now_ms() + self._venue_ms(CLOCKS_DIFFER_S):
            lists.until_ms = newest_ms  # Its trades and its `/time` go by different clocks, so no age can be told.
        fills = reconcile.missing(trades, self.known, lists.until_ms)
        symbols = list(dict.fromkeys([*filter(None, symbols), *(row.fill.symbol for row in fills)]))
        found = Findings(
            fills=fills, over_rest={reconcile.key_of(row) for row in trades}, positions=positions, complete=complete
        )
        due = OrdersDue(action, symbols, found, lists)
        if self._governor.has_room(self._orders_weight(symbols), Share.RECOVERY):
            await self._add_orders(found, due)
        else:
            self._orders_due, found.orders_due = due, True
        return found

    async def run_orders(self) -> Findings:
        """
        Ask what became of orders, where `run` had to leave that for later.

        Raises:
            ListenKeyError: As `run`.
        """
        due, self._orders_due = self._orders_due, None
        assert due is not None, "asked for once, after what `run` found was delivered"
        found = Findings(over_rest=due.found.over_rest, positions=due.found.positions)
        await self._add_orders(found, due)
        return found

    async def _add_orders(self, found: Findings, due: OrdersDue) -> None:
        found.orders = await self._orders(due.symbols, due.found.fills, due.lists)
        age_s = (self._clock.wall_ms() - due.action.from_ms) / 1000 * self._scale
        found.unrecoverable = reconcile.unrecoverable(
            due.lists.refused,
            blind=due.action.blind,
            found=bool(due.found.fills),
            orders_forgotten=age_s > venue.ORDERS_KEPT_S,
            trades_forgotten=due.lists.forgotten,
        )

    def _orders_weight(self, symbols: Iterable[str]) -> int:
        """What `_orders` may cost, the orders it asks for one by one left out."""
        count = len(self._symbols_with_orders(symbols))
        alive = min(count, venue.OPEN_ORDERS_ALL_WEIGHT) * venue.WEIGHTS[venue.OPEN_ORDERS_PATH]
        return alive + count * venue.WEIGHTS[venue.HISTORY_ORDERS_PATH]

    def _symbols_with_orders(self, symbols: Iterable[str]) -> list[str]:
        return list(dict.fromkeys([*(facts.symbol for facts in self.known.orders.values()), *symbols]))

    async def _find_room(self, symbols: Sequence[str]) -> None:
        """Before anybody waits for room under a limit that is only assumed, ask what it is."""
        weight = len(symbols) * venue.WEIGHTS[venue.USER_TRADES_PATH] + self._orders_weight(symbols)
        if self._governor.limit_is_stale() and not self._governor.has_room(weight, Share.RECOVERY):
            try:
                await self._read_limit()
            except ListenKeyError as error:
                log.info("the weight limit could not be read yet: %s", error)

    async def _has_caught_up(self, held: Callable[[], Sequence[Held]]) -> bool:
        """Whether REST shows the newest fill we know of; waits a little for it."""
        target = self._newest(held())
        give_up_s = self._clock.now_s() + self._timing.lag_hold_s
        while target is not None:
            page = await self._urgent.user_trades(target.symbol, from_ms=target.time_ms)
            if any(row.fill.trade_id >= target.trade_id for row in page):
                break
            if self._clock.now_s() >= give_up_s:
                return False
            await asyncio.sleep(LAG_POLL_S)
        return True

    def _newest(self, held: Iterable[Held]) -> NewestFill | None:
        """The newest fill the stream brought, unless it is so old that REST must show it."""
        newest = self.known.newest
        for one in held:
            event = one.event
            if isinstance(event, OrderTradeUpdate) and event.is_fill:
                fill = NewestFill(event.symbol, event.trade_id, event.trade_time_ms)
                newest = fill if newest is None or fill.time_ms >= newest.time_ms else newest
        oldest_ms = self._now_ms() - self._venue_ms(self._timing.lag_max_s)
        return newest if newest is not None and newest.time_ms >= oldest_ms else None

    def _moved(
        self, bill: Sequence[BillRow], positions: Sequence[PositionRow], since_ms: int, covered_ms: int
    ) -> list[str]:
        """
        The symbols to be asked for: what the bill has since coverage ended, and before that only what is not explained.

        That the overlap is explained row by row is also what shows that the bill can be relied on.
        """
        seen = self.known.fills.count(since_ms, covered_ms)
        before = reconcile.contracts(bill, since_ms, covered_ms)
        ever_ms = self._now_ms() + self._venue_ms(DAY_S)
        near_ms = max(since_ms, covered_ms - self._venue_ms(COVERED_MARGIN_S))
        billed = [*self._suspects, *reconcile.contracts(bill, near_ms, ever_ms), *reconcile.unexplained(before, seen)]
        trusted = reconcile.is_trusted(before, seen) or bool(self._suspects)
        return reconcile.moved(self.known, billed, positions, trusted=trusted, recent_ms=since_ms)

    async def _orders(self, symbols: Iterable[str], fills: Sequence[TradeRow], lists: Lists) -> dict[int, OrderRow]:
        """What became of orders: those that live, and of those that do not any more the row that says how they ended."""
        wanted = self._symbols_with_orders(symbols)
        if len(wanted) > reconcile.OPEN_ORDERS_ONE_BY_ONE_MAX:
            rows = await self._urgent.open_orders(None)
        else:
            pages = await together([self._of_symbol(self._urgent.open_orders, symbol, lists) for symbol in wanted])
            rows = [row for page in pages for row in page]
        live = {row.order.order_id for row in rows}
        gone = {order_id: facts.symbol for order_id, facts in self.known.orders.items() if order_id not in live}
        gone |= {row.fill.order_id: row.fill.symbol for row in fills if row.fill.order_id not in live}
        ended_in = list(dict.fromkeys(gone.values()))
        pages = await together([self._of_symbol(self._urgent.history_orders, symbol, lists) for symbol in ended_in])
        ended = {row.order.order_id: row for page in pages for row in page}
        rows += [ended[order_id] for order_id in gone if order_id in ended]
        lost = [(symbol, order_id) for order_id, symbol in gone.items() if order_id not in ended]
        singles = await together([self._one_order(*which) for which in lost[:SINGLE_ORDERS_MAX]])
        rows += [row for row in singles if row is not None]
        # What changed so lately is on its way over the socket, and must not seem to go back when it comes.
        return reconcile.newest_orders(row for row in rows if row.order.updated_ms <= lists.until_ms)

    async def _one_order(self, symbol: str, order_id: int) -> OrderRow | None:
        """An order that is in neither list; None where REST does not know it any more, or not yet."""
        try:
            return await self._urgent.order(symbol, order_id)
        except VenueError as error:
            if type(error) is not VenueError:
                raise
            return None

    async def _of_symbol(
        self, ask: Callable[[str], Coroutine[Any, Any, list[R]]], symbol: str, lists: Lists
    ) -> list[R]:
        """One symbol's list; a symbol the venue does not serve any more must not keep the others from theirs."""
        try:
            return await ask(symbol)
        except VenueError as error:
            if type(error) is not VenueError:
                raise
            lists.refused.append(f"{symbol}: REST refuses, code {error.code}")
            return []

    # --- looking at the bill -------------------------------------------------------------------------------------

    async def poll(self, action: do.Poll) -> Findings:
        """
        Fills that happened since the last socket was lost, as far as they are old enough for REST to show all of them.

        Raises:
            ListenKeyError: As `run`.
        """
        await self._read_time()
        since_ms = self._asked_from(action.from_ms, action.not_before_ms)
        if self._polled_to_ms is not None:
            since_ms = max(since_ms, self._polled_to_ms - self._venue_ms(self._timing.lag_max_s))
        found = await self._unbrought(self._steady, since_ms, self._timing.lag_hold_s)
        self._polled_to_ms = found.until_ms
        return Findings(fills=found.fills, over_rest={reconcile.key_of(row) for row in found.fills})

    async def _unbrought(
        self, snapshots: Snapshots, since_ms: int, in_flight_s: float, *, until_sure: bool = False
    ) -> Unbrought:
        """
        Fills that were not delivered, in order, of the symbols of which the bill has more trades than were delivered.

        What is younger than `in_flight_s` may still be on its way. `until_sure`: as soon as one is known to be missing,
        no more symbols are asked for: there may be so many that the weight limit makes it wait, and the loss untold.
        """
        bill = await snapshots.bill_since(since_ms)
        newest_ms = max((row.time_ms for row in bill), default=0)
        until_ms = max(newest_ms, self._now_ms()) - self._venue_ms(in_flight_s)
        seen = self.known.fills.count(since_ms, until_ms)
        suspects = reconcile.unexplained(reconcile.contracts(bill, since_ms, until_ms), seen)
        lists, found = Lists(since_ms, until_ms, []), Unbrought(until_ms)
        while suspects and not found.fills:
            count = AT_ONCE if until_sure else len(suspects)
            trades = await self._trades_of(snapshots, suspects[:count], lists)
            suspects = suspects[count:]
            found.fills = reconcile.missing(trades, self.known, until_ms)
        found.unasked = suspects
        found.from_ms = reconcile.first_of(suspects, bill, found.fills, since_ms)
        return found

    async def look(self, action: do.Audit) -> list[on.Audited | on.NotAudited | on.Doubted | on.StreamSilent]:
        """`audit`, told as facts."""
        try:
            missed = await self.audit(action)
        except ListenKeyError as error:
            log.warning("the bill could not be looked at: %s", error)
            return [on.NotAudited(action.number, judge(error, self._clock.wall_ms()))]
        audited = on.Audited(action.number)
        return [audited] if missed is None else [audited, missed]

    async def audit(self, action: do.Audit) -> on.Doubted | on.StreamSilent | None:
        """
        Hold the bill against the fills that were delivered, and look closer where it has more of them.

        Returns:
            What to make of it: None where all agrees. Where nothing at all was delivered since the first fill that is
            missing, it is the socket that is dead.
        """
        await self._read_time()
        await self._read_limit()
        # What settles a gap belongs to its recovery; what only looks can wait.
        snapshots = self._steady if action.from_ms is None else self._urgent
        since_ms, unseen_ms = self._audit_since(action), self._unseen_ms()
        found = await self._unbrought(snapshots, since_ms, AUDIT_IN_FLIGHT_S, until_sure=True)
        self._audited_to_ms, self._audited_s = found.until_ms, self._clock.now_s()
        if self._kept_ms() > unseen_ms:
            return on.Doubted(self._wall(unseen_ms), reconcile.FORGOTTEN)  # and what it has is asked for with it
        if not found.fills:
            return None
        self._suspects.update([row.fill.symbol for row in found.fills], found.unasked)
        why = f"the bill has {'at least ' * bool(found.unasked)}{len(found.fills)} fills that no socket brought"
        if self.known.last_event_ms < found.fills[0].fill.trade_time_ms:
            return on.StreamSilent(self._wall(min(self.known.last_event_ms or found.from_ms, found.from_ms)), why)
        return on.Doubted(self._wall(found.from_ms), why)

    def _audit_since(self, action: do.Audit) -> int:
        floor_ms = self._floor(action.not_before_ms)
        since_ms = self._now_ms() - self._venue_ms(self._timing.audit_every_s)
        if self._audited_to_ms is not None:
            since_ms = self._audited_to_ms
        since_ms = max(floor_ms, since_ms - self._venue_ms(self._timing.lag_max_s))
        if action.from_ms is not None:
            # Audits may have failed for a while before the gap; what they did not see must not be passed over.
            since_ms = min(since_ms, self._asked_from(action.from_ms, action.not_before_ms))
        return since_ms

    def _unseen_ms(self) -> int:
        """From when on nobody has looked at the bill, or it may have lagged."""
        unseen_ms = (self._audited_to_ms or self._now_ms()) - self._venue_ms(self._timing.lag_max_s)
        return max(self._began_ms or 0, unseen_ms)

    # --- lists ---------------------------------------------------------------------------------------------------

    async def _trades_of(self, snapshots: Snapshots, symbols: Sequence[str], lists: Lists) -> list[TradeRow]:
        if "" in symbols:
            return await self._trades_of_all(snapshots, [symbol for symbol in symbols if symbol], lists)

        async def ask(symbol: str) -> list[TradeRow]:
            try:
                return await snapshots.trades_since(symbol, lists.since_ms)
            except VenueError as error:
                if error.code != venue.Code.SEARCH_WINDOW:
                    raise
            lists.refused.append(reconcile.TRADES_TOO_OLD)  # It keeps less than it says, or our clock is wrong.
            return await snapshots.user_trades(symbol)

        pages = await together([self._of_symbol(ask, symbol, lists) for symbol in symbols])
        return [row for page in pages for row in page]

    async def _trades_of_all(self, snapshots: Snapshots, symbols: Sequence[str], lists: Lists) -> list[TradeRow]:
        """Where the bill does not name symbols: before 2026 it did not, and all trades could be asked for at once."""
        try:
            return await snapshots.trades_since(None, lists.since_ms)
        except VenueError as error:
            if type(error) is not VenueError:
                raise
        # It names them by now, or nobody can say which they are.
        named = reconcile.contracts(await snapshots.bill_since(lists.since_ms), lists.since_ms, AFTER_ALL)
        if named[""]:
            lists.refused.append(reconcile.NO_SYMBOLS)
        return await self._trades_of(snapshots, list(dict.fromkeys([*filter(None, named), *symbols])), lists)

    # --- times, all by the venue's clock -------------------------------------------------------------------------

    async def _read_time(self) -> None:
        if self._time.stale(self._clock.now_s()):
            await self._rules.read_time()

    async def _read_limit(self) -> None:
        if self._governor.limit_is_stale():
            self._governor.note_limit(await self._rules.weight_limit())

    def _now_ms(self) -> int:
        return self._urgent.now_ms()

    def _venue_ms(self, seconds: float) -> int:
        """So many of our seconds, in the venue's milliseconds."""
        return round(seconds * 1000 * self._scale)

    def _wall(self, venue_ms: int) -> int:
        return self._time.to_wall(venue_ms, self._clock.now_s(), self._clock.wall_ms())

    def _of_wall(self, at_ms: int) -> int:
        return self._time.of_wall(at_ms, self._clock.now_s(), self._clock.wall_ms())

    def _since(self, action: do.Recover) -> int:
        return self._asked_from(action.from_ms, action.not_before_ms)

    def _asked_from(self, from_ms: int, not_before_ms: int) -> int:
        """A little before the gap."""
        return max(self._covered(from_ms) - self._venue_ms(OVERLAP_S), self._floor(not_before_ms))

    def _covered(self, from_ms: int) -> int:
        """When coverage ended; not after the last event, should the venue's clock have been moved meanwhile."""
        covered_ms = self._of_wall(from_ms)
        return min(covered_ms, self.known.last_event_ms) if self.known.last_event_ms else covered_ms

    def _floor(self, not_before_ms: int) -> int:
        """Nothing is asked for that happened before the stream was first live, is forgotten here, or forgotten there."""
        if self._began_ms is None:
            # Rather a fill from before than one lost of the first moments, should the clocks differ by that much.
            self._began_ms = self._of_wall(not_before_ms) - self._time.uncertain_ms
        return max(self._began_ms, self.known.fills.since_ms, self._kept_ms())

    def _kept_ms(self) -> int:
        """What is older is not asked for: REST has forgotten it, or is about to."""
        return self._now_ms() - round((venue.TRADES_KEPT_S - KEPT_MARGIN_S) * 1000)

    def _until(self, action: do.Recover) -> int:
        """Fills up to then are missing if nobody brought them; younger ones may be on their way over the socket."""
        attached_ms = self._of_wall(action.to_ms) + self._venue_ms(ATTACHED_MARGIN_S) if action.blind else 0
        return max(attached_ms, self._now_ms() - self._venue_ms(IN_FLIGHT_S))
