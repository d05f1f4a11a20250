"""
The judge: reads the exchange's ledger and a journal's file, and says what is wrong between them.

It shares no code with the client. A fill is found in the venue's own JSON, which every row keeps, and then compared
with the words that the view `fills` shows to people; so a decoder that misreads can't also excuse itself. What it asks:
each fill of the ledger once, true to the digit, in order but where it is flagged late; numbers without a hole; every
gap told and closed, and what only REST knew inside of one; the seals; and of what a process has shown, that all of it is
still there and the same.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

Fill: TypeAlias = tuple[str, int, int]
Order: TypeAlias = tuple[str, int]
"""Its symbol and its id: a venue may count the orders of each contract by themselves."""

Row: TypeAlias = dict[str, Any]

RAWS_REMEMBERED: Final = 16_384
_parsed = lru_cache(maxsize=RAWS_REMEMBERED)(json.loads)

State: TypeAlias = tuple[str, Decimal]
"""Its status and how much of it was filled."""

SAME_STATUS: Final = {"ACCEPTED": "NEW", "CANCELLED": "CANCELED"}
"""Words of before 2026."""

SAME_WORDS: Final = {
    "side": "side", "last_quantity": "quantity", "last_price": "price", "commission": "commission",
    "commission_asset": "commission_asset", "realized_profit": "realized_profit", "maker": "maker",
    "trade_time_ms": "time_ms",
}  # fmt: skip
"""Words of the view `fills`, and those of the ledger."""


def wrongs(
    ledger: Mapping[str, Any],
    journal: Path,
    shown: Iterable[bytes] = (),
    *,
    settled: bool = True,
    steps: bool = False,
    spelt: bool = False,
    spoilt: bool = False,
) -> list[str]:
    """
    Return the errors of a journal, compared with the ledger; none where all is well.

    Args:
        ledger: The exchange's, with `fills`.
        journal: The file.
        shown: Lines of JSON that `tail` or `replay` printed, whole ones only.
        settled: Whether nothing is missing any more: every gap is closed, every fill is there. A process that was just
            killed may miss some, but hold nothing false.
        steps: Whether orders have settled as well: the last that was told of each is the last that happened to it.
        spelt: Whether the venue spells amounts in another way than its ledger, with exponents, or without last zeros.
        spoilt: Whether the venue spoils or lacks words of a fill that do not say which one it is; then nothing is said of
            them.
    """
    items, words = read(journal)
    found = [
        *_fills_wrong(ledger, items, words, settled=settled, spelt=spelt, spoilt=spoilt),
        *_order_wrong(ledger, items),
        *_steps_wrong(ledger, items, steps=steps),
        *_numbers_wrong(items),
        *_gaps_wrong(items, settled=settled),
        *_seals_wrong(items),
        *_shown_wrong(items, shown),
    ]
    return found[:20]


def read(journal: Path) -> tuple[list[Row], dict[Fill, Row]]:
    """Every row, and the view of fills."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        items = [dict(row) for row in connection.execute("SELECT * FROM items ORDER BY seq")]
        words = [dict(row) for row in connection.execute("SELECT * FROM fills")]
    return items, {(row["symbol"], row["trade_id"], row["order_id"]): row for row in words}


def fills_in(item: Row) -> list[Fill]:
    """Return the fills of a row, by the venue's own JSON."""
    if item["kind"] != "update":
        return []
    raw = _parsed(item["raw"])
    if item["provenance"] == "rest":
        return [(raw["symbol"], raw["tradeId"], raw["orderId"])] if "tradeId" in raw else []
    order = raw.get("data", raw).get("o")
    if not isinstance(order, dict) or order["x"] != "TRADE":
        return []
    return [(order["s"], int(order["t"]), int(order["i"]))]  # texts in a message from before 2026


def _truth(ledger: Mapping[str, Any]) -> dict[Fill, Row]:
    return {(row["symbol"], row["trade_id"], row["order_id"]): row for row in ledger["fills"]}


def _since_ms(items: list[Row]) -> int:
    """Return when the journal was first live. What happened before that is not its own."""
    return min((int(item["from_ms"]) for item in items if item["kind"] == "live"), default=0)


