"""Spans of time that REST is asked for, all by the venue's clock."""

from __future__ import annotations

from typing import Final

from listenkey.core import actions as do
from listenkey.core.account_state import AccountState
from listenkey.core.clock_sync import ClockSync
from listenkey.core.gap_recovery import OVERLAP_S
from listenkey.core.gaps import Resumed
from listenkey.transport.clock import Clock
from listenkey.venue import RestLimits

DAY_S: Final = 24 * 3600
ATTACHED_MARGIN_S: Final = 0.25
"""The error in the time at which a socket took over, from the way the clocks were compared."""

RECOVERY_IN_FLIGHT_S: Final = 0.5
"""A recovery leaves a fill so young to the socket, whose event has more words than REST. Longer would leave a gap open."""

AUDIT_IN_FLIGHT_S: Final = 2.0
"""An audit leaves what is so young to the socket: it has time, and should raise no alarm over a slow second."""


class Windows:
    """
    Turns moments of our wall clock into spans of the venue's time.

    Args:
        clock: For our own times.
        time: The venue's clock, as far as it is known.
        time_scale: How many of the venue's seconds pass in one of ours.
        known: Its fills say from when on nothing was forgotten, and its newest event until when the stream is covered.
        limits: The limits of REST's lists.

    Attributes:
        began_ms: Since when the stream is to be whole, or None where that is not known by the venue's clock yet.
    """

    def __init__(
        self, clock: Clock, time: ClockSync, time_scale: float, known: AccountState, limits: RestLimits
    ) -> None:
        self.began_ms: int | None = None
        self._resumed_ms: int | None = None
        self._resumed_s: float | None = None
        self._clock = clock
        self._time = time
        self._scale = time_scale
        self._known = known
        self._limits = limits

    def resume(self, left: Resumed) -> None:
        """
        Note until when an earlier process has covered the stream. Its wall clock is not asked where others are known.

        A gap that it left open may have begun long before, with a loss that REST showed late: then coverage ends there.
        """
        self.began_ms = left.began_venue_ms
        self._resumed_ms, self._resumed_s = left.covered_venue_ms, left.covered_until_s
        if left.open_since_ms is None or left.covered_until_ms is None:
            return
        open_before_ms = max(0, left.covered_until_ms - left.open_since_ms)
        if self._resumed_ms is not None:
            self._resumed_ms -= open_before_ms
        if self._resumed_s is not None:
            self._resumed_s -= open_before_ms / 1000

    def closed(self) -> None:
        """The gap since the earlier process is closed."""
        self._resumed_ms = self._resumed_s = None

    def at(self, at_s: float) -> int:
        """Return a moment of the clock that is never set by the venue's clock, at the earliest."""
        ago_s = self._clock.now_s() - at_s
        return self.now_ms() - self.venue_ms(ago_s) - self._time.uncertain_ms

    def resumed_ms(self) -> int | None:
        """Return until when an earlier process covered the stream, by the venue's clock, or None."""
        if self._resumed_s is not None and self._time.is_known:
            by_ours_ms = self.at(self._resumed_s)
            return by_ours_ms if self._resumed_ms is None else min(by_ours_ms, self._resumed_ms)
        return self._resumed_ms

    def resumed_wall_ms(self) -> int | None:
        """Return the same by our wall clock, where only the venue's clock can tell."""
        if self._resumed_ms is None or self._resumed_s is not None or not self._time.is_known:
            return None
        return self.to_wall(self._resumed_ms)

    def begin_now(self) -> None:
        """The stream is whole from now on, unless it began earlier."""
        if self.began_ms is None:
            self.began_ms = self.now_ms() - self._time.uncertain_ms

    def now_ms(self) -> int:
        """Return the venue's time."""
        return self._time.now_ms(self._clock.now_s(), self._clock.wall_ms())

    def venue_ms(self, seconds: float) -> int:
        """Return so many of our seconds in the venue's milliseconds."""
        return round(seconds * 1000 * self._scale)

    def to_wall(self, venue_ms: int) -> int:
        """Return a moment of the venue's clock by our wall clock."""
        return self._time.to_wall(venue_ms, self._clock.now_s(), self._clock.wall_ms())

    def of_wall(self, at_ms: int) -> int:
        """Return a moment of our wall clock by the venue's clock."""
        return self._time.of_wall(at_ms, self._clock.now_s(), self._clock.wall_ms())

    def asked_from(self, from_ms: int, not_before_ms: int) -> int:
        """Return a moment a little before the gap that began at `from_ms`, wall clock."""
        return max(self.covered(from_ms) - self.venue_ms(OVERLAP_S), self.floor(not_before_ms))

    def covered(self, from_ms: int) -> int:
        """Return when coverage ended; not after the last event, should the venue's clock have been moved meanwhile."""
        resumed_ms, last_ms = self.resumed_ms(), self._known.last_event_ms
        covered_ms = self.of_wall(from_ms) if resumed_ms is None else resumed_ms
        return min(covered_ms, last_ms) if last_ms else covered_ms

    def floor(self, not_before_ms: int) -> int:
        """Return the oldest time to ask for: since the stream was first live, and still known here and to REST."""
        if self.began_ms is None:
            # Rather a fill from before than one lost of the first moments, should the clocks differ by that much.
            # Where the beginning is not known either, there is none: 0, also by a venue's clock that is behind.
            self.began_ms = max(0, self.of_wall(not_before_ms) - self._time.uncertain_ms)
        return max(self.began_ms, self._known.fills.since_ms, self.kept_ms())

    def kept_ms(self) -> int:
        """The oldest time to ask for, epoch ms of the venue: older rows REST has forgotten, or is about to."""
        return self.now_ms() - round((self._limits.trades_kept_s - self._limits.margin_s) * 1000)

    def until(self, action: do.Recover) -> int:
        """Return the time up to which undelivered fills count as missing; younger ones may come over the socket."""
        attached_ms = self.of_wall(action.to_ms) + self.venue_ms(ATTACHED_MARGIN_S) if action.blind else 0
        return max(attached_ms, self.now_ms() - self.venue_ms(RECOVERY_IN_FLIGHT_S))
