"""The table has accounts in trouble first, and says what is wrong with each."""

from __future__ import annotations

from typing import Any, get_args

from listenkey.cli.gateway.status_table import WORST_FIRST, sorted_by_trouble, table
from listenkey.health import Status

NOW_MS = 1_800_000_000_000


def row(name: str, status: str = "LIVE", **more: Any) -> dict[str, Any]:
    is_live = status == "LIVE"
    return {"name": name, "status": status, "why": f"{status} of {name}", "fills_complete": is_live, "seq": 7} | more


def test_the_worst_stand_first() -> None:
    rows = [row(status.lower(), status) for status in reversed(WORST_FIRST)]
    assert [each["status"] for each in sorted_by_trouble(rows)] == list(WORST_FIRST)
    assert set(WORST_FIRST) == set(get_args(Status))


def test_a_status_that_is_not_known_stands_above_all() -> None:
    assert [each["name"] for each in sorted_by_trouble([row("a"), row("b", "FAILED"), row("c", "NEW")])] == [
        "c",
        "b",
        "a",
    ]


def test_of_two_alike_the_one_that_is_so_for_longer() -> None:
    rows = [row("a", "GAP", status_since_ms=2), row("b", "GAP", status_since_ms=1), row("d"), row("c")]
    assert [each["name"] for each in sorted_by_trouble(rows)] == ["b", "a", "c", "d"]


def test_a_live_account_with_something_wrong_stands_above_the_others() -> None:
    rows = [row("a"), row("b", same_account_as="a"), row("c", fills_complete=False)]
    assert [each["name"] for each in sorted_by_trouble(rows)] == ["c", "b", "a"]


def test_the_cells_are_as_people_read_them() -> None:
    one = row(
        "desk-1",
        "GAP",
        status_since_ms=NOW_MS - 65_000,
        open_gap_from_ms=NOW_MS - 70_000,
        key_left_s=3000.0,
        socket_age_s=None,
        last_event_ms=NOW_MS - 1_500,
        seq=1234,
    )
    head, line, total = table([one], NOW_MS).splitlines()
    assert head.split()[:3] == ["account", "status", "for"]
    assert line.split() == [
        *["desk-1", "GAP", "1m05s", "1m10s", "missing", "50m00s", "-", "1.5s", "1234", "GAP", "of", "desk-1"]
    ]
    assert total == "1 account, 0 with every fill"
    two = table([row("a"), row("b", "FAILED")], NOW_MS)
    assert two.splitlines()[-1] == "2 accounts, 1 with every fill"
    assert "LIVE of a" not in two


def test_what_is_wrong_beside_the_status_is_said() -> None:
    wrong = row("a", same_account_as="b", account_doubt="doubt", journal_problem="disk", gaps_incomplete=2)
    told = table([wrong], NOW_MS)
    assert "the same account as b; doubt; disk; gaps without all fills: 2" in told


def test_a_gateway_without_accounts_and_rows_of_another_build() -> None:
    assert table([], NOW_MS) == "0 accounts, 0 with every fill"
    odd = {"name": "a\x1b[2J", "status": None, "key_left_s": "x", "status_since_ms": "x", "why": None}
    (first,) = sorted_by_trouble([odd])
    assert "\x1b" not in table([first], NOW_MS)


def test_accounts_of_other_workers_stand_last_and_are_counted_apart() -> None:
    rows = sorted_by_trouble([row("a", "ELSEWHERE", why="held by w2 at http://x"), row("b")])
    shown = table(rows, NOW_MS).splitlines()
    assert [line.split()[0] for line in shown[1:3]] == ["b", "a"]
    assert "missing" not in shown[2]
    assert "held by w2 at http://x" in shown[2]
    assert shown[3] == "2 accounts, 1 of them elsewhere, 1 with every fill"