def _fills_wrong(
    ledger: Mapping[str, Any], items: list[Row], words: dict[Fill, Row], *, settled: bool, spelt: bool, spoilt: bool
) -> Iterator[str]:
    truth, kept, per_order = _truth(ledger), set[Fill](), dict[Order, Decimal]()
    for item in items:
        fills = fills_in(item)
        if bool(fills) != (item["trade_id"] is not None):
            yield f"item {item['seq']} is or is no fill, and its column says otherwise"
        for fill in fills:
            if fill not in words:
                continue
            if fill in kept:
                yield f"{fill} is there twice, again in item {item['seq']}"
            kept.add(fill)
            row = truth.get(fill)
            if row is None:
                yield f"{fill} of item {item['seq']} never happened"
                continue
            told = words[fill]
            order = fill[0], fill[2]
            per_order[order] = per_order.get(order, Decimal(0)) + abs(Decimal(told["last_quantity"]))
            wrong = _differs(told, row, spelt=spelt, spoilt=spoilt)
            if wrong:
                yield f"{fill} of item {item['seq']} differs from the ledger in {', '.join(wrong)}"
    if not settled:
        return
    before = {fill for fill, row in truth.items() if fill not in kept and row["time_ms"] < _since_ms(items)}
    missing = [fill for fill in truth if fill not in kept and fill not in before]
    if missing:
        yield f"{len(missing)} fills are missing, first {missing[:3]}"
    whole = dict[Order, Decimal]()
    for (symbol, _, order_id), row in truth.items():
        whole[symbol, order_id] = max(whole.get((symbol, order_id), Decimal(0)), Decimal(row["filled_quantity"]))
    for fill in before:
        whole[fill[0], fill[2]] -= Decimal(truth[fill]["quantity"])
    for (symbol, order_id), filled in per_order.items():
        if filled != whole[symbol, order_id]:
            yield f"the fills of order {order_id} in {symbol} make {filled}, and it has {whole[symbol, order_id]}"


def _differs(told: Row, row: Row, *, spelt: bool, spoilt: bool) -> list[str]:
    """Return the fields of a view that are not the ledger's; those that a view does not have can't differ."""
    wrong = [
        name
        for name, there in SAME_WORDS.items()
        if name in told and not _is_same_word(told[name], row[there], spelt=spelt, spoilt=spoilt)
    ]
    filled = told.get("filled_quantity")
    if filled is not None and not _is_same_word(filled, row["filled_quantity"], spelt=spelt, spoilt=spoilt):
        wrong.append("filled_quantity")
    return wrong


def _is_same_word(told: Any, truth: Any, *, spelt: bool, spoilt: bool) -> bool:
    """To the digit, or at least in value; but nothing is said of what does not apply, a zero and its asset."""
    if told == truth:
        return True
    if told is None or told == "":
        return spoilt or (isinstance(truth, str) and (not truth.strip("-0.") or truth.isalpha()))
    return spelt and isinstance(told, str) and not truth.isalpha() and Decimal(told) == Decimal(truth)


def _order_wrong(ledger: Mapping[str, Any], items: list[Row]) -> Iterator[str]:
    truth, newest, newest_ms = _truth(ledger), dict[str, int](), 0
    for item in items:
        for fill in fills_in(item):
            if fill not in truth:
                continue
            symbol, trade_id, _ = fill
            at_ms = truth[fill]["time_ms"]
            # An account that met itself has two fills of one id.
            in_order = trade_id >= newest.get(symbol, 0) and at_ms >= newest_ms
            if not in_order and not item["late"]:
                yield f"{fill} of item {item['seq']} came after a newer one, and is not flagged late"
            newest[symbol], newest_ms = max(trade_id, newest.get(symbol, 0)), max(at_ms, newest_ms)


def states_in(item: Row) -> list[tuple[Order, State]]:
    """Return a row's orders and how far each had come, by the venue's own JSON."""
    if item["kind"] != "update":
        return []
    raw = _parsed(item["raw"])
    if item["provenance"] == "rest":
        there = (raw["symbol"], raw["orderId"]) if "executedQty" in raw else None
        return [(there, _state(raw["status"], raw["executedQty"]))] if there else []
    order = raw.get("data", raw).get("o")
    return [((order["s"], int(order["i"])), _state(order["X"], order.get("z")))] if isinstance(order, dict) else []


def _state(status: str, filled: str | None) -> State:
    return SAME_STATUS.get(status, status), abs(Decimal(filled or 0))


