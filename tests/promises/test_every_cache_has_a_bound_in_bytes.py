"""
S21: nothing that a peer sends leaves more in memory than its bound. docs/reference/limits.md lists the bounds; each is held here.

Caches are flooded with the largest entries that the decoder lets through, of characters that take four bytes each.
"""

from __future__ import annotations

import importlib
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from listenkey.core import deduplicator as deduplication
from listenkey.core import loss_detector as detection
from listenkey.core.account_state import AccountState, FillIndex, OrderKey
from listenkey.core.bill import Bill
from listenkey.core.deduplicator import Deduplicator, Recent, Snapshots
from listenkey.core.lateness import Lateness
from listenkey.core.loss_detector import LossDetector, units
from listenkey.core.undelivered import UndeliveredFills, UndeliveredOrders
from listenkey.core.unsettled import UNSETTLED_MAX, Unsettled
from listenkey.events import BalancePositionUpdate, GreekUpdate, Order, OrderTradeUpdate, Position
from listenkey.events import base as wording
from listenkey.gateway.http.access import WrongTokens
from listenkey.items import Update
from listenkey.journal.jetstream.checkpoint import AccountMemory
from listenkey.journal.jetstream.known_fills import KnownFills
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.live_orders import ORDERS_LEFT_MAX, live_orders
from listenkey.stream import recovery as recovering
from listenkey.wire.frames import Received, UnreadableFrame, read
from listenkey.wire.rows import BillRow, TradeRow, trade
from listenkey.wire.rows import order as order_row
from tests.unit.core.making import admit

PAGE = (Path(__file__).parents[2] / "docs/reference/limits.md").read_text("utf-8")
ROW = re.compile(r"^\| ([^|]+) \| `([\w.]+)` \| ([^|]+) \| ([\d,]+) (KiB|MiB)( each)? \|$", re.MULTILINE)
ROWS = {
    row[1]: (row[2], row[3], int(row[4].replace(",", "")) * {"KiB": 1024, "MiB": 1024**2}[row[5]])
    for row in ROW.finditer(PAGE)
}
WIDE = "\U0001f600"


def size_of(*roots: Any) -> int:
    """Return the bytes of objects and all that hangs on them, each counted once."""
    seen: set[int] = set()
    pending, total = list(roots), 0
    while pending:
        one = pending.pop()
        if id(one) in seen or isinstance(one, type) or callable(one):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        pending.extend(parts_of(one))
    return total


def parts_of(one: Any) -> Iterator[Any]:
    if isinstance(one, dict):
        yield from one.keys()
        yield from one.values()
    elif isinstance(one, (list, tuple, set, frozenset)) or type(one).__name__ == "deque":
        yield from one
    elif isinstance(one, msgspec.Struct):
        yield from msgspec.structs.astuple(one)
    for kind in type(one).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(one, name):
                yield getattr(one, name)
    yield from getattr(one, "__dict__", {}).values()


FILL = read((Path(__file__).parents[1] / "fixtures/thirdparty_order_trade_update_trade.json").read_bytes())
assert isinstance(FILL, Received)
assert isinstance(FILL.event, OrderTradeUpdate)
EVENT: OrderTradeUpdate = FILL.event


def wide(number: int, chars: int) -> str:
    return (WIDE * chars + str(number))[-chars:]


def order_of(number: int, **changes: Any) -> OrderTradeUpdate:
    order: Order = msgspec.structs.replace(EVENT.order, **{"order_id": number, **changes})
    return OrderTradeUpdate(number, number, order)


def flooded_amounts() -> int:
    for number in range(10_000):
        assert wording.amount_of(f"{number}.{'1' * 40}E-00{number % 2}"[-87:]) is None or True
        wording.amount_of(f"{number:024}.{'1' * 39}")
    return size_of(wording.AMOUNTS)


