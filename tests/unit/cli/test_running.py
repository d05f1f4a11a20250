"""A stop is heard, the first reason counts, and tasks are put away without losing what they raised."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.cli import running
from listenkey.cli.running import Stop, cancel_and_wait, first_of


def test_the_time_ends_a_command_and_its_answer_is_the_exit_code() -> None:
    async def main(stop: Stop) -> int:
        await stop.asked.wait()
        assert stop.why == "time"
        return 7

    assert running.run(main, seconds=0.01) == 7


async def test_the_first_reason_stays_but_a_signal_beats_all() -> None:
    stop = Stop()
    stop.ask("closed")
    stop.ask("time")
    assert (stop.why, stop.asked.is_set()) == ("closed", True)


async def test_a_signal_starts_the_clock_and_a_second_one_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    clocks: list[float] = []

    class Clock:
        daemon = False

        def __init__(self, after_s: float, call: object) -> None:
            clocks.append(after_s)

        def start(self) -> None:
            assert self.daemon

    monkeypatch.setattr("os._exit", ends.append)
    monkeypatch.setattr("threading.Timer", Clock)
    stop = Stop(exit_code=5)
    said: list[str] = []
    stop.last_words.append(lambda: said.append("bye"))
    stop.on_signal()
    assert (stop.why, stop.asked.is_set(), clocks, ends, said) == ("signal", True, [running.STOP_WITHIN_S], [], [])
    stop.on_signal()
    assert (ends, said) == ([5], ["bye"])


async def test_first_of_returns_at_a_stop_and_raises_what_the_work_raised() -> None:
    stop = Stop()
    work = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(first_of(stop, work))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    stop.ask("time")
    await waiting
    await cancel_and_wait(work)  # type: ignore[arg-type]
    assert work.cancelled()

    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await first_of(Stop(), asyncio.create_task(fail()))


async def test_putting_away_raises_what_went_wrong_and_lets_us_be_cancelled() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    failing = asyncio.create_task(fail())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="broken"):
        await cancel_and_wait(failing)

    entered = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            entered.set()
            await asyncio.Event().wait()

    async def outer() -> None:
        held = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await cancel_and_wait(held)

    task = asyncio.create_task(outer())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
