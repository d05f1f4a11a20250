"""The plug is pulled by plan, put back in any case, and matched with the gap it made."""

from __future__ import annotations

import asyncio

from listenkey.cli.demo_plug import Damage, Mended, Plan, Saboteur, mended, plan_for
from listenkey.cli.demo_witness import SeenGap
from listenkey.cli.note import Note
from listenkey.sandbox.server import Sandbox


def test_a_plan_fits_into_the_time_there_is() -> None:
    assert plan_for(None) == plan_for(20) == plan_for(3600) == Plan(4.0, 3.0, 13.0, 20.0)
    assert plan_for(2).message_s is None
    for seconds in (0.5, 2.0, 8.0):
        plan = plan_for(seconds)
        assert plan.plug_s + plan.out_s < (plan.message_s or seconds) < plan.round_s + 0.1


def test_a_damage_is_told_with_its_own_gap() -> None:
    gaps = [SeenGap(0.1, 0, 5, 0.2), SeenGap(1.1, 1000, 2500, 2.75, 4), SeenGap(6.0, 5000)]
    plug, message = Damage("plug", 1.0, 2.0, 2000), Damage("message", 3.0, 5.0, 5000)
    first, second = mended([plug, message, Damage("plug", 9.0)], gaps)
    assert (first.kind, first.out_s, first.socket_s, first.whole_s, first.fills) == ("plug", 1.0, 0.5, 0.75, 4)
    assert second == Mended("message", 0.0, 1.0, 0.0, None, 0)
    assert mended([plug], []) == [Mended("plug", 1.0, None, 0.0, None, 0)]


async def test_the_saboteur_pulls_the_plug_and_mending_puts_it_back() -> None:
    notes: list[Note] = []
    exchange = Sandbox(market=False)
    async with exchange:
        saboteur = Saboteur(exchange, Plan(0.0, 60.0, None, 99.0), notes.append)
        at_work = asyncio.create_task(saboteur.run())
        while not exchange.faults():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
        assert [fault["kind"] for fault in exchange.faults()] == ["refuse_connections"]
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        (damage,) = saboteur.damages
        assert mended(saboteur.damages, []) == []
        saboteur.mend()
        assert exchange.faults() == []
        assert damage.over_s
        saboteur.mend()  # again, and nothing happens
    assert [note.words[:4] for note in notes] == ["PLUG"]


async def test_a_round_pulls_loses_and_tells() -> None:
    notes: list[Note] = []
    exchange = Sandbox(market=False)
    async with exchange:
        saboteur = Saboteur(exchange, Plan(0.0, 0.01, 0.02, 60.0), notes.append)
        at_work = asyncio.create_task(saboteur.run())
        while len(notes) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        assert [damage.kind for damage in saboteur.damages] == ["plug", "message"]
        assert exchange.faults()[0]["kind"] == "drop_event"
        saboteur.mend()
        assert mended(saboteur.damages, [])[0].kind == "plug"
    assert [note.words[:4] for note in notes] == ["PLUG", "PLUG", "LOSS"]
