"""The views as people ask them; docs/reference/journal.md explains the same columns."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.sqlite import schema
from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.hash_chain import BEGINNING, seal
from listenkey.journal.sqlite.row_codec import update_values
from listenkey.outcomes import GapCause, Loss
from listenkey.wire.frames import OddRaw
from tests.unit.core.making import order_row
from tests.unit.journal.making import AT_MS, ORDER_ID, SYMBOL, append, fill, journal, read, resting, take, written


@pytest.fixture
async def connection(tmp_path: Path) -> sqlite3.Connection:
    made = journal(tmp_path / "a.db")
    await made.open()
    append(made, resting(1), resting(2), fill(1), fill(4))
    made.append_told([GapOpened(0, "", AT_MS, "lost", GapCause.SILENT)])
    made.append_event(order_row(9, "CANCELED", "0").order, b"{}", AT_MS, "rest")
    made.append_told([GapClosed(0, "", AT_MS, AT_MS + 5, 0, ("all",), lost=frozenset({Loss.DROPPED}))])
    made.append_told([Live(0, "", AT_MS), GapOpened(0, "", AT_MS + 9, "again")])
    await take(made, 9)
    await made.aclose()
    return open_reader(tmp_path / "a.db")


async def test_the_views_show_what_happened(connection: sqlite3.Connection) -> None:
    fills = "SELECT seq, symbol, trade_id, order_id, side, last_quantity, last_price, commission, maker FROM fills"
    assert connection.execute(fills).fetchall() == [
        (3, SYMBOL, 1, ORDER_ID + 1, "BUY", "0.1000", "3660.000", "-0.07320000", 1),
        (4, SYMBOL, 4, ORDER_ID + 4, "BUY", "0.1000", "3660.000", "-0.07320000", 1),
    ]
    orders = "SELECT seq, order_id, status FROM orders ORDER BY order_id"
    expected = [(6, 9, "CANCELED"), (3, ORDER_ID + 1, "FILLED"), (2, ORDER_ID + 2, "NEW"), (4, ORDER_ID + 4, "FILLED")]
    assert connection.execute(orders).fetchall() == expected
    gaps = "SELECT opened_seq, closed_seq, from_ms, to_ms, why, unrecoverable, recovered, recovered_fills, recovered_orders, cause, lost FROM gaps"
    assert connection.execute(gaps).fetchall() == [
        (5, 7, AT_MS, AT_MS + 5, "lost", '["all"]', 1, 0, 1, "silent", '["dropped"]'),
        (9, None, AT_MS + 9, None, "again", None, None, None, None, "unknown", None),
    ]
    connection.close()


def sql_rows(view: str, raw_fill: bytes) -> list[tuple[object, ...]]:
    """Return a view's rows of one fill, kept as it came and with our words."""
    made = sqlite3.connect(":memory:")
    for statement in schema.SQL.values():
        made.execute(statement)
    for seq, raw in enumerate((raw_fill, OddRaw(raw_fill)), start=1):
        made.execute("DELETE FROM items")
        row = seal(update_values(seq, "a3f1", read(raw), raw, AT_MS), BEGINNING)
        made.execute(f"INSERT INTO items VALUES ({','.join('?' * len(row))})", row)
        made.execute(f"CREATE TABLE IF NOT EXISTS shown AS SELECT * FROM {view} WHERE 0")
        made.execute(f"INSERT INTO shown SELECT * FROM {view}")
    shown = made.execute("SELECT * FROM shown").fetchall()
    made.close()
    return [row[1:] for row in shown]


@pytest.mark.parametrize("view", ["fills", "orders"])
def test_the_venues_json_and_our_words_show_the_same(view: str) -> None:
    by_raw, by_words = sql_rows(view, fill(7))
    assert by_raw == by_words
    assert None not in by_raw


