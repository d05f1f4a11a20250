"""The state of streams as metrics: names, values, and a bound on how many accounts have series of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from listenkey import metrics
from listenkey.health import Health, Status
from listenkey.metrics import StreamReading, exposition, families, single_metrics

NOW_S = 1_795_330_000.0
LIVE = Health(
    status="LIVE",
    why="",
    fills_complete=True,
    key_left_s=3000.0,
    last_event_ms=1_795_329_990_500,
    last_heard_s=2.0,
    last_audit_s=30.0,
    events=7,
    gaps=2,
    gaps_incomplete=1,
    recovered=3,
    reconnects=4,
    used_weight=120,
)
GAP = Health(status="GAP", why="", open_gap_from_ms=1_795_329_940_000)


def samples(readings: Sequence[StreamReading]) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each sample as Prometheus reads it: name and values of its labels."""
    text, _ = exposition(families(readings, NOW_S), "")
    read = [sample for family in plain(text.decode()) for sample in family.samples]
    assert len({(each.name, tuple(each.labels.items())) for each in read}) == len(read), "no series twice"
    return {(each.name, tuple(each.labels.values())): each.value for each in read}


def test_an_account_has_what_an_alarm_asks_for() -> None:
    found = samples([("desk-1", LIVE), ("desk-2", GAP)])
    of = {name.removeprefix("listenkey_"): value for (name, labels), value in found.items() if labels == ("desk-1",)}
    assert of == {
        "fills_complete": 1,
        "gap_open_seconds": 0,
        "key_expires_timestamp_seconds": NOW_S + 3000,
        "last_event_timestamp_seconds": NOW_S - 9.5,
        "last_heard_timestamp_seconds": NOW_S - 2,
        "last_audit_timestamp_seconds": NOW_S - 30,
        "events_total": 7,
        "gaps_total": 2,
        "unrecoverable_total": 1,
        "recovered_total": 3,
        "reconnects_total": 4,
    }
    assert found["listenkey_stream_state", ("desk-1", "LIVE")] == 1
    assert found["listenkey_stream_state", ("desk-2", "GAP")] == 1
    assert found["listenkey_gap_open_seconds", ("desk-2",)] == 60
    assert found["listenkey_fills_complete", ("desk-2",)] == 0
    assert ("listenkey_last_event_timestamp_seconds", ("desk-2",)) not in found, "none came"
    assert found["listenkey_used_weight", ()] == 120


def test_every_state_is_counted_also_where_no_account_has_it() -> None:
    found = samples([("desk-1", LIVE), ("desk-2", GAP), ("desk-3", GAP)])
    by_state = {labels[0]: value for (name, labels), value in found.items() if name == "listenkey_accounts"}
    assert by_state == {state: {"LIVE": 1, "GAP": 2}.get(state, 0) for state in get_args(Status)}
    assert found["listenkey_accounts_incomplete", ()] == 2


def test_with_too_many_accounts_those_in_trouble_keep_their_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "ACCOUNTS_MAX", 2)
    found = samples([("a", LIVE), ("b", LIVE), ("c", GAP), ("d", LIVE)])
    assert {labels[0] for name, labels in found if name == "listenkey_stream_state"} == {"a", "c"}
    assert found["listenkey_accounts", ("LIVE",)] == 3


def test_an_account_that_another_gateway_holds_is_counted_and_no_reason_for_an_alarm() -> None:
    found = samples([("a", LIVE), ("b", Health(status="ELSEWHERE", why="held by another"))])
    assert found["listenkey_accounts", ("ELSEWHERE",)] == 1
    assert found["listenkey_accounts_incomplete", ()] == 0
    assert {labels[0] for name, labels in found if name == "listenkey_stream_state"} == {"a"}


def test_before_the_first_account_there_are_totals() -> None:
    found = samples([])
    assert found["listenkey_accounts_incomplete", ()] == 0
    assert ("listenkey_used_weight", ()) not in found
    assert any(name == "listenkey_build_info" for name, _ in found)
    assert found["process_resident_memory_bytes", ()] > 0


def test_a_name_that_is_strange_is_written_as_it_is() -> None:
    assert samples([('a"b\\c\n', LIVE)])["listenkey_events_total", ('a"b\\c\n',)] == 7


def test_it_is_openmetrics_for_who_asks_for_it() -> None:
    text, content_type = exposition(
        [*families([("desk-1", LIVE)], NOW_S), *single_metrics({"x_total": ("Counts.", 5), "y": ("Is.", 6)})],
        "application/openmetrics-text; version=1.0.0,text/plain;q=0.5",
    )
    assert content_type.startswith("application/openmetrics-text")
    kinds = {family.name: family.type for family in openmetrics(text.decode())}  # type: ignore[no-untyped-call]
    assert (kinds["x"], kinds["y"], kinds["listenkey_events"]) == ("counter", "gauge", "counter")
