from __future__ import annotations

import time
from typing import Any

import pytest

from listenkey.sandbox.clock import SandboxClock


def test_it_starts_where_it_is_told_or_now() -> None:
    assert 0 <= SandboxClock(start_ms=1_000).now_ms() - 1_000 < 1_000
    assert abs(SandboxClock().now_ms() - time.time() * 1000) < 5_000


def test_it_runs_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    clock = SandboxClock(60, start_ms=0)
    seconds[0] += 2
    assert clock.now_ms() == 120_000
    assert clock.real_s_until(240_000) == pytest.approx(2)
    assert clock.real_s_until(0) == 0


def test_it_jumps_forward_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    clock = SandboxClock(start_ms=0)
    assert clock.advance(3_600_000) == 3_600_000
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
    assert clock.now_ms() == 3_600_000


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_a_clock_runs(scale: Any) -> None:
    with pytest.raises(ValueError, match="time_scale"):
        SandboxClock(scale)
