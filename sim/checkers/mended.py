"""Check that `GapClosed` is true: how much was recovered between a gap's two items, and from when on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import GapClosed, GapOpened, Update
from sim.checkers.reading import fills_of, offsets_ms
from sim.checkers.violation import Violation
from sim.evidence import Evidence, Stream, Told

APART_MS: Final = 100
"""The error of the client's estimate of the venue's clock, beside jitter and an uneven way."""


def mended(evidence: Evidence) -> Iterator[Violation]:
    """Every gap that was closed, of every stream."""
    for stream in evidence.streams:
        opened: GapOpened | None = None
        between: list[Told] = []
        for told in stream.told:
            match told.item:
                case GapOpened() as gap:
                    opened = gap
                case GapClosed() as gap if opened is not None:
                    yield from _of_gap(evidence, stream, gap, between, told.at_us)
                    opened, between = None, []
                case Update() if opened is not None:
                    between.append(told)


def _of_gap(evidence: Evidence, stream: Stream, gap: GapClosed, between: list[Told], at_us: int) -> Iterator[Violation]:
    who, at_s = f"stream {stream.number}", at_us / 1e6
    found = [told for told in between if isinstance(told.item, Update) and told.item.provenance == "rest"]
    said, there = (gap.recovered, gap.recovered_fills, gap.recovered_orders), _counts(found)
    if said != there:
        what = "a gap says that {} items were brought back, {} fills and {} orders among them; between its two items there are {}, {} and {}"
        yield Violation("mended.count", who, at_s, what.format(*said, *there))
    options = evidence.options
    slack_ms = APART_MS + 2 * options.jitter_ms + 2 * options.latency_ms
    most_ms = min(offsets_ms(evidence, stream.process, 0, at_us))
    for told in found:
        assert isinstance(told.item, Update)
        for key, words in fills_of(told.item.raw):
            early_ms = gap.from_ms - words["time_ms"] - most_ms
            if early_ms > slack_ms and not _moved(evidence, stream, at_us):
                what = f"a gap brought back {key}, which is {early_ms:.0f} ms older than the gap says it began"
                yield Violation("mended.span", who, at_s, what)
                return


def _counts(found: list[Told]) -> tuple[int, int, int]:
    """Count items, fills and states of orders among them, by the row of REST: only a trade has `tradeId`, an order `executedQty`."""
    raws = [told.item.raw for told in found if isinstance(told.item, Update)]
    return len(raws), sum(b'"tradeId"' in raw for raw in raws), sum(b'"executedQty"' in raw for raw in raws)


def _moved(evidence: Evidence, stream: Stream, at_us: int) -> bool:
    """Return True where the wall clock was set, so that times before and after can't be compared."""
    return len(offsets_ms(evidence, stream.process, 0, at_us)) > 1
