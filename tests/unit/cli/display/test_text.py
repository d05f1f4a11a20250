"""Items as lines of words."""

from __future__ import annotations

from listenkey.cli.display.text import line_of
from listenkey.items import GapClosed, GapOpened
from tests.unit.cli.samples import account_event, live, order_event, resting_event, update


def test_each_kind_has_its_line() -> None:
    assert line_of(live()) == "06:46:40  LIVE    from here on every event of alice is shown"
    fill = line_of(update(order_event()))
    assert fill == "06:46:40  fill    BUY  0.1 @ 1,234.5  BTC-261225-90000-C  FILLED 0.3/0.3  commission -0.0287"
    assert line_of(update(resting_event())).endswith("NEW 0/0.3")
    assert line_of(update(account_event())) == ""


def test_a_gap_says_why_how_long_and_what_is_lost() -> None:
    assert line_of(GapOpened(1, "a", 0, "socket \x1b[31mlost")).endswith("GAP     opened: socket [31mlost")
    closed = line_of(GapClosed(2, "a", 0, 12_000, 3, ("order events",)))
    assert closed.startswith("00:00:12"), "what it brought stands above it, and is older"
    assert closed.endswith("GAP     closed after 12s: 3 updates recovered; not recoverable: order events")
    assert line_of(GapClosed(2, "a", 0, 500, 0)).endswith("closed after 0.5s: no updates recovered")
