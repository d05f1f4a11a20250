"""REST history in little room: what is asked of it is what was put in."""

from __future__ import annotations

import pytest

from listenkey.core import bill as bills
from listenkey.core.bill import Bill
from listenkey.wire.rows import BillRow, UnreadableRow
from tests.unit.core.making import OTHER, SYMBOL, contract


def test_rows_of_trades_keep_their_symbol_and_time_and_others_all() -> None:
    transfer = BillRow(9, "TRANSFER", 500, "", "7", "USDT", b"{}")
    bill = Bill([contract(at_ms=1000), transfer, contract(OTHER, 2000, 2)])
    assert list(bill) == [contract(at_ms=1000, row_id=0), contract(OTHER, 2000, 0), transfer]
    assert bill.newest_ms == 2000
    assert Bill().newest_ms == 0


def test_what_a_page_repeats_is_left_out() -> None:
    bill = Bill([contract(row_id=1)])
    bill.add([contract(row_id=1), contract(row_id=2, at_ms=1001)], {1})
    assert [row.time_ms for row in bill] == [1000, 1001]


@pytest.mark.parametrize("symbol", [SYMBOL, ""])
def test_a_fee_beside_a_trade_is_the_trades(symbol: str) -> None:
    bill = Bill([BillRow(1, "FEE", 1000, symbol, "-0.1", "USDT", b"{}"), contract(at_ms=1000, row_id=2)])
    assert [row.type for row in bill] == ["CONTRACT"]
    bill.add([BillRow(3, "FEE", 2001, symbol), BillRow(4, "FEE", 1000, OTHER), BillRow(5, "TRANSFER", 1000, symbol)])
    assert [row.id for row in bill] == [0, 3, 4, 5]


def test_a_fee_without_any_trade_is_kept() -> None:
    assert [row.id for row in Bill([BillRow(3, "FEE", 1, "")])] == [3]


def test_it_says_when_it_has_no_room_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bills, "TRADES_MAX", 2)
    assert not Bill([contract(), contract()]).is_full
    assert Bill([contract(), contract(), contract()]).is_full
    monkeypatch.setattr(bills, "OTHERS_BYTES_MAX", bills.ROW_BYTES)
    assert not Bill([BillRow(3, "TRANSFER", 1, "")]).is_full
    assert Bill([BillRow(3, "TRANSFER", 1, "", raw=bytes(100))]).is_full


def test_of_rows_that_cant_be_read_some_are_noted() -> None:
    bill = Bill()
    for number in range(2 * bills.UNREADABLE_MAX):
        bill.note_unreadable([UnreadableRow(str(number))])
    assert [row.why for row in bill.unreadable] == [str(number) for number in range(bills.UNREADABLE_MAX)]


def test_one_that_ends_in_the_middle_wants_no_more() -> None:
    bill = Bill()
    assert not bill.is_full
    bill.is_cut = True
    assert bill.is_full
