"""Watch the messages that come every ten seconds while a position is open: their silence is a dead stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from listenkey import venue
from listenkey.events import AccountUpdate, Event, GreekUpdate

BEATING: Final = (AccountUpdate, GreekUpdate)
"""The events that come every ten seconds while a position is open."""

BEATS_MISSED: Final = 2.5
"""Ten-second beats that may be missing: 25 s, so that one late beat is no alarm."""


@dataclass(slots=True)
class Beat:
    """
    The beat of one account, on the socket that is followed.

    Attributes:
        time_scale: Of the venue's clock.
        count: How many came since another socket was followed.
        last_s: When the last one came, or when it began to be waited for.
        open_positions: Positions that hold something; without one, nothing beats.
    """

    time_scale: float
    count: int = 0
    last_s: float = 0.0
    open_positions: int = 0

    def came(self, now_s: float) -> None:
        """Count one."""
        self.count += 1
        self.last_s = now_s

    def waits(self, events: Iterable[Event], now_s: float) -> None:
        """Note events that wait, only as signs that the beat goes on."""
        if any(isinstance(event, BEATING) for event in events):
            self.came(now_s)

    def begin(self, now_s: float) -> None:
        """Follow another socket: whether the beat comes is to be seen anew."""
        self.count, self.last_s = 0, now_s

    def opened(self, now_s: float) -> None:
        """Count a position that holds something from now on."""
        if not self.open_positions:
            self.last_s = now_s  # Nobody beats for an account that holds nothing, so the silence begins now.
        self.open_positions += 1

    def closed(self) -> None:
        """Count one that holds nothing any more."""
        self.open_positions -= 1

    def silent_at_s(self) -> float | None:
        """Return when the beat is overdue; None unless it came on this socket and a position is open."""
        silence_s = BEATS_MISSED * venue.POSITION_BEAT_S / self.time_scale
        return self.last_s + silence_s if self.count >= 2 and self.open_positions else None
