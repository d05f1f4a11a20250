"""Check that nothing is left of a stream that was closed, or cancelled while it opened, read, committed or closed."""

from __future__ import annotations

from collections.abc import Iterator

from sim.checkers.violation import Violation
from sim.world.evidence import Evidence


def closing(evidence: Evidence) -> Iterator[Violation]:
    """Every stream."""
    for stream in evidence.streams:
        for at_us, what in stream.left:
            yield Violation("closing", f"stream {stream.number}", at_us / 1e6, what)
