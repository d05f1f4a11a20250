"""The one timer of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from listenkey.core import inputs as on
from listenkey.core.lifecycle import Lifecycle
from listenkey.stream.loss_monitor import LossMonitor
from listenkey.transport.clock import Clock


class DeadlineTimer:
    """
    Comes back at the earliest deadline of the lifecycle and of the loss detector.

    Args:
        life: The stream's lifecycle.
        clock: For all times.
        feed: Takes what a deadline brings about.
        note_status: Called where the status alone may have changed.

    Attributes:
        losses: Suspicions have deadlines, too; None without a secret.
    """

    __slots__ = ("_clock", "_feed", "_life", "_note_status", "_timer", "_wake_at_s", "losses")

    def __init__(
        self, life: Lifecycle, clock: Clock, feed: Callable[[on.Input], None], note_status: Callable[[], None]
    ) -> None:
        self.losses: LossMonitor | None = None
        self._life = life
        self._clock = clock
        self._feed = feed
        self._note_status = note_status
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at_s = 0.0  # when that is due

    def set(self) -> None:
        """Set the timer to the earliest deadline as it is now; an ended stream has none."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at_s = self._life.wake_at_s()
        if wake_at_s is not None:
            if self.losses is not None:
                wake_at_s = min(wake_at_s, self.losses.due_at_s())
            if self._life.listen_key.quiet_until_s > self._clock.now_s():
                wake_at_s = min(wake_at_s, self._life.listen_key.quiet_until_s)  # the status changes then
            self._arm(wake_at_s)

    def _arm(self, wake_at_s: float) -> None:
        self._wake_at_s = wake_at_s
        delay_s = max(0.0, wake_at_s - self._clock.now_s())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        if self._clock.now_s() < self._wake_at_s:
            self._arm(self._wake_at_s)  # uvloop counts whole milliseconds, and comes a little early.
            return
        if self.losses is not None:
            for happened in self.losses.doubts():
                self._feed(happened)
        wake_at_s = self._life.wake_at_s()
        if wake_at_s is not None and wake_at_s <= self._clock.now_s():
            self._feed(on.TimerDue())
        else:  # Frames have moved the deadline since, or only the status has changed.
            self._note_status()
            self.set()
