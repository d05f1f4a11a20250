"""The witness keeps fills and gaps as they came."""

from __future__ import annotations

from msgspec.structs import replace

from listenkey.cli.demo_witness import Witness
from listenkey.items import GapClosed, GapOpened
from tests.unit.cli.making import AT_MS, live, order_event, recovered_event, resting_event, update


async def test_fills_of_a_gap_are_those_that_rest_brought_while_it_was_open() -> None:
    witness = Witness()
    witness.add(live())
    witness.add(GapOpened(2, "alice", 2000, "x"))
    witness.add(GapOpened(3, "alice", 1000, "it began earlier"))
    assert [gap.closed_s for gap in witness.seen_gaps] == [None]
    witness.add(replace(update(recovered_event()), provenance="rest"))
    witness.add(update(order_event(t=42)))
    witness.add(update(resting_event()))
    witness.add(GapClosed(6, "alice", 1000, 3000, 1))
    (gap,) = witness.seen_gaps
    assert (gap.from_ms, gap.to_ms, gap.fills) == (1000, 3000, 1)
    assert gap.closed_s is not None
    assert gap.closed_s >= gap.opened_s
    assert [one.fill.trade_id for one in witness.received] == [41, 42]
    assert (witness.events, witness.fills, witness.gaps) == (3, 2, 2)
    assert witness.received[0].fill.time_ms == AT_MS
