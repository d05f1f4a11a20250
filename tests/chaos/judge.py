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
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

Fill: TypeAlias = tuple[str, int, int]
Row: TypeAlias = dict[str, Any]

SAME_WORDS: Final = {
    "side": "side", "last_quantity": "quantity", "last_price": "price", "commission": "commission",
    "commission_asset": "commission_asset", "realized_profit": "realized_profit", "maker": "maker",
    "trade_time_ms": "time_ms",
}  # fmt: skip
"""Words of the view `fills`, and those of the ledger."""


def wrongs(ledger: Mapping[str, Any], journal: Path, shown: Iterable[bytes] = (), *, settled: bool = True) -> list[str]:
    """
    What is wrong; nothing, where all is well.

    Args:
        ledger: The exchange's, with `fills`.
        journal: The file.
        shown: Lines of JSON that `tail` or `replay` printed, whole ones only.
        settled: Whether nothing is missing any more: every gap is closed, every fill is there. A process that was just
            killed may miss some, but hold nothing false.
    """
    items, words = read(journal)
    found = [
        *_fills_wrong(ledger, items, words, settled=settled),
        *_order_wrong(ledger, items),
        *_numbers_wrong(items),
        *_gaps_wrong(items, settled=settled),
        *_seals_wrong(items),
        *_shown_wrong(items, shown),
    ]
    return found[:20]


def read(journal: Path) -> tuple[list[Row], dict[Fill, Row]]:
    """Every row, and the views of fills."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        items = [dict(row) for row in connection.execute("SELECT * FROM items ORDER BY seq")]
        words = [dict(row) for row in connection.execute("SELECT * FROM fills")]
        words += [_as_today(dict(row)) for row in connection.execute("SELECT * FROM legacy_fills")]
    return items, {(row["symbol"], row["trade_id"], row["order_id"]): row for row in words}


def _as_today(row: Row) -> Row:
    """What the view of fills of before 2026 says: its quantity has its side's sign, and a fee was positive."""
    fee = row["commission"]
    return {
        "symbol": row["symbol"],
        "trade_id": row["trade_id"],
        "order_id": row["order_id"],
        "last_quantity": row["quantity"],
        "last_price": row["price"],
        "commission": fee if not fee.strip("0.") else f"-{fee}",
        "maker": row["maker"],
    }


def fills_in(item: Row) -> list[Fill]:
    """Which fills a row holds, by the venue's own JSON, of whichever generation that is."""
    if item["kind"] != "update":
        return []
    raw = json.loads(item["raw"])
    if item["provenance"] == "rest":
        return [(raw["symbol"], raw["tradeId"], raw["orderId"])] if "tradeId" in raw else []
    order = raw.get("data", raw).get("o")
    if isinstance(order, list):  # before 2026
        return [(each["s"], int(fill["t"]), int(each["oid"])) for each in order for fill in each["fi"]]
    if not isinstance(order, dict) or order["x"] != "TRADE":
        return []
    return [(order["s"], order["t"], order["i"])]


def _is_of_before(item: Row) -> bool:
    """Whether it is a message of before 2026, of which the columns say nothing."""
    raw = json.loads(item["raw"]) if item["kind"] == "update" else {}
    return isinstance(raw.get("data", raw).get("o"), list)


def _truth(ledger: Mapping[str, Any]) -> dict[Fill, Row]:
    return {(row["symbol"], row["trade_id"], row["order_id"]): row for row in ledger["fills"]}


def _fills_wrong(
    ledger: Mapping[str, Any], items: list[Row], words: dict[Fill, Row], *, settled: bool
) -> Iterator[str]:
    truth, kept, per_order = _truth(ledger), set[Fill](), dict[int, Decimal]()
    for item in items:
        fills = fills_in(item)
        if (bool(fills) and not _is_of_before(item)) != (item["trade_id"] is not None):
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
            per_order[fill[2]] = per_order.get(fill[2], Decimal(0)) + abs(Decimal(told["last_quantity"]))
            wrong = _differs(told, row)
            if wrong:
                yield f"{fill} of item {item['seq']} differs from the ledger in {', '.join(wrong)}"
    if not settled:
        return
    missing = [fill for fill in truth if fill not in kept]
    if missing:
        yield f"{len(missing)} fills are missing, first {missing[:3]}"
    for order_id, filled in per_order.items():
        whole = max(Decimal(row["filled_quantity"]) for fill, row in truth.items() if fill[2] == order_id)
        if filled != whole:
            yield f"the fills of order {order_id} make {filled}, and it has {whole}"


def _differs(told: Row, row: Row) -> list[str]:
    """Which words of a view are not the ledger's; those that a view does not have can't be."""
    wrong = [name for name, there in SAME_WORDS.items() if name in told and told[name] != row[there]]
    if told.get("filled_quantity") not in (None, row["filled_quantity"]):
        wrong.append("filled_quantity")
    return wrong


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


def _numbers_wrong(items: list[Row]) -> Iterator[str]:
    last = 0
    for item in items:
        if item["seq"] != last + 1 + (item["skipped"] or 0):
            yield f"after item {last} comes item {item['seq']}"
        last = item["seq"]


def _gaps_wrong(items: list[Row], *, settled: bool) -> Iterator[str]:
    opened: int | None = None
    for item in items:
        match item["kind"]:
            case "gap_opened":
                opened = item["from_ms"] if opened is None else min(opened, item["from_ms"])
            case "gap_closed":
                if opened is None:
                    yield f"item {item['seq']} closes a gap that nobody opened"
                elif item["from_ms"] > opened:
                    yield f"item {item['seq']} closes from {item['from_ms']} what was open from {opened}"
                opened = None
            case "live" if opened is not None:
                yield f"item {item['seq']} says live, and a gap is open"
            case "update" if item["provenance"] == "rest" and opened is None:
                yield f"item {item['seq']} came over REST alone, outside of a gap"
    if settled and opened is not None:
        yield f"the gap from {opened} was never closed"


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
    return same and words and told["raw"] == json.loads(item["raw"])