def _steps_wrong(ledger: Mapping[str, Any], items: list[Row], *, steps: bool) -> Iterator[str]:
    """Check that each reported step of an order is one it took; and its last one, where orders have settled."""
    truth, last = dict[Order, list[State]](), dict[Order, State]()
    for row in ledger.get("orders", ()):
        state = _state(row["status"], row["filled_quantity"])
        truth.setdefault((row["symbol"], row["order_id"]), []).append(state)
    for item in items:
        for order, state in states_in(item):
            last[order] = state
            if "orders" in ledger and state not in truth.get(order, ()):
                yield f"item {item['seq']} says that order {order} was {state[0]} with {state[1]}, which it never was"
    for order, state in last.items() if steps else ():
        if order in truth and truth[order][-1] != state:
            yield f"order {order} ended as {truth[order][-1][0]}, and the last that was told of it is {state[0]}"


def _numbers_wrong(items: list[Row]) -> Iterator[str]:
    last = 0
    for item in items:
        if item["seq"] != last + 1 + (item["skipped"] or 0):
            yield f"after item {last} comes item {item['seq']}"
        last = item["seq"]


def _gaps_wrong(items: list[Row], *, settled: bool) -> Iterator[str]:
    opened: int | None = None
    found: list[Row] = []
    for item in items:
        if opened is None:
            found = []
        match item["kind"]:
            case "gap_opened":
                opened = item["from_ms"] if opened is None else min(opened, item["from_ms"])
            case "gap_closed":
                if opened is None:
                    yield f"item {item['seq']} closes a gap that nobody opened"
                elif item["from_ms"] > opened:
                    yield f"item {item['seq']} closes from {item['from_ms']} what was open from {opened}"
                yield from _counts_wrong(item, found)
                opened = None
            case "live" if opened is not None:
                yield f"item {item['seq']} says live, and a gap is open"
            case "update" if item["provenance"] == "rest" and opened is None:
                yield f"item {item['seq']} came over REST alone, outside of a gap"
            case "update" if item["provenance"] == "rest":
                found.append(item)
    if settled and opened is not None:
        yield f"the gap from {opened} was never closed"


def _counts_wrong(closed: Row, found: list[Row]) -> Iterator[str]:
    """Between the ends of a gap there is what the second says: rows of trades and of orders, by the venue's own words."""
    words = json.loads(closed["event"])
    said = closed["recovered"], words["recovered_fills"], words["recovered_orders"]
    raws = [_parsed(item["raw"]) for item in found]
    there = len(raws), sum("tradeId" in raw for raw in raws), sum("executedQty" in raw for raw in raws)
    if said != there:
        yield f"item {closed['seq']} says that of (all, fills, orders) {said} were brought back, and {there} were"


def _seals_wrong(items: list[Row]) -> Iterator[str]:
    chain = None
    for item in items:
        *values, crc32, sealed = item.values()
        body = msgspec.msgpack.encode(values)
        # What retention took away can't be followed; the first row is then taken at its word.
        before = bytes(16) if item["seq"] == 1 else chain
        if zlib.crc32(body) != crc32:
            yield f"item {item['seq']} is not what its checksum says"
        elif before is not None and hashlib.blake2b(before + body, digest_size=16).digest() != sealed:
            yield f"item {item['seq']} does not follow the one before it"
        chain = sealed


def _shown_wrong(items: list[Row], shown: Iterable[bytes]) -> Iterator[str]:
    by_number = {item["seq"]: item for item in items}
    last = 0
    for line in shown:
        told = json.loads(line)
        item = by_number.get(told["seq"])
        if told["seq"] <= last:
            yield f"item {told['seq']} was shown again, after item {last}"
        last = told["seq"]
        if item is None:
            yield f"item {told['seq']} was shown and is gone"
        elif not _is_same(told, item):
            yield f"item {told['seq']} was shown as something else"


def _is_same(told: Mapping[str, Any], item: Row) -> bool:
    if told["kind"] != item["kind"]:
        return False
    if told["kind"] != "update":
        return bool(told.get("from_ms", told.get("since_ms")) == item["from_ms"])
    same = all(told[name] == item[name] for name in ("type", "provenance", "event_ms", "received_ms"))
    # Our words are kept beside the venue's only where those don't say them.
    words = item["event"] is None or told["event"] == json.loads(item["event"])
    return same and words and told["raw"] == _parsed(item["raw"])
