"""Every fill that was not told lies in a gap that was, and the gap was told in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import Live
from sim.checkers.reading import (
    KEY_LIFE_US,
    MINUTE_US,
    Span,
    frozen_us,
    held_ms,
    key_ends_us,
    latency_ms,
    offsets_ms,
    spans,
    told_fills,
)
from sim.checkers.violation import Violation
from sim.evidence import Evidence, Stream
from sim.faults import REST_KINDS

UNDER_WAY_US: Final = 10_000_000
"""What happened in the last seconds of a run may still be under way."""

SILENCE_US: Final = 15_000_000
"""Ten seconds until a dead connection is noticed, and what a frame and a timer may take."""

RENEWAL_US: Final = 24 * MINUTE_US
"""Until a key that died without a word is asked after."""

UNSEEN: Final = frozenset({"mute", "drop_event"})
"""Nothing in the stream shows these; see `sim/world.py`."""


def covered(evidence: Evidence) -> Iterator[Violation]:
    """Every stream against the ledger of its account."""
    for stream in evidence.streams:
        yield from _of_stream(evidence, stream)


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    live_us = next((told.at_us for told in stream.told if isinstance(told.item, Live)), None)
    if live_us is None:
        return
    until_us = (stream.ended_us or evidence.end_us) - UNDER_WAY_US
    have = {(order["s"], order["t"], order["i"]) for _, _, order in told_fills(stream)}
    gaps = spans(stream)
    ends_us = key_ends_us(evidence, stream.account)
    for row in evidence.ledgers[stream.account]["fills"]:
        at_us = evidence.us_of(row["time_ms"])
        key = (row["symbol"], row["trade_id"], row["order_id"])
        if key in have or not live_us <= at_us <= until_us or _unseen(evidence, stream, at_us):
            continue
        holding = [gap for gap in gaps if _holds(evidence, stream, gap, at_us)]
        who = f"stream {stream.number}"
        if not holding:
            yield Violation("coverage.silent", who, at_us / 1e6, f"{key} was not told, and no gap holds it")
            continue
        opened_us = min(gap.opened_us for gap in holding)
        bound_us = _bound_us(evidence, stream, at_us, opened_us, ends_us)
        if opened_us - at_us > bound_us:
            late_s = (opened_us - at_us) / 1e6
            yield Violation("coverage.late", who, at_us / 1e6, f"the gap that holds {key} was told {late_s:.0f} s later")


def _unseen(evidence: Evidence, stream: Stream, at_us: int) -> bool:
    return any(
        fault.at_s * 1e6 - 1e6 <= at_us <= fault.until_s * 1e6 + 1e6
        for fault in evidence.of_client(stream.process, UNSEEN)
    )


def _holds(evidence: Evidence, stream: Stream, gap: Span, at_us: int) -> bool:
    """Whether the fill lies in the gap, by the client's wall clock as it was at any moment in between."""
    early_ms = latency_ms(evidence, stream.process, at_us) + held_ms(evidence, stream.process, at_us)
    at_ms = evidence.options.start_ms + at_us // 1000
    offsets = offsets_ms(evidence, stream.process, at_us - 2 * KEY_LIFE_US, gap.closed_us)
    return any(gap.from_ms - early_ms <= at_ms + offset_ms <= gap.to_ms + 2 for offset_ms in offsets)


def _bound_us(evidence: Evidence, stream: Stream, at_us: int, opened_us: int, ends_us: list[int]) -> int:
    bound_us = SILENCE_US + int(1000 * latency_ms(evidence, stream.process, at_us))
    bound_us += int(1000 * held_ms(evidence, stream.process, at_us))
    if any(at_us - KEY_LIFE_US <= end_us <= at_us for end_us in ends_us):
        bound_us = RENEWAL_US
        hindered = any(
            fault.at_s * 1e6 <= at_us + RENEWAL_US and fault.until_s * 1e6 >= at_us - MINUTE_US
            for fault in evidence.of_client(stream.process, REST_KINDS)
        )
        bound_us = KEY_LIFE_US if hindered else bound_us
    # While it sleeps or is stalled, it can tell nobody.
    return bound_us + frozen_us(evidence, stream.process, at_us - MINUTE_US, opened_us)
