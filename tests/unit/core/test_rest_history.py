"""REST history against the fills that were delivered: matched one to one, and what is left of both."""

from __future__ import annotations

import pytest

from listenkey.core import reconciliation, rest_history
from listenkey.core.account_state import FillIndex
from listenkey.core.rest_history import Compared, FillMatching, Outstanding, compare
from listenkey.wire import rows
from listenkey.wire.rows import CONTRACT, BillRow, TradeRow


def bill(symbol: str, *times: int, kind: str = CONTRACT) -> list[BillRow]:
    return [BillRow(at, kind, time_ms, symbol) for at, time_ms in enumerate(times)]


def listed(symbol: str, time_ms: int) -> TradeRow:
    row = {
        "symbol": symbol, "tradeId": 1, "orderId": 1, "side": "BUY", "quantity": "1", "price": "1", "fee": "0",
        "quoteAsset": "USDT", "time": time_ms, "liquidity": "MAKER", "realizedProfit": "0", "id": 1,
    }  # fmt: skip
    return rows.trade(row, b"")


def test_fills_that_rest_does_not_show_yet_do_not_stand_in_for_one_that_was_lost() -> None:
    rows_, fills = bill("a", 100, 150, 200), {"a": [100, 200, 250, 300, 350]}
    assert compare(rows_, fills, 0, 400) == Compared({"a": [150]}, unshown_ms=250, matched=True)
    assert compare(rows_, fills, 0, 240).unshown_ms is None, "younger than the span is"
    assert compare(rows_, {}, 160, 400).unexplained == {"a": [200]}
    assert compare(bill("a", 100, kind="FEE"), {}, 0, 400).unexplained == {}


def test_two_fills_of_one_time_are_two() -> None:
    assert compare(bill("a", 100, 100), {"a": [100]}, 0, 400).unexplained == {"a": [100]}
    assert compare(bill("a", 100), {"b": [100]}, 0, 400).unexplained == {"a": [100]}


def test_rest_is_seen_to_lag_by_symbol_and_not_where_it_has_shown_later_ones() -> None:
    assert compare(bill("a", 300), {"a": [100, 300]}, 0, 400).unshown_ms is None, "it has no row, and will have none"
    assert compare(bill("a", 300), {"a": [300], "b": [90]}, 0, 400).unshown_ms == 90


def test_a_bill_explains_all_when_it_shows_a_named_row_for_each_fill() -> None:
    assert compare(bill("a", 1, 2), {"a": [1, 2]}, 0, 9).explains_all
    assert not compare(bill("a", 1), {"a": [1, 2]}, 0, 9).explains_all, "lagging, or not a row a fill"
    assert not compare(bill("a", 1), {}, 0, 9).explains_all, "nothing to compare"
    assert not compare([*bill("a", 1), *bill("", 2)], {"a": [1, 2]}, 0, 9).explains_all


def test_rows_that_name_no_symbol_are_anybodys() -> None:
    mixed = [*bill("", 100, 200), *bill("a", 50)]
    assert compare(mixed, {"a": [50, 100], "b": [200]}, 0, 400).unexplained == {}
    both = compare(mixed, {"a": [50, 100], "b": [300]}, 0, 400)
    assert (both.unexplained, both.unshown_ms) == ({"": [200]}, 300)


@pytest.mark.parametrize(("near_ms", "left"), [(0, [103, 204, 900]), (3, [204, 900]), (4, [900])])
def test_a_row_and_its_fill_may_be_apart_by_so_much(near_ms: int, left: list[int]) -> None:
    out = compare(bill("a", 103, 204, 900), {"a": [10, 100, 200, 2000]}, 0, 3000, near_ms)
    assert out.unexplained == {"a": left}
    assert out.apart_ms == (0 if near_ms == 0 else near_ms)
    assert compare(bill("a", 900), {"a": [10]}, 0, 3000, 5).unexplained == {"a": [900]}


def test_what_is_listed_so_far_decides_of_what_is_older() -> None:
    assert rest_history.unlisted([100, 5000], [4500]) == []
    assert rest_history.unlisted([100, 5501], [4500]) == [5501]
    assert rest_history.unlisted([100], []) == [100]
    trades = [listed("a", 100)]
    assert reconciliation.unlisted({"a": [100], "b": [7], "c": [9]}, trades, {"b": "no"}) == {
        "b": ([7], "no"),
        "c": ([9], reconciliation.NOT_LISTED),
    }


def test_what_is_outstanding_is_news_once_and_asked_for_in_turn() -> None:
    left = Outstanding()
    assert (bool(left), left.why, left.since_ms("a"), left.is_ahead_of("a", [])) == (False, "", None, False)
    assert left.note("a", [100, 200], "no")
    assert not left.note("a", [100, 200], "still no")
    assert left.news({"a": [100, 200], "b": [1]}) == {"b": [1]}
    assert left.note("a", [100, 200, 300], "no")
    assert "at least 3 fills of a that no socket brought: no;" in left.why
    assert left.note("b", [50], "no")
    assert ", and 1 more symbols;" in left.why
    assert [left.next(1), left.next(1), left.next(5)] == [["a"], ["b"], ["a", "b"]]
    assert left.since_ms("a") == 100
    assert left.is_ahead_of("a", [])
    assert not left.is_ahead_of("a", [listed("a", 300)])
    left.settle("a")
    assert "at least 1 fill of b" in left.why
    left.settle("b")
    assert not left


def test_a_symbol_is_asked_for_in_ten_looks_from_its_own_newest_loss_on_and_then_in_every_tenth() -> None:
    left = Outstanding()
    left.note("a", [100], "refused")
    looks = [left.next(4) for _ in range(45)]
    assert [at for at, asked in enumerate(looks, 1) if asked] == [*range(1, 11), 20, 30, 40]
    left.note("b", [900], "refused")
    assert [left.next(4) for _ in range(11)] == [["b"]] * 4 + [["a", "b"]] + [["b"]] * 5 + [[]]
    left.note("a", [100], "refused, as before")
    assert left.next(4) == []
    left.note("a", [100, 950], "refused")
    assert [left.next(4) for _ in range(10)] == [["a"]] * 7 + [["b", "a"]] + [["a"]] * 2


def test_symbols_that_had_no_turn_stay_due() -> None:
    left = Outstanding()
    for symbol in "abc":
        left.note(symbol, [1], "refused")
    turns = [left.next(2) for _ in range(15)]
    assert [sum(symbol in turn for turn in turns) for symbol in "abc"] == [10, 10, 10]


def test_what_is_outstanding_is_bounded() -> None:
    left = Outstanding()
    for at in range(rest_history.OUTSTANDING_MAX + 5):
        left.note(str(at), [at], "no")
    assert len(left.next(10**6)) == rest_history.OUTSTANDING_MAX


def test_how_far_apart_a_row_and_its_fill_are_is_learned_where_nothing_is_missing() -> None:
    fills = FillIndex()
    fills.add("a", 1, 1, 100)
    matching = FillMatching(fills)
    rows_ = bill("a", 130)
    assert matching.compare(rows_, 0, 400).unexplained == {"a": [130]}
    assert not matching.shows_fills
    matching.learn(bill("a", 130, 130), 0, 400)
    assert matching.compare(rows_, 0, 400).unexplained == {"a": [130]}, "one of the two is missing"
    matching.learn(rows_, 0, 400)
    assert matching.compare(rows_, 0, 400).unexplained == {}
    assert matching.shows_fills
