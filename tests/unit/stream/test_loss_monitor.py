"""Test what a suspected loss leads to; when one is suspected is shown in tests/unit/core/test_loss_detector.py."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace
from typing import Any, cast

from listenkey.core import inputs as on
from listenkey.core.account_state import AccountState, FillIndex
from listenkey.core.loss_detector import LossDetector
from listenkey.outcomes import GapCause
from listenkey.stream.loss_monitor import BEAT_STOPPED, LossMonitor
from tests.unit.core.making import SYMBOL, beat, fill, order, position


class Side:
    """A watch with a clock and a wall that are the venue's."""

    def __init__(self) -> None:
        self.now_s, self.sooner = 0.0, 0
        self.suspects: dict[str, None] = {}
        self.known = AccountState(FillIndex())
        windows = SimpleNamespace(to_wall=lambda ms: ms, now_ms=lambda: round(self.now_s * 1000))
        clock = SimpleNamespace(now_s=lambda: self.now_s)
        self.monitor = LossMonitor(
            self.known, LossDetector(1.0), cast("Any", windows), cast("Any", clock), self.suspects, self.note
        )

    def note(self) -> None:
        self.sooner += 1


def test_a_loss_is_told_when_it_is_due_and_its_symbol_becomes_a_suspect() -> None:
    side = Side()
    side.monitor.delivering(order(1, "NEW", at_ms=1000))
    assert (side.monitor.due_at_s(), side.sooner) == (inf, 0)
    side.monitor.delivering_all([fill(2, "2", at_ms=2000)])
    assert (side.monitor.due_at_s(), side.sooner) == (1.0, 1)
    assert side.monitor.doubts() == []
    side.now_s = 1.0
    (doubt,) = side.monitor.doubts()
    assert isinstance(doubt, on.Doubted)
    assert (doubt.reason.cause, side.suspects) == (GapCause.ORDER_DIFFERS, {SYMBOL: None})


def test_a_beat_that_stops_is_a_silent_stream_and_is_counted_anew_afterwards() -> None:
    side = Side()
    side.monitor.delivering(position("1", 1000, reason="TRANSFER"))
    side.monitor.held_back([beat(1000)])
    side.monitor.delivering(beat(2000))
    assert side.monitor.due_at_s() == 25.0
    side.now_s = 25.0
    assert side.monitor.doubts() == [on.StreamSilent(2000, BEAT_STOPPED)]
    assert side.monitor.due_at_s() == inf
    side.monitor.attached()
    assert side.monitor.doubts() == []
