"""
An exercise that happened while nobody listened comes back with the gap that it lies in, or the gap names it.

So does one of a position that the client knew, whose own message was lost while all else came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from listenkey.items import Update
from listenkey.outcomes import Loss
from sim.checkers.coverage import LAG_US, Case, bound_us
from sim.checkers.reading import MINUTE_US, Span
from sim.checkers.violation import Violation
from sim.faults.traits import LAG_KINDS
from sim.world.evidence import Evidence

NAMED: Final = frozenset({Loss.EXERCISES, Loss.FILLS_REFUSED, Loss.FILLS_LATE, Loss.NOT_ASKED})
"""The losses of a closed gap that exercises may be among."""

EDGE_US: Final = 2_000_000
"""At its ends the socket may have brought it."""


def exercised(evidence: Evidence) -> Iterator[Violation]:
    """Every exercise in the ledger that lies in a gap of a stream that can ask REST."""
    if not evidence.options.recovers:
        return
    for stream in evidence.streams:
        case = Case(evidence, stream)
        if case.live_us is None:
            continue
        told = {_told_id(told.item) for told in stream.told if isinstance(told.item, Update)}
        for row in evidence.ledgers[stream.account]["exercises"]:
            at_us = evidence.us_of(row["time_ms"])
            if at_us < case.live_us or row["id"] in told or _seen(case, row):
                continue
            gaps = [gap for gap in case.gaps if _holds(case, gap, at_us)]
            if gaps and not any(map(_named, gaps)):
                what = f"the exercise of {row['symbol']} lies in a gap that did not bring it back"
                yield Violation("exercised", case.who, at_us / 1e6, what)
            elif not gaps and _is_overdue(case, row, at_us):
                what = f"the exercise of {row['symbol']} was not told, and no gap holds it"
                yield Violation("exercised.silent", case.who, at_us / 1e6, what)


def _told_id(item: Update) -> str | None:
    return str(json.loads(item.raw)["id"]) if b'"exercisePrice"' in item.raw else None


def _seen(case: Case, row: dict[str, Any]) -> bool:
    """Return True where a socket brought the position as it was after the exercise."""
    for _, item in case.stream.told:
        if isinstance(item, Update) and b'"BALANCE_POSITION_UPDATE"' in item.raw and row["symbol"].encode() in item.raw:
            told = json.loads(item.raw)
            if told["T"] >= row["time_ms"]:
                return True
    return False


def _is_overdue(case: Case, row: dict[str, Any], at_us: int) -> bool:
    """
    Return True where the client knew of the position, has run ever since, and had the time to ask REST what became of it.

    A gap of any cause that was told since then may have brought it, or have begun when nobody knew of the position any more.
    """
    due_us = at_us + bound_us(case, at_us, case.until_us, unseen=True) + LAG_US
    known_us = _known_us(case, row, at_us)
    if known_us is None or due_us > case.until_us:
        return False
    return not any(known_us <= gap.opened_us <= due_us or gap.opened_us <= at_us <= gap.closed_us for gap in case.gaps)


def _known_us(case: Case, row: dict[str, Any], at_us: int) -> int | None:
    """Return when the last was told of this position before it ended; None unless it was a message that has it open."""
    last: tuple[int, bool] | None = None
    for told in case.stream.told:
        if told.at_us < at_us and isinstance(told.item, Update) and row["symbol"].encode() in told.item.raw:
            event = json.loads(told.item.raw)
            held = [
                each["c"] for each in event.get("P", ()) if isinstance(each, dict) and each.get("s") == row["symbol"]
            ]
            last = told.at_us, bool(held) and Decimal(held[-1]) != 0
    return last[0] if last is not None and last[1] else None


def _named(gap: Span) -> bool:
    return not NAMED.isdisjoint(gap.lost)


def _holds(case: Case, gap: Span, at_us: int) -> bool:
    """Return True where it lies well within a gap that was closed when REST was not behind."""
    evidence, process = case.evidence, case.stream.process
    if gap.closed_us > evidence.end_us or len(evidence.clients[process].wall_offsets) > 1:
        return False
    lags = evidence.of_client(process, LAG_KINDS)
    if any(fault.at_s * 1e6 <= gap.closed_us and fault.until_s * 1e6 + MINUTE_US >= at_us for fault in lags):
        return False
    from_us, to_us = evidence.us_of(gap.from_ms), evidence.us_of(gap.to_ms)
    return from_us + EDGE_US <= at_us <= to_us - EDGE_US
