"""The one timer of a stream, with a lifecycle that has the deadline it is told to have."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from listenkey.core import inputs as on
from listenkey.outcomes import GapCause, Reason
from listenkey.stream.deadline_timer import DeadlineTimer
from listenkey.transport.clock import SystemClock

NEVER_S = 1e12


class Life:
    def __init__(self) -> None:
        self.at_s: float | None = None
        self.quiet_until_s = 0.0
        self.listen_key = self

    def wake_at_s(self) -> float | None:
        return self.at_s


class Suspicions:
    """A watch that suspects a loss."""

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self.told = on.Doubted(1, Reason(GapCause.ORDER_DIFFERS, "an order"))

    def due_at_s(self) -> float:
        return self.at_s

    def doubts(self) -> list[Any]:
        self.at_s = NEVER_S
        return [self.told]


class Side:
    def __init__(self) -> None:
        self.clock = SystemClock()
        self.life = Life()
        self.fed: list[on.Input] = []
        self.noted = 0
        self.happened = asyncio.Event()
        self.timer = DeadlineTimer(cast("Any", self.life), self.clock, self.feed, self.note)

    def feed(self, happened: on.Input) -> None:
        self.fed.append(happened)
        self.life.at_s = None
        self.happened.set()

    def note(self) -> None:
        self.noted += 1
        self.life.quiet_until_s = 0.0
        self.happened.set()

    async def wait(self) -> None:
        async with asyncio.timeout(5):
            await self.happened.wait()


async def test_a_deadline_is_told_when_it_has_come() -> None:
    side = Side()
    side.life.at_s = side.clock.now_s() + NEVER_S
    side.timer.set()
    side.life.at_s = side.clock.now_s() + 0.01
    side.timer.set()
    await side.wait()
    assert side.fed == [on.TimerDue()]


async def test_a_timer_that_comes_too_early_is_set_anew_and_nothing_else() -> None:
    side = Side()
    side.life.at_s = side.clock.now_s() + NEVER_S
    side.timer.set()
    side.timer._on_timer()
    assert (side.fed, side.noted) == ([], 0)
    side.life.at_s = side.clock.now_s()
    side.timer.set()
    await side.wait()
    assert side.fed == [on.TimerDue()]


async def test_a_deadline_that_has_moved_is_waited_for_anew() -> None:
    side = Side()
    side.life.at_s = side.clock.now_s() + NEVER_S
    side.life.quiet_until_s = side.clock.now_s() + 0.01
    side.timer.set()
    await side.wait()
    assert (side.fed, side.noted) == ([], 1)
    side.happened.clear()
    side.life.at_s = side.clock.now_s()
    side.timer.set()
    await side.wait()
    assert side.fed == [on.TimerDue()]


async def test_a_suspected_loss_is_told_at_its_own_deadline() -> None:
    side = Side()
    side.life.at_s = side.clock.now_s() + NEVER_S
    losses = side.timer.losses = cast("Any", Suspicions(side.clock.now_s() + 0.01))
    side.timer.set()
    await side.wait()
    assert side.fed == [losses.told]


async def test_an_ended_stream_has_no_timer() -> None:
    side = Side()
    side.life.at_s = side.clock.now_s()
    side.timer.set()
    side.life.at_s = None
    side.timer.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (side.fed, side.noted) == ([], 0)