def flooded_units() -> int:
    for number in range(10_000):
        units(f"{number:024}.{'1' * 39}")
        units("no amount" + WIDE * 1000 + str(number))
    return size_of(detection.UNITS)


def flooded_steps() -> int:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    for number in range(100_000):
        event = order_of(number, execution_type="NEW", trade_id=0, last_quantity_text="0", status=f"S{number}")
        assert admit(deduplicator, 1, event, b"", 0)
    assert isinstance(deduplicator._recent, Recent)
    return size_of(deduplicator._recent)


def flooded_snapshots() -> int:
    snapshots = Snapshots()
    for number in range(200_000):
        snapshots.add("GREEK_UPDATE", hash(str(number)))
        if number == 100_000:
            snapshots.hand_over()
    return size_of(snapshots)


def flooded_kinds() -> int:
    snapshots = Snapshots()
    for number in range(10_000):
        snapshots.add(wide(number, 64), number)
    return size_of(snapshots._last)


def flooded_held() -> int:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    raw = bytes(1024 * 1024 - 100)
    greeks = GreekUpdate(1, 1, ())
    count = 0
    while deduplicator.fullness(2) <= 1:
        deduplicator.hold_all(2, [greeks], [raw], 0)
        count += 1
    assert count * len(raw) <= 97 * 1024 * 1024
    assert deduplicator.fullness(2) > 0.5
    deduplicator.follow(2)
    assert deduplicator.fullness(2) <= 1
    return 0


def flooded_fills() -> int:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    for start in range(0, 130_500, 500):
        numbers = range(start, start + 500)
        events: list[Any] = [order_of(2**62 + n, symbol=wide(n, 64), trade_id=2**62 + n) for n in numbers]
        assert deduplicator.admit_all(events, [b""] * 500).fills == 500
    return size_of(deduplicator.fills)


def flooded_known_fills() -> int:
    fills = KnownFills()
    for number in range(10_000):
        fills.add((wide(number, 64), 2**62 + number, 2**62 + number), 10**12 + number)
    return size_of(fills)


def remembered_with(*, status: str) -> AccountMemory:
    memory = AccountMemory()
    for number in range(10_000):
        event = order_of(number, symbol=wide(number, 64), status=status, execution_type="NEW", trade_id=0)
        memory.note(Update(number, "a", event, 10**12, b""))
    return memory


def known_with(*, status: str) -> AccountState:
    known = AccountState(FillIndex())
    for number in range(40_000):
        event = order_of(number, symbol=wide(number, 64), status=status, execution_type="NEW", trade_id=0)
        known.note(event)
    return known


def flooded_left() -> int:
    connection = sqlite3.connect(":memory:")
    connection.execute(schema.TABLES["items"])
    insert = (
        "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 40000) "
        "INSERT INTO items(seq, kind, account, received_ms, symbol, order_id, event_ms, event, crc32, chain) "
        "SELECT n, 'update', '', 0, ? || n, 4611686018427387904 + n, 1000000000000 + n, ?, 0, '' FROM count"
    )
    words = {"status": WIDE * 128, "filled_quantity": "1" * 96}
    connection.execute(insert, (WIDE * 59, msgspec.json.encode(words).decode()))
    found = live_orders(connection, 40_000)
    assert len(found) == ORDERS_LEFT_MAX
    return size_of(found)


def flooded_last_fills() -> int:
    lateness = Lateness()
    for number in range(20_000):
        lateness.note(wide(number, 64), 2**62 + number, 2**62 + number, 10**12)
    return size_of(lateness)


def flooded_positions() -> int:
    known = AccountState(FillIndex())
    for number in range(20_000):
        known.note(BalancePositionUpdate(number, number, "ORDER", (), (Position(wide(number, 64), "1", "1", "1"),)))
    return size_of(known.positions)


def flooded_chains() -> int:
    detector = LossDetector(1.0)
    for number in range(40_000):
        detector.note(order_of(number, symbol=wide(number, 64), status="NEW", execution_type="NEW", trade_id=0), 0.0)
    return size_of(detector._orders, detector._broken)


