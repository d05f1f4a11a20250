"""
Bound the time until an audit finds what no connection showed: longer where the account was idle, by its own promise.

The account was idle for so long before, so the loss is found within that time, half an hour at most. While an order lives
that was told, and once something was told again, it is a minute.
"""

from __future__ import annotations

import bisect
from typing import Final

from listenkey.items import Update
from sim.checkers.order_states import OrderKey, states_of
from sim.checkers.reading import AUDIT_US
from sim.client.records import Stream
from sim.environment.options import Options

JITTER: Final = 1.1
"""Audits come ten per cent later than they are planned, at most."""

NO_ACTIVITY: Final = (b"listenKeyExpired", b"serverShutdown", b"eventStreamTerminated")
"""Messages that tell of a key or a server, and of nothing that happens to the account."""


class AuditBound:
    """
    The longest time until the next audit of one stream's account, at any moment.

    Attributes:
        most_us: The longest of all.
    """

    def __init__(self, options: Options, stream: Stream) -> None:
        self._is_slow = options.idle_audit_s is not None
        self.most_us = AUDIT_US + int((options.idle_audit_s or 0.0) * JITTER * 1e6)
        self._heard_us: list[int] = []
        self._changed_us: list[int] = []
        self._alive: list[bool] = []
        if self._is_slow:
            self._read(stream)

    def _read(self, stream: Stream) -> None:
        live: set[OrderKey] = set()
        lives_us = list(stream.lives_us)
        for at_us, item in stream.told:
            if not isinstance(item, Update) or any(word in item.raw for word in NO_ACTIVITY):
                continue
            while lives_us and lives_us[0] <= at_us:
                live.clear()  # A later process may not know of them.
                lives_us.pop(0)
            self._heard_us.append(at_us)
            for key, state in states_of(item):
                (live.discard if state.is_over else live.add)(key)
                self._changed_us.append(at_us)
                self._alive.append(bool(live))
        for at_us in stream.lives_us:
            place = bisect.bisect(self._changed_us, at_us)
            self._changed_us.insert(place, at_us)
            self._alive.insert(place, False)

    def within_us(self, at_us: int) -> int:
        """Return how long it may take to find what was lost then."""
        if not self._is_slow:
            return AUDIT_US
        place = bisect.bisect(self._changed_us, at_us)
        if place and self._alive[place - 1]:
            return AUDIT_US
        heard = bisect.bisect(self._heard_us, at_us)
        since_us = self._heard_us[heard - 1] if heard else 0
        found_us = min(AUDIT_US + int(JITTER * (at_us - since_us)), self.most_us)
        if heard < len(self._heard_us):
            found_us = min(found_us, self._heard_us[heard] - at_us + AUDIT_US)
        return found_us
