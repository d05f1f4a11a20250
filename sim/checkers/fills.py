"""Each fill once, to the digit, none that the ledger does not have, and all in the ledger's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from listenkey.items import Live
from listenkey.venue import WEIGHT_PER_MINUTE_ASSUMED
from sim.checkers.reading import KEY_LIFE_US, MINUTE_US, FillKey, held_ms, is_same_word, key_ends_us, told_fills
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.traits import LAG_KINDS, REST_KINDS, UNSEEN
from sim.world.evidence import Evidence

LATE_KINDS: Final = (
    REST_KINDS | LAG_KINDS | UNSEEN | {"delay", "reorder", "malformed", "poison", "key_fight", "key_storm"}
)

SPENT_SHARE: Final = 0.5
"""The share of the weight limit beyond which requests wait: a recovery may fill 0.75, its next one needs up to 0.25."""


def fills(evidence: Evidence) -> Iterator[Violation]:
    """Every stream against the ledger of its account."""
    ledgers = {
        account: {(row["symbol"], row["trade_id"], row["order_id"]): row for row in ledger["fills"]}
        for account, ledger in evidence.ledgers.items()
    }
    for stream in evidence.streams:
        yield from _of_stream(evidence, stream, ledgers[stream.account])


def _of_stream(
    evidence: Evidence, stream: Stream, ledger: dict[tuple[str, int, int], dict[str, Any]]
) -> Iterator[Violation]:
    seen: dict[tuple[str, int, int], int] = {}
    latest_ms, newest = -1, dict[tuple[str, int], int]()  # The newest trade id of each symbol and millisecond.
    who = f"stream {stream.number}"
    for at_us, item, key, words in told_fills(stream):
        at_s = at_us / 1e6
        if (key, words["quantity"]) not in list(_decoded(item.event)):
            yield Violation("fills.decoded", who, at_s, f"{key} is not told as what it is")
        if key in seen and seen[key] not in stream.removed:
            yield Violation("fills.once", who, at_s, f"{key} is told twice")
        seen[key] = item.seq
        row = ledger.get(key)
        if row is None:
            yield Violation("fills.invented", who, at_s, f"the ledger has no {key}")
            continue
        wrong = [word for word, value in words.items() if not is_same_word(evidence, value, row[word])]
        if wrong:
            yield Violation("fills.digits", who, at_s, f"{key}: {wrong[0]} is not the ledger's")
        moment = (key[0], words["time_ms"])
        is_late = words["time_ms"] < latest_ms or key[1] < newest.get(moment, -1)
        if is_late and not item.late:
            yield Violation("fills.order", who, at_s, f"{key} comes after a later fill, and is not marked as late")
        if item.late and not is_late and not stream.is_later_life(at_us):
            yield Violation("fills.late", who, at_s, f"{key} is marked as late, and is not")
        if is_late and item.late and not _may_be_late(evidence, stream, row, at_us):
            yield Violation("fills.late", who, at_s, f"{key} is late without a cause")
        if (
            is_late
            and not evidence.options.recovers
            and not held_ms(evidence, stream.process, evidence.us_of(row["time_ms"]))
        ):
            yield Violation("fills.order", who, at_s, f"{key} comes after a later fill")
        latest_ms = max(latest_ms, words["time_ms"])
        newest[moment] = max(newest.get(moment, -1), key[1])


def _may_be_late(evidence: Evidence, stream: Stream, row: dict[str, Any], told_us: int) -> bool:
    """Return True where something delayed it: events held or lost on a living connection, or REST."""
    began_ms = next((item.since_ms for _, item in stream.told if isinstance(item, Live)), 0)
    if row["time_ms"] <= began_ms or _was_spent(evidence, stream.process, told_us):
        return True  # the first: rather a fill from before the stream began than one too few
    at_us = evidence.us_of(row["time_ms"])
    hindered = any(
        fault.at_s * 1e6 - MINUTE_US <= at_us + KEY_LIFE_US and fault.until_s * 1e6 + MINUTE_US >= at_us
        for fault in evidence.of_client(stream.process, LATE_KINDS)
    )
    return hindered or any(abs(at_us - end_us) <= KEY_LIFE_US for end_us in key_ends_us(evidence, stream.account))


def _was_spent(evidence: Evidence, process: int, told_us: int) -> bool:
    """Return True where so much weight was used in the last minute that the rest had to wait for the next."""
    limit = min(WEIGHT_PER_MINUTE_ASSUMED, evidence.options.venue_switches().weight_per_minute)
    recent = (each.weight for each in evidence.clients[process].asked if 0 <= told_us - each.at_us <= MINUTE_US)
    return sum(recent) > limit * SPENT_SHARE


def _decoded(event: Any) -> Iterator[tuple[FillKey, str]]:
    """Yield the fills that the client decodes from a message or a row, and the quantity of each."""
    if hasattr(event, "orders"):
        for order in event.orders:
            for fill in order.fills:
                yield (order.symbol, fill.trade_id, order.order_id), fill.quantity_text
    else:
        own = event.order if hasattr(event, "order") else event
        yield (event.symbol, event.trade_id, event.order_id), own.last_quantity_text
