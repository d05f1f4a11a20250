"""
A client that is not live does something about it: it is silent for no longer than the venue's own word, and its own
longest pause.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from sim.checkers.reading import MINUTE_US
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.traits import DISK_KINDS
from sim.world.evidence import Evidence

SILENT_MAX_US: Final = 6 * MINUTE_US
"""Five minutes between two tries where the API key itself was refused, and what a try takes."""

QUIET: Final = frozenset({"LIVE", "DOWN", "FAILED"})
"""The statuses in which a stream may send nothing but pings."""


def patience(evidence: Evidence) -> Iterator[Violation]:
    """Every stream, by what its process sent."""
    seats = len(evidence.options.processes)
    for stream in evidence.streams:
        if stream.process < seats:
            yield from _of_stream(evidence, stream)


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
