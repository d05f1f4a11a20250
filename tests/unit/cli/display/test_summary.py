"""The counts at the end."""

from __future__ import annotations

from listenkey.cli.display.summary import Tally, count, sentence
from listenkey.items import GapOpened
from tests.unit.cli.samples import account_event, healthy, live, order_event, update


def test_items_are_counted_by_kind() -> None:
    tally = Tally()
    for trade_id in (1, 2):
        tally.add(update(order_event(t=trade_id)))
    tally.add(update(account_event()))
    assert not tally.went_live.is_set()
    tally.add(live())
    tally.add(GapOpened(5, "alice", 0, "x"))
    assert tally.went_live.is_set()
    assert sentence(tally, healthy(duplicates_removed=1204)) == "3 events, 2 fills, 1 gap, 1,204 duplicates removed"
    assert count(0, "gap") == "no gaps"
