from __future__ import annotations

import asyncio

import pytest

from listenkey.gateway.consumers.bridges.patience import TOLD_EVERY, Patience


async def test_it_waits_longer_and_tells_the_first_time_and_then_rarely(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []

    async def note(wait_s: float) -> None:
        waits.append(wait_s)

    monkeypatch.setattr(asyncio, "sleep", note)
    one = Patience("Redis")
    for _ in range(TOLD_EVERY + 1):
        await one.wait("down")
    assert waits == sorted(waits)
    assert waits[-1] == 1.0
    assert one.tries == TOLD_EVERY + 1
    assert caplog.text.count("Redis does not take items (down); trying on") == 2
