"""The figures of docs/explanation/growth.md are those of the run that lies beside it, and a run comes to the same again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.growth import fleet, page
from benchmarks.growth.address import Address, Case, most_within
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
