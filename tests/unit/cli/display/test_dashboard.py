"""Test the view's state after items have come."""

from __future__ import annotations

from listenkey.cli.display.dashboard import KEPT_MAX, RECENT_MAX, DashboardState
from listenkey.cli.display.order_rows import OrderTableRow
from listenkey.items import GapOpened
from tests.unit.cli.samples import account_event, greek_event, live, order_event, position_event, update


def test_the_newest_lines_come_first_and_gaps_are_among_them() -> None:
    state = DashboardState()
    for item in (live(1), update(order_event(t=1)), GapOpened(3, "alice", 0, "gone"), update(order_event(t=2))):
        state.add(item)
    kinds = [type(line).__name__ for line in state.newest(10)]
    assert kinds == ["OrderTableRow", "GapOpened", "OrderTableRow", "Live"]
    assert len(state.newest(2)) == 2


def test_balances_positions_and_greeks_are_replaced_not_listed() -> None:
    state = DashboardState()
    for event in (greek_event(d="1"), greek_event(d="2"), account_event(), position_event(quantity="-0.1")):
        state.add(update(event))
    assert state.greeks["BTCUSDT"]["delta"] == "2"
    assert state.totals["equity"] == "10000371.61462086"
    assert state.positions["BTC-261225-90000-C"]["quantity"] == "-0.1"
    state.add(update(position_event(quantity="0.000")))
    assert state.positions == {}
    assert state.newest(10) == []


def test_the_version_grows_with_every_item() -> None:
    state = DashboardState()
    state.add(live())
    state.add(update(greek_event()))
    assert (state.version, state.events, state.account) == (2, 1, "alice")


def test_what_is_kept_has_a_bound() -> None:
    state = DashboardState()
    for number in range(1, RECENT_MAX + 51):
        state.add(update(order_event(t=number)))
    lines = state.newest(10_000)
    assert len(lines) == RECENT_MAX
    assert isinstance(lines[0], OrderTableRow)


def test_no_flood_of_names_makes_it_grow() -> None:
    state = DashboardState()
    for number in range(KEPT_MAX + 10):
        state.add(update(position_event(f"BTC-{number}", "1")))
    assert len(state.positions) == KEPT_MAX
    assert f"BTC-{KEPT_MAX + 9}" in state.positions
    assert "BTC-0" not in state.positions
