"""
Looks after contracts that expire: what exercises paid in a gap, and positions that outlive their contracts.

The message that closes a position at expiry may be lost on a healthy socket. REST is asked only where such a position
is known. While it still shows the position, the venue has not settled the contract yet. Once it does not, the end was
missed: a gap is reported, and its recovery asks for exercises.
"""

from __future__ import annotations

from typing import Final

from listenkey.core import inputs as on
from listenkey.core import reconciliation, records
from listenkey.core.account_state import AccountState
from listenkey.core.bill import Bill
from listenkey.core.expiry import expiry_ms, has_expired
from listenkey.core.loss_detector import LossDetector
from listenkey.core.reconciliation import Lists
from listenkey.core.records import NEAR_MS, Record
from listenkey.core.timing import Timing
from listenkey.errors import VenueError
from listenkey.outcomes import GapCause, Loss, Reason
from listenkey.stream.backfill import Backfill
from listenkey.stream.windows import Windows
from listenkey.wire.rows import ExerciseRow, PositionRow, RowPage, TradeRow

NAMED_MAX: Final = 3
"""Contracts that the text of the gap names."""


class Expiries:
    """
    Holds what REST says of contracts that are over against what was delivered.

    Args:
        backfill: Asks REST.
        windows: The venue's clock.
        known: What was delivered.
        detector: Knows which positions are open.
        timing: `lag_max_s`: so late may a message be, or REST.
        suspects: Symbols that the next recovery is to ask for are put there.
    """

    def __init__(
        self,
        backfill: Backfill,
        windows: Windows,
        known: AccountState,
        detector: LossDetector,
        timing: Timing,
        suspects: dict[str, None],
    ) -> None:
        self._backfill = backfill
        self._windows = windows
        self._known = known
        self._detector = detector
        self._timing = timing
        self._suspects = suspects
        self._over: list[str] = []

    def _late_ms(self) -> int:
        """Return the time, by the venue's clock, before which an expiry should have been heard of by now, even if late."""
        return self._windows.now_ms() - self._windows.venue_ms(self._timing.lag_max_s)

    @property
    def awaits_any(self) -> bool:
        """True where a contract is over, its position was open, and nothing was heard of its end."""
        return bool(self._detector.over(self._windows.now_ms()))

    async def look(self) -> on.Doubted | on.StreamSilent | None:
        """
        Report positions whose end was missed.

        Returns:
            None where there is none. Where nothing at all was delivered since the expiry, it is the socket that is dead.

        Raises:
            ListenKeyError: What REST raised.
        """
        if not self._detector.over(self._late_ms()):
            return None
        held = reconciliation.held(await self._backfill.steady.positions())
        # The message may have come meanwhile. A row whose symbol can't be read may be any of them.
        gone = [] if "" in held else [one for one in self._detector.over(self._late_ms()) if one not in held]
        if not gone:
            return None
        self._suspects.update(dict.fromkeys(gone))
        from_ms = min(ends_ms for one in gone if (ends_ms := expiry_ms(one)) is not None) - NEAR_MS
        text = f"REST shows the end of {len(gone)} expired positions that no socket brought: "
        reason = Reason(GapCause.REST_SHOWS_MORE, text + ", ".join(gone[:NAMED_MAX]))
        last_ms = self._known.last_event_ms
        if last_ms < from_ms:
            return on.StreamSilent(self._windows.to_wall(last_ms or from_ms), reason)
        return on.Doubted(self._windows.to_wall(from_ms), reason)

    async def records(
        self, bill: Bill, positions: RowPage[PositionRow], trades: list[TradeRow], from_ms: int, lists: Lists
    ) -> list[Record]:
        """Exercises, fees and transfers of a gap; positions in contracts that are over and that REST does not list."""
        now_ms, rows = self._windows.now_ms(), RowPage[ExerciseRow]()
        over = self._over = self._gone(positions, from_ms, now_ms)
        since_ms = min([from_ms, *(ends_ms - NEAR_MS for one in over if (ends_ms := expiry_ms(one)) is not None)])
        if over or records.expiry_within(from_ms, now_ms) or records.tells_of_exercise(bill):
            try:
                rows = await self._backfill.urgent.exercises_since(since_ms)
            except VenueError as error:
                if type(error) is not VenueError:
                    raise
                lists.refused.append(reconciliation.refuses(Loss.EXERCISES, "exercises", "", error.code))
        lists.refused += reconciliation.unreadable_rows(Loss.EXERCISES, "exercises", "", rows.unreadable)
        told = {row.record.symbol for row in rows}
        lists.refused.extend(
            reconciliation.unknown(Loss.EXERCISES, "the position", symbol) for symbol in over if symbol not in told
        )
        fills = self._known.fills.times(lists.since_ms, now_ms)
        for row in trades:
            fills.setdefault(row.fill.symbol, []).append(row.fill.trade_time_ms)
        return records.to_report(bill, rows, fills, self._known.records, from_ms, lists.until_ms, over)

    def _gone(self, positions: RowPage[PositionRow], from_ms: int, now_ms: int) -> list[str]:
        """
        Return the contracts that are over, and whose position is gone without a word.

        Those that ended before the gap are left to the audits for a while: the message may only be late.
        """
        late_ms, held = self._late_ms(), reconciliation.held(positions)
        known = [one for one in self._known.positions if has_expired(one, now_ms)]
        return [
            symbol
            for symbol in dict.fromkeys([*known, *self._detector.over(now_ms)])
            if symbol not in held and (has_expired(symbol, late_ms) or not has_expired(symbol, from_ms))
        ]

    def reported(self, now_s: float) -> None:
        """The gap is closed: what became of the positions that `records` found gone was delivered, or told as lost."""
        self._detector.let_go(self._over, now_s)
        self._known.settle(self._over)
        self._over = []
