"""The page of metrics, the rules and their tests know the same names as the code."""

from __future__ import annotations

import re
from pathlib import Path

from listenkey.credentials import Secret
from listenkey.gateway.http.server import GatewayServer
from listenkey.health import Health
from listenkey.metrics import families, single_metrics
from tests.unit.gateway.http.making import StandInAccounts

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"listenkey_[a-z_]+")
HEALTH = Health(
    status="LIVE", why="", key_left_s=1.0, last_event_ms=1, last_heard_s=1.0, last_audit_s=1.0, used_weight=1
)


def shown() -> set[str]:
    """The names of all series."""
    server = GatewayServer(StandInAccounts(), Secret(""), "127.0.0.1", 0)
    found = [*families([("a", HEALTH)], 0.0), *single_metrics(server.own_metrics())]
    return {sample.name for family in found for sample in family.samples}


def names_in(path: str) -> set[str]:
    return set(NAME.findall((ROOT / path).read_text("utf-8")))


def test_the_page_has_every_metric_and_no_other() -> None:
    assert names_in("docs/reference/metrics.md") == shown()


def test_rules_ask_for_metrics_that_there_are() -> None:
    assert len(asked := names_in("deploy/prometheus/rules.yml")) > 5
    assert asked <= shown()


def test_every_rule_is_tried_and_explained() -> None:
    rules = set(re.findall(r"alert: (\w+)", (ROOT / "deploy/prometheus/rules.yml").read_text("utf-8")))
    assert len(rules) > 5
    for path in ("deploy/prometheus/rules_test.yml", "docs/reference/metrics.md"):
        assert rules == set(re.findall(r"Listenkey[A-Z]\w+", (ROOT / path).read_text("utf-8"))), path
