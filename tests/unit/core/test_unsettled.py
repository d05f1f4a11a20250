"""Contracts that are over, and of whose end nothing was heard."""

from __future__ import annotations

import pytest

from listenkey.core import unsettled as remembering
from listenkey.core.unsettled import Unsettled

OVER, LATER = "BTC-261122-90000-C", "BTC-261123-90000-C"
OVER_MS = 1_795_334_400_000  # 2026-11-22T08:00:00Z


def test_only_what_has_expired_is_noted_until_its_end_is_told() -> None:
    unsettled = Unsettled()
    unsettled.note([OVER, LATER, "BTCUSDT"], OVER_MS)
    assert unsettled.expired_by(OVER_MS) == [OVER]
    assert unsettled.expired_by(OVER_MS - 1) == []
    unsettled.drop(LATER)
    unsettled.drop(OVER)
    assert unsettled.expired_by(OVER_MS) == []


def test_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "UNSETTLED_MAX", 1)
    unsettled = Unsettled()
    unsettled.note([OVER, LATER], OVER_MS * 2)
    assert unsettled.expired_by(OVER_MS * 2) == [LATER]
