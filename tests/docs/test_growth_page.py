"""The figures of docs/explanation/growth.md are those of the run that lies beside it, and a run comes to the same again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from benchmarks.growth import fleet, page
from benchmarks.growth.address import TIMING, Address, Case, most_within
from listenkey.core.budget import Priority


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.RESULTS.read_text())
    return found


def test_page_and_pictures_are_made_from_the_results_beside_them(results: dict[str, Any]) -> None:
    text = page.PAGE.read_text()
    for path, made in page.made(results, text).items():
        assert path.read_text() == made, f"{path.name} is not what `python -m benchmarks.growth` makes"
    assert set(page.TABLES) == {found[2] for found in page.TABLE.finditer(text)}


def test_the_command_comes_to_the_same_figures_again(results: dict[str, Any]) -> None:
    kept = next(row for row in results["returns"] if (row["accounts"], row["keys_per_socket"]) == (10_000, 10))
    assert fleet.play(10_000, kept["weight_limit"], 10) == kept


def test_an_address_holds_as_many_accounts_as_the_page_says() -> None:
    text = (page.DOCS / "idle-accounts.md").read_text()
    table = re.search(r"<!-- accounts of an address: .*?-->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert table is not None
    rows = [
        f"| {limit:,} | {fleet.accounts_held(limit, TIMING.audit_every_s):,} | {fleet.accounts_held(limit):,} |"
        for limit in (400, 2_400)
    ]
    assert table[1].splitlines()[2:] == rows


@pytest.mark.parametrize("limit", [400, 2_400])
def test_audits_of_so_many_accounts_come_in_time_and_of_more_they_do_not(limit: int) -> None:
    """Those of idle accounts are a minute late at most, and with a quarter more accounts many minutes."""
    held = fleet.accounts_held(limit)

    def late_s(accounts: int) -> tuple[float, float]:
        address = Address(Case(accounts, round(accounts * fleet.ACTIVE_SHARE), limit), seed=1)
        address.begin()
        address.time.run(3600)
        assert most_within(address.requests.sent, 60) <= limit * Priority.KEYS.value
        return max(address.late_s[True]), max(address.late_s[False])

    in_use_s, idle_s = late_s(held)
    assert in_use_s < 30
    assert idle_s < 60
    in_use_s, idle_s = late_s(held * 5 // 4)
    assert in_use_s < 240, "those in use go first"
    assert idle_s > 600


def test_no_fleet_breaks_a_limit_and_the_arithmetic_is_near(results: dict[str, Any]) -> None:
    for row in [*results["returns"], *results["more"]]:
        limit = row["weight_limit"] * Priority.KEYS.value
        assert max(row["start_weight"], row["heal_weight"]) <= limit
        assert max(row["start_sockets"], row["heal_sockets"]) <= 240
        assert row["heal_all_s"] == pytest.approx(row["arithmetic_s"], rel=0.2)


def test_accounts_at_risk_are_live_and_whole_before_the_others() -> None:
    case = Case(accounts=120, active=6, weight_limit=400)
    address = Address(case, seed=3)
    address.start()
    address.time.run(600)
    order = sorted(address.live_s, key=lambda number: address.live_s[number])
    assert sorted(order[:6]) == list(range(6))
    address = Address(case, seed=3)
    address.begin()
    address.time.run(600)
    address.lose_all(0)
    address.time.run(1200)
    assert max(address.healed_s[number] for number in range(6)) < sorted(address.healed_s.values())[40]
    assert most_within(address.requests.sent, 60) <= 320
