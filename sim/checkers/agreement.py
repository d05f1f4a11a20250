"""The status of a stream agrees with the items its consumer read: live where no gap is open, and not while one is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import GapClosed, GapOpened, Live
from sim.checkers.reading import frozen_us
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.traits import DISK_KINDS
from sim.world.evidence import Evidence

WHOLE: Final = frozenset({"LIVE", "SETTLING"})
BROKEN: Final = frozenset({"GAP", "RECOVERING", "CONNECTING"})
SLACK_US: Final = 1_500_000
"""An item has to be on the disk before it can be read."""

AFTER_US: Final = 60_000_000
NEVER_US: Final = 1 << 62


def agreement(evidence: Evidence) -> Iterator[Violation]:
    """Every stream by itself."""
    for stream in evidence.streams:
        yield from _of_stream(evidence, stream)


def _told_states(stream: Stream, end_us: int) -> Iterator[tuple[int, int, bool]]:
    """Yield each span in which the items say that it is live, or that it is not."""
    since_us, is_live = -1, False
    lost_us = max((loss.at_us for loss in stream.losses), default=-1)  # What was told until then is another journal's.
    for at_us, item in stream.told:
        if isinstance(item, GapOpened | GapClosed | Live):
            if since_us > lost_us:
                yield since_us, at_us, is_live
            since_us, is_live = at_us, not isinstance(item, GapOpened)
    if since_us > lost_us:
        yield since_us, end_us, is_live


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    last_us = min(stream.died_us or NEVER_US, stream.ended_us or NEVER_US, evidence.end_us)
    ends = [since_us for since_us, _ in stream.statuses[1:]] + [last_us]
    shown = [(since_us, until_us, word) for (since_us, word), until_us in zip(stream.statuses, ends, strict=True)]
    for since_us, until_us, is_live in _told_states(stream, last_us):
        for from_us, to_us, status in shown:
            if status not in (BROKEN if is_live else WHOLE):
                continue
            both_us = min(until_us, to_us) - max(since_us, from_us)
            if both_us > SLACK_US and not _held_up(evidence, stream, max(since_us, from_us), min(until_us, to_us)):
                told = "live" if is_live else "a gap"
                what = f"the status is {status} for {both_us / 1e6:.1f} s, and {told} is what was told"
                yield Violation("agreement", f"stream {stream.number}", max(since_us, from_us) / 1e6, what)
                return


def _held_up(evidence: Evidence, stream: Stream, from_us: int, to_us: int) -> bool:
    """Return True where something kept items from being written or read, or the process from running."""
    frozen = frozen_us(evidence, stream.process, from_us, to_us) > 0
    return frozen or any(
        fault.at_s * 1e6 <= to_us and fault.until_s * 1e6 + AFTER_US >= from_us
        for fault in evidence.of_client(stream.process, DISK_KINDS)
    )
