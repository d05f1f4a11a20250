from __future__ import annotations

import json
from pathlib import Path

import pytest

from listenkey.errors import Corrupt
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.sqlite.hash_chain import BEGINNING, seal
from listenkey.journal.sqlite.row_codec import fill_keys, item_of, told_values, update_values
from listenkey.journal.sqlite.schema import COLUMNS
from listenkey.outcomes import GapCause, Loss
from listenkey.wire.frames import OddRaw, Received, read
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, ORDER_ID, SYMBOL, fill, greeks, resting
from tests.unit.journal.making import read as event_of

FIXTURES = Path(__file__).parents[3] / "fixtures"
INDEX = json.loads((FIXTURES / "index.json").read_text())


def events() -> list[Received]:
    found = (read(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json")))
    return [one for one in found if isinstance(one, Received)]


def round_trip(item: Update) -> Item:
    values = update_values(
        item.seq, item.account, item.event, item.raw, item.received_ms, item.provenance, late=item.late
    )
    return item_of(seal(values, BEGINNING))


def test_every_event_of_the_fixtures_comes_back_equal() -> None:
    assert len(events()) >= 10
    for received in events():
        item = Update(1, ACCOUNT, received.event, AT_MS, received.raw)
        assert round_trip(item) == item


def test_what_came_over_rest_comes_back_from_its_words() -> None:
    item = Update(3, ACCOUNT, event_of(fill(7)), AT_MS, b'{"id":1}', "rest", late=True)
    assert round_trip(item) == item


def test_the_columns_are_those_of_the_table() -> None:
    values = update_values(9, ACCOUNT, event_of(fill(7)), fill(7), AT_MS, skipped=2)
    row = dict(zip(COLUMNS, seal(values, BEGINNING), strict=True))
    assert (row["seq"], row["symbol"], row["trade_id"], row["order_id"]) == (9, SYMBOL, 7, ORDER_ID + 7)
    assert row["skipped"] == 2


def test_our_words_are_kept_only_where_the_raw_does_not_say_them() -> None:
    def words(raw: bytes, provenance: Provenance = "ws") -> str | None:
        values = update_values(9, ACCOUNT, event_of(raw), raw, AT_MS, provenance)
        kept = values[COLUMNS.index("event")]
        assert kept is None or isinstance(kept, str)
        return kept

    assert words(fill(7)) is None
    assert words(fill(7), "ws+rest") is None
    for kept in (words(fill(7), "rest"), words(OddRaw(fill(7)))):
        assert kept is not None
        assert json.loads(kept)["last_price"] == "3660.000"


def test_an_event_that_took_the_slow_road_says_so() -> None:
    drifted = fill(7).replace(b'"i":%d' % (ORDER_ID + 7), b'"i":"%d"' % (ORDER_ID + 7))
    for raw, kind in ((fill(7), bytes), (drifted, OddRaw)):
        received = read(raw)
        assert isinstance(received, Received)
        assert type(received.raw) is kind
        assert received.event == event_of(fill(7))


def test_only_a_fill_has_a_trade_id() -> None:
    assert fill_keys(event_of(fill(7))) == [(SYMBOL, 7, ORDER_ID + 7)]
    for raw in (resting(1), greeks(1)):
        assert fill_keys(event_of(raw)) == []
        assert update_values(1, ACCOUNT, event_of(raw), raw, AT_MS)[COLUMNS.index("trade_id")] is None


@pytest.mark.parametrize(
    "item",
    [
        Live(1, ACCOUNT, 5),
        GapOpened(2, ACCOUNT, 5, 'a "why"', GapCause.SILENT),
        GapClosed(
            3, ACCOUNT, 5, 9, 3, ("one", "two"), 2, 1, fills_complete=True, lost=frozenset({Loss.TOTALS, Loss.ORDERS})
        ),
    ],
)
def test_what_the_lifecycle_tells_comes_back_equal(item: Live | GapOpened | GapClosed) -> None:
    assert item_of(seal(told_values(item, AT_MS), BEGINNING)) == item


def test_the_end_of_a_gap_of_an_earlier_release_comes_back_without_what_it_does_not_say() -> None:
    values = list(told_values(GapClosed(3, ACCOUNT, 5, 9, 7, ("one",), 2, 1), AT_MS))
    values[COLUMNS.index("event")] = None
    assert item_of(seal(tuple(values), BEGINNING)) == GapClosed(3, ACCOUNT, 5, 9, 7, ("one",))


def test_the_beginning_of_a_gap_of_an_earlier_release_has_no_known_cause() -> None:
    values = list(told_values(GapOpened(3, ACCOUNT, 5, "ended", GapCause.SILENT), AT_MS))
    values[COLUMNS.index("event")] = None
    assert item_of(seal(tuple(values), BEGINNING)) == GapOpened(3, ACCOUNT, 5, "ended", GapCause.UNKNOWN)


def test_the_losses_of_a_gap_are_written_in_one_order() -> None:
    losses = frozenset({Loss.TOTALS, Loss.ORDERS, Loss.UNREADABLE, Loss.EXERCISES})
    row = told_values(GapClosed(3, ACCOUNT, 5, 9, 7, lost=losses), AT_MS)
    assert json.loads(row[COLUMNS.index("event")])["lost"] == ["exercises", "orders", "totals", "unreadable"]


@pytest.mark.parametrize(
    "change",
    [
        {
            "kind": "gap_closed",
            "from_ms": 1,
            "to_ms": 2,
            "recovered": 3,
            "unrecoverable": "[]",
            "event": '{"recovered_fills":-1}',
        },
        {"kind": "gap_opened", "from_ms": 1, "why": "ended", "event": '{"cause":5}'},
        {"kind": "x"},
        {"raw": None},
        {"event": "[", "provenance": "rest"},
        {"kind": "gap_closed", "unrecoverable": 5},
    ],
)
def test_columns_that_make_no_item_are_told_as_damage(change: dict[str, object]) -> None:
    row = dict(zip(COLUMNS, seal(update_values(4, ACCOUNT, event_of(fill(7)), fill(7), AT_MS), BEGINNING), strict=True))
    with pytest.raises(Corrupt, match="item 4"):
        item_of(tuple((row | change).values()))


def test_words_that_make_no_event_are_told_as_damage() -> None:
    row = dict(zip(COLUMNS, seal(update_values(4, ACCOUNT, event_of(fill(7)), fill(7), AT_MS), BEGINNING), strict=True))
    with pytest.raises(Corrupt, match="item 4"):
        item_of(tuple((row | {"raw": "{}", "event": "{}", "provenance": "rest"}).values()))


def test_an_event_whose_raw_cant_be_read_comes_from_its_words() -> None:
    values = update_values(4, ACCOUNT, event_of(fill(7)), OddRaw(fill(7)), AT_MS)
    row = dict(zip(COLUMNS, seal(values, BEGINNING), strict=True))
    item = item_of(tuple((row | {"raw": "{"}).values()))
    assert isinstance(item, Update)
    assert item.event == event_of(fill(7))


def test_what_rest_brought_is_found_by_its_order_and_only_a_fill_by_its_trade() -> None:
    recovered, order = trade_row(7, order_id=3).fill, order_row(3, "CANCELED", "1").order
    assert fill_keys(recovered) == [(recovered.symbol, 7, 3)]
    assert fill_keys(order) == []
    columns = [COLUMNS.index(name) for name in ("symbol", "order_id", "trade_id")]
    found = update_values(1, ACCOUNT, recovered, b"{}", AT_MS, "rest")
    assert [found[column] for column in columns] == [recovered.symbol, 3, 7]
    found = update_values(2, ACCOUNT, order, b"{}", AT_MS, "rest")
    assert [found[column] for column in columns] == [order.symbol, 3, None]
    for event in (recovered, order):
        item = Update(1, ACCOUNT, event, AT_MS, b"{}", "rest")
        assert round_trip(item) == item


def test_a_number_that_nobody_can_hold_under_an_unknown_name_is_kept_as_it_came() -> None:
    raw = fill(7).replace(b'{"e"', b'{"unknown":1e400,"e"', 1)
    item = Update(1, ACCOUNT, event_of(fill(7)), AT_MS, raw)
    assert round_trip(item) == item
    assert update_values(1, ACCOUNT, item.event, raw, AT_MS)[COLUMNS.index("event")] is not None
