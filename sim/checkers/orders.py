"""Check that REST never moves an order back: less filled, or alive again after its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from listenkey.items import Update
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.world.evidence import Evidence

ENDED: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})


def orders(evidence: Evidence) -> Iterator[Violation]:
    """Every stream by itself."""
    for stream in evidence.streams:
        yield from _of_stream(stream)


def _of_stream(stream: Stream) -> Iterator[Violation]:
    filled: dict[tuple[str, int], Decimal] = {}
    ended: set[tuple[str, int]] = set()
    for at_us, item in stream.told:
        if not isinstance(item, Update):
            continue
        if b'"ORDER_TRADE_UPDATE"' in item.raw:
            order = json.loads(item.raw)["o"]
            number, now, status = (order["s"], int(order["i"])), Decimal(order["z"]), order["X"]
        elif b'"executedQty"' in item.raw:
            row = json.loads(item.raw)
            number, now, status = (row["symbol"], row["orderId"]), abs(Decimal(row["executedQty"])), row["status"]
            if now < filled.get(number, now) or (number in ended and status not in ENDED):
                yield Violation("orders.back", f"stream {stream.number}", at_us / 1e6, f"order {number} goes back")
        else:
            continue
        filled[number] = max(now, filled.get(number, now))
        if status in ENDED:
            ended.add(number)
