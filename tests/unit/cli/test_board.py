"""Test the view's state after items have come."""

from __future__ import annotations

from listenkey.cli.board import KEPT_MAX, RECENT_MAX, Board
from listenkey.cli.rows import Row
from listenkey.items import GapOpened
from tests.unit.cli.making import account_event, greek_event, live, order_event, position_event, update


def test_the_newest_lines_come_first_and_gaps_are_among_them() -> None:
    board = Board()
    for item in (live(1), update(order_event(t=1)), GapOpened(3, "alice", 0, "gone"), update(order_event(t=2))):
        board.add(item)
    kinds = [type(line).__name__ for line in board.newest(10)]
    assert kinds == ["Row", "GapOpened", "Row", "Live"]
    assert len(board.newest(2)) == 2


def test_balances_positions_and_greeks_are_replaced_not_listed() -> None:
    board = Board()
    for event in (greek_event(d="1"), greek_event(d="2"), account_event(), position_event(quantity="-0.1")):
        board.add(update(event))
    assert board.greeks["BTCUSDT"]["delta"] == "2"
    assert board.totals["equity"] == "10000371.61462086"
    assert board.positions["BTC-261225-90000-C"]["quantity"] == "-0.1"
    board.add(update(position_event(quantity="0.000")))
    assert board.positions == {}
    assert board.newest(10) == []


def test_the_version_grows_with_every_item() -> None:
    board = Board()
    board.add(live())
    board.add(update(greek_event()))
    assert (board.version, board.events, board.account) == (2, 1, "alice")


def test_what_is_kept_has_a_bound() -> None:
    board = Board()
    for number in range(RECENT_MAX + 50):
        board.add(update(order_event(t=number)))
    lines = board.newest(10_000)
    assert len(lines) == RECENT_MAX
    assert isinstance(lines[0], Row)


def test_no_flood_of_names_makes_it_grow() -> None:
    board = Board()
    for number in range(KEPT_MAX + 10):
        board.add(update(position_event(f"BTC-{number}", "1")))
    assert len(board.positions) == KEPT_MAX
    assert f"BTC-{KEPT_MAX + 9}" in board.positions
    assert "BTC-0" not in board.positions
