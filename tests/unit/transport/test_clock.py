from __future__ import annotations

import time
from pathlib import Path

import pytest

from listenkey.transport import clock
from listenkey.transport.clock import SystemClock


def test_all_processes_of_a_boot_name_it_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock._boot.cache_clear()
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "id")
    assert SystemClock().boot() == ""
    clock._boot.cache_clear()
    (tmp_path / "id").write_text("1b4e28ba-2fa1-11d2-883f-0016d3cca427\n")
    assert SystemClock().boot() == SystemClock().boot() == "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    clock._boot.cache_clear()


def test_it_never_goes_back_and_tells_the_time_of_day() -> None:
    ours = SystemClock()
    times = [ours.now_s() for _ in range(1000)]
    assert times == sorted(times)
    assert abs(ours.wall_ms() - time.time() * 1000) < 1000


def test_a_clock_before_1970_goes_on_and_is_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal takes an item from before the epoch."""
    ours, moments = SystemClock(), iter([7.0, 9.5])
    monkeypatch.setattr(time, "time_ns", lambda: -(10**18))
    monkeypatch.setattr(SystemClock, "now_s", lambda _: next(moments))
    assert [ours.wall_ms(), ours.wall_ms()] == [7000, 9500]