@pytest.mark.parametrize("view", ["fills", "orders"])
@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        (b'"l":', b'"l":"9","l":'),
        (b'"t":', b'"t":9,"t":'),
        (b'"i":', b'"i":9,"i":'),
        (b'"m":', b'"m":false,"m":'),
        (b'"T":1795330000000,"o"', b'"T":9,"T":1795330000000,"o"'),
        (b'"o":{', b'"o":{"s":"X","c":"","S":"SELL","o":"LIMIT","l":"9"},"o":{'),
        (b'"l":', b'"\\u006c":'),
        (b'"rp":"1.5","V":"EXPIRE_MAKER"', b'"rp":"9","rp":"1.5"'),
        (b'"rp":"1.5","V":"EXPIRE_MAKER"', b'"rp":"9","rp" : "1.5","V":null'),
        (b'"q":', b'"new":[{"q":"9"},{"l":"9","l":"8"}],"l":"9","q":'),
    ],
)
def test_json_that_sql_would_read_otherwise_is_kept_with_our_words(view: str, usual: bytes, odd: bytes) -> None:
    raw = fill(7).replace(usual, odd, 1)
    assert raw != fill(7)
    by_raw, by_words = sql_rows(view, raw)
    assert by_raw == by_words
    assert sql_rows(view, fill(7))[0] == by_raw


def test_json_with_names_that_nobody_has_documented_is_kept_as_it_is() -> None:
    words = schema.COLUMNS.index("event")
    for more in (b"", b'"sp":"7103.04",', b'"list":[{"a":1},{"a":2}],', b'"V2":null,'):
        raw = fill(7).replace(b'"q":', more + b'"q":')
        assert update_values(1, "a3f1", read(raw), raw, AT_MS)[words] is None


def test_the_table_has_the_columns_that_are_written() -> None:
    made = sqlite3.connect(":memory:")
    for statement in schema.SQL.values():
        made.execute(statement)
    assert tuple(column[1] for column in made.execute("PRAGMA table_info(items)")) == schema.COLUMNS
    made.close()


async def test_one_order_id_in_two_symbols_is_two_orders(tmp_path: Path) -> None:
    made = journal(tmp_path / "a.db")
    await made.open()
    append(made, resting(1), resting(1).replace(SYMBOL.encode(), b"ETH-261225-3000-P"), fill(1))
    await take(made, 3)
    await made.aclose()
    reader = open_reader(tmp_path / "a.db")
    view = "SELECT seq, symbol, status FROM orders ORDER BY seq"
    expected = [(2, "ETH-261225-3000-P", "NEW"), (3, SYMBOL, "FILLED")]
    assert reader.execute(view).fetchall() == expected
    packed = [(row[0], row[4]) for row in reader.execute(schema.PACKED["orders"])]
    reader.close()
    assert packed == [(seq, symbol) for seq, symbol, _ in expected]


def positions(number: int, **quantities: str) -> bytes:
    rows = ",".join(
        '{"s":"%s","c":"%s","p":"1","a":"2"}' % (symbol, quantity)  # noqa: UP031 - braces are JSON's
        for symbol, quantity in quantities.items()
    )
    return b'{"e":"BALANCE_POSITION_UPDATE","E":%d,"T":%d,"m":"ORDER","B":[],"P":[%s]}' % (
        number,
        number,
        rows.encode(),
    )


def test_a_position_is_the_last_one_and_zero_where_it_ended(tmp_path: Path) -> None:
    raws = [
        positions(1, A="1.0", B="2"),
        positions(2, A="-0.5"),
        positions(3),
        positions(4, C="7").replace(b'"P"', b'"P":[],"P"'),
    ]
    asyncio.run(written(tmp_path / "a.db", raws))
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    asked = "SELECT symbol, quantity, value, seq FROM positions ORDER BY symbol"
    assert connection.execute(asked).fetchall() == [("A", "-0.5", "1", 3), ("B", "2", "1", 2), ("C", "7", "1", 5)]
    assert connection.execute("SELECT seq FROM items WHERE event IS NOT NULL").fetchall() == [(5,)]
    words = '{"event_ms":9,"record_id":"77","symbol":"B","side":"LONG","quantity":"2","exercise_price":"3","amount":"4","fee":"-1","asset":"USDT","exercised_ms":9}'
    columns = "seq, kind, account, received_ms, type, provenance, late, event_ms, event, raw, crc32, chain"
    connection.execute(
        f"INSERT INTO items({columns}) VALUES (9, 'update', 'a3f1', 10, 'exerciseRecord', 'rest', 0, 9, ?, '{{}}', 0, x'')",
        (words,),
    )
    assert connection.execute(asked).fetchall()[1] == ("B", "0", "0", 9)
    assert connection.execute("SELECT * FROM exercises").fetchall() == [
        (9, "a3f1", 10, 9, "B", "LONG", "2", "3", "4", "-1", "USDT", 9, "77")
    ]
    connection.close()
