"""Give what is delivered to the account state and the loss detector, and tell the lifecycle of suspected losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Final

from listenkey.core import inputs as on
from listenkey.core.account_state import AccountState
from listenkey.core.loss_detector import LossDetector
from listenkey.events import Event
from listenkey.outcomes import GapCause, Reason
from listenkey.stream.windows import Windows
from listenkey.transport.clock import Clock

BEAT_STOPPED: Final = Reason(GapCause.EVENTS_STOPPED, "a position is open, but ACCOUNT_UPDATE has stopped coming")


class LossMonitor:
    """
    Watches the events of one stream for losses.

    Args:
        account_state: What was delivered.
        detector: What does not add up.
        windows: Spans of the venue's time.
        clock: For deadlines.
        suspects: Symbols that the next recovery is to ask for are put there.
        sooner: Called where `due_at_s` has come nearer.

    Attributes:
        detector: What does not add up.
    """

    __slots__ = ("_account_state", "_clock", "_sooner", "_suspects", "_windows", "detector")

    def __init__(
        self,
        account_state: AccountState,
        detector: LossDetector,
        windows: Windows,
        clock: Clock,
        suspects: dict[str, None],
        sooner: Callable[[], None],
    ) -> None:
        self.detector = detector
        self._account_state = account_state
        self._windows = windows
        self._clock = clock
        self._suspects = suspects
        self._sooner = sooner

    def delivering(self, event: Event) -> None:
        """An event is on its way to the reader."""
        self._account_state.note(event)
        if self.detector.note(event, self._clock.now_s()):
            self._sooner()

    def delivering_all(self, events: list[Event]) -> None:
        """Note a batch of a socket's events that is being delivered."""
        if self.detector.note_all(events, self._account_state, self._clock.now_s()):
            self._sooner()

    def held_back(self, events: Iterable[Event]) -> None:
        """Events came, and wait: they are signs of life, though nothing else is made of them yet."""
        self.detector.beat.waits(events, self._clock.now_s())

    def attached(self) -> None:
        """Another socket has the key, or is followed: its beats are counted anew."""
        self.detector.beat.begin(self._clock.now_s())

    def due_at_s(self) -> float:
        """Return the moment at which `doubts` may have something to report, even if infinitely far."""
        times = (self.detector.due_at_s(), self.detector.beat.silent_at_s())
        return min((at_s for at_s in times if at_s is not None), default=inf)

    def doubts(self) -> list[on.Doubted | on.StreamSilent]:
        """Return the losses suspected by now, as inputs for the lifecycle; their symbols become suspects."""
        now_s, detector = self._clock.now_s(), self.detector
        told: list[on.Doubted | on.StreamSilent] = []
        for doubt in detector.take_doubts(now_s):
            self._suspects[doubt.symbol] = None
            told.append(on.Doubted(self._windows.to_wall(doubt.from_ms), doubt.reason))
        if now_s >= (detector.beat.silent_at_s() or inf):
            self._account_state.settle(detector.settle(self._windows.now_ms(), now_s))
            if detector.beat.silent_at_s() is not None:
                told.append(on.StreamSilent(self._windows.to_wall(self._account_state.last_event_ms), BEAT_STOPPED))
            detector.beat.begin(now_s)
        return told
