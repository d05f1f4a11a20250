"""The counts at the end, and the truth about the demo."""

from __future__ import annotations

import json

from listenkey.cli.summary import Tally, compare, count, demo_line, demo_sentence, sentence
from listenkey.items import GapOpened
from tests.unit.cli.making import account_event, healthy, live, order_event, update


def tally_of(*trade_ids: int) -> Tally:
    tally = Tally(keep_trades=True)
    for trade_id in trade_ids:
        tally.add(update(order_event(t=trade_id)))
    return tally


def test_items_are_counted_by_kind() -> None:
    tally = tally_of(1, 2)
    tally.add(update(account_event()))
    assert not tally.went_live.is_set()
    tally.add(live())
    tally.add(GapOpened(5, "alice", 0, "x"))
    assert tally.went_live.is_set()
    assert sentence(tally, healthy(duplicates_removed=1204)) == "3 events, 2 fills, 1 gap, 1,204 duplicates removed"
    assert tally.trades == [("BTC-261225-90000-C", 1), ("BTC-261225-90000-C", 2)]
    assert count(0, "gap") == "no gaps"


def test_trades_are_kept_only_when_asked() -> None:
    tally = Tally()
    tally.add(update(order_event()))
    assert (tally.fills, tally.trades) == (1, [])


def test_the_ledger_is_compared_in_order_and_to_the_end() -> None:
    a, b, c = ("S", 1), ("S", 2), ("S", 3)
    assert compare([a, b], [a, b]).equal
    assert compare([], []).equal
    assert compare([a, b], [b, a]).first_difference == 0
    assert compare([a, b, c], [a, b]).first_difference == 2
    assert compare([a, b], [a, b, b]).first_difference == 2


def test_the_demo_says_yes_or_no() -> None:
    tally = tally_of(1, 2)
    same, other = compare(tally.trades, tally.trades), compare(tally.trades[:1], tally.trades)
    assert "ledger = stream: yes (2 fills, in order, each once)" in demo_sentence(tally, healthy(), same)
    assert "ledger = stream: no" in demo_sentence(tally, healthy(), other)
    assert "number 2" in demo_sentence(tally, healthy(), other)
    told = json.loads(demo_line(tally, healthy(), other))
    assert (told["kind"], told["fills"], told["ledger_fills"], told["ledger_equals_stream"]) == ("summary", 2, 1, False)
