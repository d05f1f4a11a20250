"""One ping serves all who asked before it was sent, and nobody who asks later."""

from __future__ import annotations

import pytest

from listenkey.gateway.shared_sockets import shared_pings as module
from listenkey.gateway.shared_sockets.shared_pings import SharedPings
from listenkey.stream.pings import PINGS_AWAITED_MAX
from listenkey.transport.clock import SystemClock
from tests.unit.gateway.gateway_of import until


async def test_who_asks_while_one_is_under_way_gets_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PINGS_APART_S", 0.01)
    sent: list[int] = []
    pings = SharedPings(sent.append, SystemClock())
    one, two = object(), object()
    pings.ask(one, 7)  # type: ignore[arg-type]
    pings.ask(two, 3)  # type: ignore[arg-type]
    await until(lambda: sent == [1])
    pings.ask(one, 8)  # type: ignore[arg-type]
    assert pings.answered(1) == [(one, 7), (two, 3)]
    assert pings.answered(1) == []
    await until(lambda: sent == [1, 2])
    assert pings.answered(2) == [(one, 8)]


async def test_the_pong_of_the_newest_answers_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PINGS_APART_S", 0.0)
    sent: list[int] = []
    pings = SharedPings(sent.append, SystemClock())
    for number in range(1, PINGS_AWAITED_MAX + 3):
        pings.ask("seat", number)  # type: ignore[arg-type]
        await until(lambda number=number: len(sent) == number)  # type: ignore[misc]
    answered = [number for _, number in pings.answered(sent[-1])]
    assert answered == list(range(3, PINGS_AWAITED_MAX + 3)), "the oldest are forgotten"


async def test_pings_keep_their_distance_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sent = SystemClock(), list[float]()
    pings = SharedPings(lambda _: sent.append(clock.now_s()), clock)
    monkeypatch.setattr(module, "PINGS_APART_S", 0.2)
    pings.ask("seat", 1)  # type: ignore[arg-type]
    await until(lambda: sent)
    pings.ask("seat", 2)  # type: ignore[arg-type]
    pings.ask("seat", 3)  # type: ignore[arg-type]
    await until(lambda: len(sent) == 2)
    assert sent[1] - sent[0] >= 0.19
    pings.ask("seat", 4)  # type: ignore[arg-type]
    pings.stop()
    other = SharedPings(lambda _: sent.append(0.0), clock)
    other.ask("seat", 5)  # type: ignore[arg-type]
    await until(lambda: len(sent) == 3)
    assert sent[2] == 0.0, "one that was stopped sends nothing any more"
    other.stop()
