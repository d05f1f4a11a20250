"""The recorder keeps fills and gaps as they came."""

from __future__ import annotations

from msgspec.structs import replace

from listenkey.cli.demo.recorder import Recorder
from listenkey.items import GapClosed, GapOpened
from tests.unit.cli.samples import AT_MS, live, order_event, recovered_event, resting_event, update


async def test_fills_of_a_gap_are_those_that_rest_brought_while_it_was_open() -> None:
    recorder = Recorder()
    recorder.add(live())
    recorder.add(GapOpened(2, "alice", 2000, "x"))
    recorder.add(GapOpened(3, "alice", 1000, "it began earlier"))
    assert [gap.closed_s for gap in recorder.recorded_gaps] == [None]
    recorder.add(replace(update(recovered_event()), provenance="rest"))
    recorder.add(update(order_event(t=42)))
    recorder.add(update(resting_event()))
    recorder.add(GapClosed(6, "alice", 1000, 3000, 1))
    (gap,) = recorder.recorded_gaps
    assert (gap.from_ms, gap.to_ms, gap.fills) == (1000, 3000, 1)
    assert gap.closed_s is not None
    assert gap.closed_s >= gap.opened_s
    assert [one.fill.trade_id for one in recorder.received] == [41, 42]
    assert (recorder.events, recorder.fills, recorder.gaps) == (3, 2, 2)
    assert recorder.received[0].fill.time_ms == AT_MS
