"""While no socket is to be had and REST answers, fills come all the same: soon, though the gap stays open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import Live
from sim.checkers.reading import MINUTE_US, latency_ms, told_fills
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.model import Fault
from sim.faults.registry import KINDS
from sim.world.evidence import Evidence

SOCKETLESS: Final = frozenset({"retired"})
OTHERS: Final = frozenset(KINDS) - SOCKETLESS
NEAR_US: Final = 3 * MINUTE_US
"""The time after which another fault leaves nothing behind."""

SOON_US: Final = 20_000_000
"""Ten seconds between two polls, two for which a fill is held for the sake of order, and what asking takes."""


def polling(evidence: Evidence) -> Iterator[Violation]:
    """Every stream that can ask REST, while its address is retired and nothing else is wrong."""
    if not evidence.options.recovers:
        return
    for stream in evidence.streams:
        for fault in evidence.of_client(stream.process, SOCKETLESS):
            if fault.client == stream.process and not _disturbed(evidence, stream, fault):
                yield from _of_fault(evidence, stream, fault)


def _disturbed(evidence: Evidence, stream: Stream, fault: Fault) -> bool:
    begin_us, end_us = fault.at_s * 1e6 - NEAR_US, fault.until_s * 1e6 + SOON_US
    others = [each for each in evidence.of_client(stream.process, OTHERS | SOCKETLESS) if each is not fault]
    return any(each.at_s * 1e6 <= end_us and each.until_s * 1e6 >= begin_us for each in others)


def _of_fault(evidence: Evidence, stream: Stream, fault: Fault) -> Iterator[Violation]:
    live_us = next((told.at_us for told in stream.told if isinstance(told.item, Live)), None)
    if live_us is None or live_us > fault.at_s * 1e6:
        return
    told_us = {fill.key: fill.at_us for fill in reversed(list(told_fills(stream)))}
    for row in evidence.ledgers[stream.account]["fills"]:
        at_us = evidence.us_of(row["time_ms"])
        if not fault.at_s * 1e6 <= at_us <= fault.until_s * 1e6:
            continue
        key = (row["symbol"], row["trade_id"], row["order_id"])
        took_us = told_us.get(key, evidence.end_us) - at_us
        if took_us > SOON_US + 10_000 * latency_ms(evidence, stream.process, at_us):
            what = f"no socket was to be had, and {key} came over REST after {took_us / 1e6:.0f} s"
            yield Violation("polled", f"stream {stream.number}", at_us / 1e6, what)
