"""Check that a stream is live within a bound after the faults, and brings every fill from then on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.outcomes import GapCause
from sim.checkers.reading import KEY_LIFE_US, MINUTE_US, key_ends_us, told_fills
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.traits import LASTING
from sim.world.evidence import Evidence

SOON_US: Final = 150_000_000
"""Thirty seconds of backoff, ten of a request, five of opening, a firewall's minute."""

AT_LAST_US: Final = 30 * MINUTE_US
"""The bound where a key died without a word just before: until the next renewal, and the above."""

REFUSING: Final = frozenset({"contract_refused", "lag_and_drops", "no_positions"})
REFUSED_US: Final = 4 * MINUTE_US

UNDER_WAY_US: Final = 10_000_000


def liveness(evidence: Evidence) -> Iterator[Violation]:
    """Every stream that has not ended."""
    for stream in evidence.streams:
        if stream.ended_us is None and stream.died_us is None:
            yield from _of_stream(evidence, stream)


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    who = f"stream {stream.number}"
    from_us = evidence.heal_us + _bound_us(evidence, stream)
    is_live = was_live = False
    opened_us = -1
    for at_us, item in stream.told:
        if at_us > from_us:
            if not is_live:
                break
            if isinstance(item, GapOpened) and _was_dead_from_its_beginning(evidence, stream, item):
                from_us = at_us + SOON_US
            elif isinstance(item, GapOpened):
                yield Violation("alive.relapse", who, at_us / 1e6, f"a gap after the faults: {item.why}", stuck=True)
                break
        if isinstance(item, Live):
            is_live = True
        elif isinstance(item, GapClosed):
            # Of a frame that can't be read nothing but its gap is told, and the stream goes on.
            is_live = was_live and at_us == opened_us
        elif isinstance(item, GapOpened):
            was_live, is_live, opened_us = is_live, False, at_us
    if not is_live:
        yield Violation("alive.live", who, from_us / 1e6, "not live, and nothing is in the way", stuck=True)
        return
    have = {fill.key for fill in told_fills(stream)}
    for row in evidence.ledgers[stream.account]["fills"]:
        at_us = evidence.us_of(row["time_ms"])
        if (
            from_us < at_us < evidence.end_us - UNDER_WAY_US
            and (row["symbol"], row["trade_id"], row["order_id"]) not in have
        ):
            yield Violation("alive.fills", who, at_us / 1e6, f"trade {row['trade_id']} was not told", stuck=True)


def _was_dead_from_its_beginning(evidence: Evidence, stream: Stream, gap: GapOpened) -> bool:
    """Return True where REST showed that a socket was dead from its beginning: nothing had happened until then."""
    return gap.cause is GapCause.REST_SHOWS_MORE and bool(evidence.of_client(stream.process, LASTING))


def _bound_us(evidence: Evidence, stream: Stream) -> int:
    """Return the time allowed after the faults; longer where a key died unseen or the venue asked for silence."""
    heal_us = evidence.heal_us
    ended = any(heal_us - KEY_LIFE_US <= end_us for end_us in key_ends_us(evidence, stream.account))
    asked = evidence.clients[stream.process].asked
    # Each contract that was refused, or had a fill lost, is asked for again, and the weight limit makes that minutes.
    refused = evidence.of_client(stream.process, REFUSING)
    more_us = REFUSED_US if any(fault.until_s * 1e6 > heal_us - REFUSED_US for fault in refused) else 0
    silence_us = max((each.wait_until_us - heal_us for each in asked), default=0)
    return max(0, silence_us) + (AT_LAST_US if ended else SOON_US) + more_us
