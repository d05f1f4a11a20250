"""The plug is pulled by plan, put back in any case, and matched with the gap it made."""

from __future__ import annotations

import asyncio

from listenkey.cli.demo.faults import FaultInjector, FaultOutcome, FaultPlan, InjectedFault, outcomes_of, plan_for
from listenkey.cli.demo.recorder import RecordedGap
from listenkey.cli.display.annotation import Annotation
from listenkey.sandbox.server import Sandbox


def test_a_plan_fits_into_the_time_there_is() -> None:
    assert plan_for(None) == plan_for(20) == plan_for(3600) == FaultPlan(4.0, 3.0, 13.0, 20.0)
    assert plan_for(2).message_s is None
    for seconds in (0.5, 2.0, 8.0):
        plan = plan_for(seconds)
        assert plan.plug_s + plan.out_s < (plan.message_s or seconds) < plan.round_s + 0.1


def test_a_fault_is_reported_with_its_own_gap() -> None:
    gaps = [RecordedGap(0.1, 0, 5, 0.2), RecordedGap(1.1, 1000, 2500, 2.75, 4), RecordedGap(6.0, 5000)]
    plug, message = InjectedFault("plug", 1.0, 2.0, 2000), InjectedFault("message", 3.0, 5.0, 5000)
    first, second = outcomes_of([plug, message, InjectedFault("plug", 9.0)], gaps)
    assert (first.kind, first.out_s, first.socket_s, first.whole_s, first.fills) == ("plug", 1.0, 0.5, 0.75, 4)
    assert second == FaultOutcome("message", 0.0, 1.0, 0.0, None, 0)
    assert outcomes_of([plug], []) == [FaultOutcome("plug", 1.0, None, 0.0, None, 0)]


async def test_the_injector_pulls_the_plug_and_clearing_puts_it_back() -> None:
    lines: list[Annotation] = []
    exchange = Sandbox(market=False)
    async with exchange:
        injector = FaultInjector(exchange, FaultPlan(0.0, 60.0, None, 99.0), lines.append)
        at_work = asyncio.create_task(injector.run())
        while not exchange.faults():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
        assert [fault["kind"] for fault in exchange.faults()] == ["refuse_connections"]
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        (fault,) = injector.injected
        assert outcomes_of(injector.injected, []) == []
        injector.clear()
        assert exchange.faults() == []
        assert fault.over_s
        injector.clear()  # again, and nothing happens
    assert [line.text[:4] for line in lines] == ["PLUG"]


async def test_a_round_pulls_loses_and_tells() -> None:
    lines: list[Annotation] = []
    exchange = Sandbox(market=False)
    async with exchange:
        injector = FaultInjector(exchange, FaultPlan(0.0, 0.01, 0.02, 60.0), lines.append)
        at_work = asyncio.create_task(injector.run())
        while len(lines) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        assert [fault.kind for fault in injector.injected] == ["plug", "message"]
        assert exchange.faults()[0]["kind"] == "drop_event"
        injector.clear()
        assert outcomes_of(injector.injected, [])[0].kind == "plug"
    assert [line.text[:4] for line in lines] == ["PLUG", "PLUG", "LOSS"]
