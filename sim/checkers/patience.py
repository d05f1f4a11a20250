"""
A client that is not live does something about it: it is silent for no longer than the venue's own word, and its own
longest pause; and a row of REST that can't be read keeps no gap open.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from sim.checkers.reading import MINUTE_US, spans
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.model import Fault
from sim.faults.registry import KINDS
from sim.faults.traits import DISK_KINDS
from sim.world.evidence import Evidence

SILENT_MAX_US: Final = 6 * MINUTE_US
"""Five minutes between two tries where the API key itself was refused, and what a try takes."""

SPOILING: Final = frozenset({"wrong_shape"})
ALONE_S: Final = 300.0
"""The time after another fault in which a gap of its own may still be open."""

STALLED_US: Final = 2 * MINUTE_US
"""The longest that a gap stays open whose rows can't all be read: all the requests of a recovery, and a minute's weight."""

QUIET: Final = frozenset({"LIVE", "DOWN", "FAILED"})
"""The statuses in which a stream may send nothing but pings."""


def patience(evidence: Evidence) -> Iterator[Violation]:
    """Every stream, by what its process sent."""
    seats = len(evidence.options.processes)
    for stream in evidence.streams:
        if stream.process < seats:
            yield from _of_stream(evidence, stream)
            yield from _spoilt(evidence, stream)


def _spoilt(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    """Find a gap that stays open while nothing is wrong but that some rows of REST can't be read."""
    if not evidence.options.recovers:
        return
    for fault in evidence.of_client(stream.process, SPOILING):
        if not fault.param("rows") or not _is_alone(evidence, stream, fault):
            continue
        since_us, until_us = int(fault.at_s * 1e6), int(fault.until_s * 1e6)
        for gap in spans(stream):
            if gap.opened_us >= since_us and min(gap.closed_us, until_us) - gap.opened_us > STALLED_US:
                what = "a gap stays open, and nothing is wrong but rows that can't be read"
                yield Violation("patience.rows", f"stream {stream.number}", gap.opened_us / 1e6, what, stuck=True)
                return


def _is_alone(evidence: Evidence, stream: Stream, fault: Fault) -> bool:
    """Return True where no other fault touches the process or its account meanwhile, or did in the minutes before."""
    every = evidence.of_client(stream.process, frozenset(KINDS))
    from_s = fault.at_s - ALONE_S
    return not any(other != fault and other.until_s >= from_s and other.at_s <= fault.until_s for other in every)


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    client = evidence.clients[stream.process]
    sent = sorted([*(each.at_us for each in client.asked), *client.connects_us])
    last_us = min(evidence.end_us, stream.ended_us or evidence.end_us, stream.died_us or evidence.end_us)
    statuses = [*stream.statuses, (last_us, "DOWN")]
    for (since_us, status), (until_us, _) in itertools.pairwise(statuses):
        if status in QUIET or until_us - since_us <= SILENT_MAX_US:
            continue
        moments = [since_us, *(at_us for at_us in sent if since_us < at_us < until_us), until_us]
        for from_us, to_us in itertools.pairwise(moments):
            excused_us = _excused_us(evidence, stream, from_us, to_us)
            if to_us - from_us - excused_us > SILENT_MAX_US:
                what = f"{status}, and nothing was sent for {(to_us - from_us) / MINUTE_US:.0f} minutes"
                yield Violation("patience", f"stream {stream.number}", from_us / 1e6, what, stuck=True)
                return


def _excused_us(evidence: Evidence, stream: Stream, from_us: int, to_us: int) -> int:
    """Return how much of a time the process did not run, could not write, or was asked for silence."""
    client = evidence.clients[stream.process]
    spans = list(client.stalls_us)
    spans += [
        (each.answered_us, each.wait_until_us) for each in client.asked if each.answered_us and each.wait_until_us
    ]
    spans += [
        (int(fault.at_s * 1e6), int(fault.until_s * 1e6) + MINUTE_US)
        for fault in evidence.of_client(stream.process, DISK_KINDS)
    ]
    total_us, reached_us = 0, from_us
    for since_us, until_us in sorted(spans):
        begin_us, end_us = max(since_us, reached_us), min(until_us, to_us)
        if end_us > begin_us:
            total_us += end_us - begin_us
            reached_us = end_us
    return total_us
