"""Check that faults of one account leave the others of its process alone: their fills are delivered at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import Live
from sim.checkers.reading import MINUTE_US, latency_ms, told_fills
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.model import Fault
from sim.faults.registry import KINDS
from sim.world.evidence import Evidence

POISONS: Final = "poison"
ANY: Final = frozenset(KINDS)
NEAR_US: Final = 3 * MINUTE_US
"""The time after which another fault leaves nothing behind."""

AT_ONCE_US: Final = 500_000
"""The time allowed beside the way from the venue; a disk that is well takes none here."""


def isolation(evidence: Evidence) -> Iterator[Violation]:
    """Every co-tenant of a process whose own account is being poisoned, where nothing else is wrong with it."""
    seats = len(evidence.options.processes)
    for stream in evidence.streams:
        if stream.process < seats:
            continue
        host = evidence.host_of(stream.process)
        for fault in evidence.faults:
            if fault.kind == POISONS and fault.client == host:
                yield from _of_fault(evidence, stream, fault)


def _of_fault(evidence: Evidence, stream: Stream, fault: Fault) -> Iterator[Violation]:
    live_us = next((told.at_us for told in stream.told if isinstance(told.item, Live)), evidence.end_us)
    told_us = {fill.key: fill.at_us for fill in reversed(list(told_fills(stream)))}
    last_us = stream.died_us or stream.ended_us or evidence.end_us
    others = evidence.of_client(stream.process, ANY)
    for row in evidence.ledgers[stream.account]["fills"]:
        at_us = evidence.us_of(row["time_ms"])
        if not max(live_us, fault.at_s * 1e6) <= at_us <= min(fault.until_s * 1e6, last_us):
            continue
        bound_us = AT_ONCE_US + int(1000 * latency_ms(evidence, stream.process, at_us))
        if any(each.at_s * 1e6 <= at_us + bound_us and each.until_s * 1e6 >= at_us - NEAR_US for each in others):
            continue
        took_us = told_us.get((row["symbol"], row["trade_id"], row["order_id"]), evidence.end_us) - at_us
        if took_us > bound_us:
            what = f"trade {row['trade_id']} was told {took_us / 1e6:.1f} s later, while another account was poisoned"
            yield Violation("apart", f"stream {stream.number}", at_us / 1e6, what)
