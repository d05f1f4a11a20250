"""Check the grammar of items: numbers without holes, gaps that open and close in turn, no stream that just ends."""

from __future__ import annotations

from collections.abc import Iterator

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import GapCause
from sim.checkers.reading import had_live
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.world.evidence import Evidence


def grammar(evidence: Evidence) -> Iterator[Violation]:
    """Every stream by itself."""
    for stream in evidence.streams:
        yield from _of_stream(stream, stepped=len(evidence.clients[stream.process].wall_offsets) > 1)
        if stream.ended_us is not None:
            yield Violation("grammar.end", f"stream {stream.number}", stream.ended_us / 1e6, f"ended: {stream.error}")


def _next(stream: Stream, last: int) -> tuple[int, int]:
    """Return the number that comes next, and how many before it were lost."""
    expected = max((loss.last_seq + 1 for loss in stream.losses if loss.first_seq == last + 1), default=last + 1)
    return expected, expected - last - 1


def _of_stream(stream: Stream, *, stepped: bool) -> Iterator[Violation]:
    open_from_ms: int | None = None
    was_live = False
    last = 0
    for at_us, item in stream.told:
        expected, lost = _next(stream, last)
        problem = "" if item.seq == expected else f"item {expected} is numbered {item.seq}"
        last = item.seq
        # The consumer knows: it was told so by what is lost.
        was_live = was_live or (lost > 0 and had_live(stream, at_us) is not None)
        if (
            lost
            and was_live
            and open_from_ms is None
            and not (isinstance(item, GapOpened) and item.cause is GapCause.JOURNAL_LOST)
        ):
            problem = problem or f"{lost} items were lost before item {item.seq}, and nobody is told"
        match item:
            case GapOpened(from_ms=from_ms):
                # Told again only where it turns out to have begun earlier.
                again = open_from_ms is not None and from_ms >= open_from_ms and not stepped
                problem = problem or ("a gap opens in a gap" if again else "")
                problem = problem or ("" if was_live else "a gap opens before the stream was live")
                open_from_ms = from_ms
            case GapClosed(from_ms=from_ms, to_ms=to_ms):
                if open_from_ms != from_ms or to_ms < from_ms:
                    problem = f"a gap from {from_ms} to {to_ms} closes, and {open_from_ms} is open"
                open_from_ms = None
            case Live():
                problem = problem or ("live in a gap" if open_from_ms is not None else "")
                was_live = True
        if problem:
            yield Violation("grammar", f"stream {stream.number}", at_us / 1e6, problem)
