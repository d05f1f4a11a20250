"""Check that `GapClosed` is true: how much was recovered between a gap's two items, and from when on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from listenkey.items import GapClosed, GapOpened, Update
from listenkey.outcomes import GapCause
from sim.checkers.reading import fills_of, offsets_ms
from sim.checkers.violation import Violation
from sim.client.records import Stream, Told
from sim.world.evidence import Evidence

DROPS: Final = frozenset({GapCause.SLOW_READER, GapCause.JOURNAL_STUCK})
"""The causes of gaps that lie beside those of the connection."""

APART_MS: Final = 100
"""The error of the client's estimate of the venue's clock, beside jitter and an uneven way."""


def recoveries(evidence: Evidence) -> Iterator[Violation]:
    """Every gap that was closed, of every stream."""
    for stream in evidence.streams:
        for gap, between, at_us in closed_gaps(stream.told):
            yield from _of_gap(evidence, stream, gap, between, at_us)


def closed_gaps(items: Iterable[Told]) -> Iterator[tuple[GapClosed, list[Told], int]]:
    """
    Yield the ends of gaps, with the updates since each was first reported, and when it was closed.

    Within a gap between two sockets another may open and close, in which a slow reader or a full disk cost events. A gap
    that is reported again, because it began earlier, stays the same one.
    """
    opened: dict[bool, tuple[int, list[Told]]] = {}  # By whether events were dropped: where it begins, and its updates.
    for told in items:
        match told.item:
            case GapOpened() as gap:
                drops = gap.cause in DROPS
                opened[drops] = (gap.from_ms, opened[drops][1] if drops in opened else [])
            case GapClosed() as gap if opened:
                which = next((drops for drops, (from_ms, _) in opened.items() if from_ms == gap.from_ms), None)
                _, between = opened.pop(next(reversed(opened)) if which is None else which)
                yield gap, between, told.at_us
            case Update():
                for _, between in opened.values():
                    between.append(told)


def _of_gap(evidence: Evidence, stream: Stream, gap: GapClosed, between: list[Told], at_us: int) -> Iterator[Violation]:
    who, at_s = f"stream {stream.number}", at_us / 1e6
    found = [told for told in between if isinstance(told.item, Update) and told.item.provenance == "rest"]
    said, there = (gap.recovered, gap.recovered_fills, gap.recovered_orders), _counts(found)
    if said != there:
        what = "a gap says that {} items were brought back, {} fills and {} orders among them; between its two items there are {}, {} and {}"
        yield Violation("recovery.count", who, at_s, what.format(*said, *there))
    options = evidence.options
    slack_ms = APART_MS + 2 * options.jitter_ms + 2 * options.latency_ms
    most_ms = min(offsets_ms(evidence, stream.process, 0, at_us))
    for told in found:
        assert isinstance(told.item, Update)
        for key, words in fills_of(told.item.raw):
            early_ms = gap.from_ms - words["time_ms"] - most_ms
            if early_ms > slack_ms and not _moved(evidence, stream, at_us):
                what = f"a gap brought back {key}, which is {early_ms:.0f} ms older than the gap says it began"
                yield Violation("recovery.span", who, at_s, what)
                return


def _counts(found: list[Told]) -> tuple[int, int, int]:
    """Count items, fills and states of orders among them, by the row of REST: only a trade has `tradeId`, an order `executedQty`."""
    raws = [told.item.raw for told in found if isinstance(told.item, Update)]
    return len(raws), sum(b'"tradeId"' in raw for raw in raws), sum(b'"executedQty"' in raw for raw in raws)


def _moved(evidence: Evidence, stream: Stream, at_us: int) -> bool:
    """Return True where the wall clock was set, so that times before and after can't be compared."""
    return len(offsets_ms(evidence, stream.process, 0, at_us)) > 1