def flooded_waiting() -> int:
    detector = LossDetector(1.0)
    symbols = [f"S{number}" for number in range(64)]
    for symbol in symbols:
        detector.note(BalancePositionUpdate(1, 1, "TRANSFER", (), (Position(symbol, "1", "1", "1"),)), 0.0)
    for number in range(3_000):
        for place, symbol in enumerate(symbols):
            event = order_of(place, symbol=symbol, trade_id=number + 1, trade_time_ms=10**15 + number)
            detector.note(event, 0.0)
    detector.take_doubts(0.0)
    return size_of(detector._positions)


def flooded_unplaced() -> int:
    detector = LossDetector(1.0)
    for number in range(8_000):
        event = order_of(number, symbol=wide(number, 64), trade_id=1, trade_time_ms=10**15 + number)
        for _ in range(64):
            detector._fill(event.symbol, 10**15 + number, "BUY", 10**18 + number, 0.0)
    return size_of(detector._unplaced)


def wide_fills(start: int, count: int) -> list[TradeRow]:
    """Rows whose texts take the most room for the length of their JSON."""
    out = []
    for number in range(start, start + count):
        row: dict[str, Any] = {"id": 2**60 + number, "tradeId": 2**60 + number, "orderId": 2**60 + number}
        row |= {
            "symbol": WIDE + f"{number:063}",
            "quoteAsset": WIDE + "a" * 127,
            "side": "BUY",
            "time": 10**12 + number,
        }
        row |= dict.fromkeys(("price", "quantity", "fee", "realizedProfit"), f"{number:024}.{'1' * 39}")
        raw = msgspec.json.encode(row)
        out.append(trade(msgspec.json.decode(raw), raw))
    return out


def flooded_found_fills() -> int:
    backlog = UndeliveredFills(AccountState(FillIndex()), 0, 2**62)
    for start in range(0, 15_000, 1_000):
        backlog.add(wide_fills(start, 1_000))
    assert backlog.is_cut
    return size_of(backlog._rows)


def flooded_found_orders() -> int:
    backlog = UndeliveredOrders(AccountState(FillIndex()), 0, 2**62)
    number = 0
    while not backlog.is_full:
        number += 1
        words = {"symbol": WIDE + f"{number:063}", "clientOrderId": WIDE + "c" * 127, "status": WIDE + "s" * 127}
        raw: dict[str, Any] = {"orderId": 2**60 + number, "updateTime": 10**12, "type": WIDE + "t" * 127, **words}
        raw |= dict.fromkeys(("price", "quantity", "executedQty", "avgPrice"), f"{number:024}.{'1' * 39}")
        body = msgspec.json.encode(raw)
        backlog.add([order_row(msgspec.json.decode(body), body)])
    return size_of(backlog._rows)


def flooded_listed() -> int:
    backlog = UndeliveredFills(AccountState(FillIndex()), 0)
    for start in range(0, 70_000, 1_000):
        backlog.add(wide_fills(start, 1_000))
    return size_of(backlog.listed)


def flooded_traded() -> int:
    traded: dict[OrderKey, None] = {}
    for start in range(0, 70_000, 1_000):
        recovering.note_orders(traded, wide_fills(start, 1_000))
    return size_of(traded)


def flooded_bill() -> int:
    bill = Bill()
    for number in range(1_100):
        bill.add(BillRow(number, "CONTRACT", 10**12 + number, f"S{number % 64}") for _ in range(1_000))
    assert bill.is_full
    return sum(sys.getsizeof(times) for times in bill._trades.values())


def flooded_bill_of_others() -> int:
    bill = Bill()
    while not bill.is_full:
        bill.add([BillRow(2**60, WIDE + "t" * 127, 10**12, WIDE + "s" * 63, "1" * 96, WIDE + "a" * 127, bytes(400))])
    return size_of(bill._others)


