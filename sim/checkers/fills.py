"""Each fill once, to the digit, none that the ledger does not have, and all in the ledger's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.checkers.reading import held_ms, told_fills
from sim.checkers.violation import Violation
from sim.evidence import Evidence, Stream

FIELDS = {
    "order_id": "i",
    "side": "S",
    "quantity": "l",
    "price": "L",
    "commission": "n",
    "commission_asset": "N",
    "realized_profit": "rp",
    "maker": "m",
    "time_ms": "T",
    "filled_quantity": "z",
}
"""The ledger's word and the event's letter."""


def fills(evidence: Evidence) -> Iterator[Violation]:
    """Every stream against the ledger of its account."""
    ledgers = {
        account: {(row["symbol"], row["trade_id"], row["order_id"]): (place, row) for place, row in enumerate(ledger["fills"])}
        for account, ledger in evidence.ledgers.items()
    }
    for stream in evidence.streams:
        yield from _of_stream(evidence, stream, ledgers[stream.account])


def _of_stream(
    evidence: Evidence, stream: Stream, ledger: dict[tuple[str, int, int], tuple[int, dict[str, Any]]]
) -> Iterator[Violation]:
    seen: set[tuple[str, int, int]] = set()
    latest = -1
    who = f"stream {stream.number}"
    for at_us, item, order in told_fills(stream):
        at_s = at_us / 1e6
        key = (order["s"], order["t"], order["i"])
        event: Any = item.event
        if (event.symbol, event.trade_id, event.order_id, event.order.last_quantity_text) != (*key, order["l"]):
            yield Violation("fills.decoded", who, at_s, f"{key} is told as {event.symbol} {event.trade_id}")
        if key in seen:
            yield Violation("fills.once", who, at_s, f"{key} is told twice")
        seen.add(key)
        if key not in ledger:
            yield Violation("fills.invented", who, at_s, f"the ledger has no {key}")
            continue
        place, row = ledger[key]
        wrong = [word for word, letter in FIELDS.items() if row[word] != order[letter]]
        if wrong:
            yield Violation("fills.digits", who, at_s, f"{key}: {wrong[0]} is not the ledger's")
        if place < latest and not held_ms(evidence, stream.process, evidence.us_of(row["time_ms"])):
            yield Violation("fills.order", who, at_s, f"{key} comes after a later fill")
        latest = max(latest, place)
