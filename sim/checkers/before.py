"""
Check that no item is older than the stream's first `Live`, in this process or a later one, unless in a gap.

One thing is right all the same: a process may stand still while its first socket is opened. The venue pushes from then
on, and the client reads the answer and all the messages when it wakes, so these are older than the moment of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import Live, Update
from sim.checkers.reading import fills_of, had_live, latency_ms, offsets_ms, spans
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.world.evidence import Evidence

CLOCKS_MS: Final = 1000
"""The error allowed in the client's estimate of the venue's clock, beside the way from the venue."""


def before(evidence: Evidence) -> Iterator[Violation]:
    """Every stream by itself."""
    for stream in evidence.streams:
        yield from _of_stream(evidence, stream)


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    first = next((told for told in stream.told if isinstance(told.item, Live)), None)
    if first is None or had_live(stream, evidence.end_us) is not None:
        return
    assert isinstance(first.item, Live)
    since_ms = first.item.since_ms - max(offsets_ms(evidence, stream.process, 0, first.at_us))
    since_ms -= CLOCKS_MS + round(2 * latency_ms(evidence, stream.process, first.at_us))
    asleep_us = _opened_asleep_us(evidence, stream, first.at_us)
    gaps = spans(stream)
    for at_us, item in stream.told:
        if not isinstance(item, Update):
            continue
        for key, words in fills_of(item.raw):
            at_ms = words["time_ms"]
            if at_ms >= since_ms or any(gap.from_ms <= at_ms for gap in gaps):
                continue
            if asleep_us is not None and "ws" in item.provenance and evidence.us_of(at_ms) >= asleep_us:
                continue
            what = f"{key} was told, and is {(since_ms - at_ms) / 1000:.1f} s older than the first `Live`"
            yield Violation("before", f"stream {stream.number}", at_us / 1e6, what)


def _opened_asleep_us(evidence: Evidence, stream: Stream, live_us: int) -> int | None:
    """Return since when the process stood still that was live as it woke; None where it ran before."""
    began_us = stream.statuses[0][0] if stream.statuses else 0
    stalls = evidence.clients[stream.process].stalls_us
    return min(
        (
            from_us
            for from_us, to_us in stalls
            if began_us <= from_us and to_us - CLOCKS_MS <= live_us <= to_us + CLOCKS_MS * 1000
        ),
        default=None,
    )