def flooded_unsettled() -> int:
    unsettled = Unsettled()
    unsettled.note((f"{WIDE * 25}-260101-{wide(number, 28)}-C" for number in range(20_000)), 10**14)
    assert len(unsettled.expired_by(10**14)) == UNSETTLED_MAX
    return size_of(unsettled._symbols)


def flooded_wrong_tokens() -> int:
    tries = WrongTokens()
    for number in range(10_000):
        tries.wait_s(f"2001:db8:{number % 65_536:x}:{number // 7:x}::1%{WIDE * 40}", float(number))
    return size_of(tries._tries)


FLOODS: dict[str, Callable[[], int]] = {
    "amounts that were read, of the process": flooded_amounts,
    "the same as whole numbers": flooded_units,
    "steps of orders that were delivered": flooded_steps,
    "snapshots that were delivered": flooded_snapshots,
    "types of snapshots": flooded_kinds,
    "events held for a socket, or during a recovery": flooded_held,
    "fills that were delivered": flooded_fills,
    "orders that live": lambda: size_of(known_with(status="NEW").orders),
    "orders that lived when an earlier process ended": flooded_left,
    "orders that ended": lambda: size_of(
        [getattr(known_with(status="FILLED"), n) for n in ("ended", "_ended", "_ended_before")]
    ),
    "last fills of symbols": flooded_last_fills,
    "fills that a recovery found and did not deliver yet": flooded_found_fills,
    "orders that it found and did not deliver yet": flooded_found_orders,
    "fills that REST listed beside a new socket": flooded_listed,
    "orders of the fills of one gap": flooded_traded,
    "trades in REST history (`bill`) of one gap": flooded_bill,
    "what else it has": flooded_bill_of_others,
    "fills that a journal in NATS knows": flooded_known_fills,
    "orders that it knows to live": lambda: size_of(remembered_with(status="NEW")._live),
    "orders that it knows to have ended": lambda: size_of(remembered_with(status="FILLED")._ended),
    "positions": flooded_positions,
    "addresses that sent wrong tokens": flooded_wrong_tokens,
    "contracts that expired, and of whose position no message told the end": flooded_unsettled,
    "orders watched": flooded_chains,
    "fills that wait for their position's message": flooded_waiting,
    "fills of symbols without a position": flooded_unplaced,
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_of_the_largest_stays_within_its_bound(what: str) -> None:
    assert FLOODS[what]() <= ROWS[what][2]


@pytest.mark.parametrize("what", ROWS)
def test_the_page_tells_the_bounds_there_are(what: str) -> None:
    place, entries, size = ROWS[what]
    module, _, name = place.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    if name.endswith("BYTES_MAX") or name == "BODY_MAX":
        assert value == size
    elif isinstance(value, int):
        assert f"{value:,}" in entries


def test_the_page_lists_all_of_them() -> None:
    assert len(ROWS) == 50
    assert FLOODS.keys() <= ROWS.keys()
    assert ROWS["events held for a socket, or during a recovery"][2] == deduplication.HELD_BYTES_MAX


def test_nothing_longer_than_its_bound_gets_past_the_decoder() -> None:
    huge = WIDE * 200_000
    for letter, value in (("s", huge), ("c", huge), ("X", huge), ("q", "9" * 500_000), ("N", huge), ("rp", huge)):
        raw = FILL.raw.replace(b'"V"', b'"sp":1,"V"')  # type: ignore[union-attr]
        tree = msgspec.json.decode(raw)
        tree["o"][letter] = value
        one = read(msgspec.json.encode(tree))
        if letter == "s":
            assert isinstance(one, UnreadableFrame)
            continue
        assert isinstance(one, Received)
        assert max(len(str(word)) for word in one.event.to_dict().values()) <= 128
    assert isinstance(read(msgspec.json.encode({"e": huge, "E": 1})), UnreadableFrame)
