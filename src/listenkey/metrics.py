"""
The state of streams as metrics for Prometheus, read when it asks, so that no event costs anything more.

The names and their meaning are in docs/reference/metrics.md. A counter belongs to one account and falls back to 0 when
that account's stream is begun anew; `rate` and `increase` understand that, and sums over accounts are left to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final, NamedTuple, TypeAlias, get_args

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from listenkey.health import Health, Status

ACCOUNTS_MAX: Final = 1000
"""The accounts that have series of their own; with more, those in trouble go first."""

STATES: Final[Sequence[Status]] = get_args(Status)

StreamReading: TypeAlias = "tuple[str, Health]"
"""An account's name, and how its stream is."""


class _AccountMetric(NamedTuple):
    """One metric of each account: its name, its help, and its value; None where there is none."""

    name: str
    words: str
    value: Callable[[Health, float], float | None]


_GAUGES: Final = (
    _AccountMetric(
        "listenkey_fills_complete",
        "1 where every fill until now is in the stream, as far as the socket and REST show.",
        lambda health, _: float(health.fills_complete),
    ),
    _AccountMetric(
        "listenkey_gap_open_seconds",
        "Seconds since the gap began that is open; 0 where none is.",
        lambda health, now_s: (
            0.0 if health.open_gap_from_ms is None else max(0.0, now_s - health.open_gap_from_ms / 1e3)
        ),
    ),
    _AccountMetric(
        "listenkey_key_expires_timestamp_seconds",
        "The moment at which the listen key ends, if nobody renews it.",
        lambda health, now_s: None if health.key_left_s is None else now_s + health.key_left_s,
    ),
    _AccountMetric(
        "listenkey_last_event_timestamp_seconds",
        "The arrival of the newest event; no sample before the first.",
        lambda health, _: None if health.last_event_ms is None else health.last_event_ms / 1e3,
    ),
    _AccountMetric(
        "listenkey_last_heard_timestamp_seconds",
        "The moment at which the venue was last heard, answers to pings included.",
        lambda health, now_s: None if health.last_heard_s is None else now_s - health.last_heard_s,
    ),
    _AccountMetric(
        "listenkey_last_audit_timestamp_seconds",
        "The moment at which REST history was last held against the events; no sample without a secret.",
        lambda health, now_s: None if health.last_audit_s is None else now_s - health.last_audit_s,
    ),
)

_COUNTERS: Final = (
    _AccountMetric("listenkey_events", "Events delivered.", lambda health, _: health.events),
    _AccountMetric("listenkey_gaps", "Gaps reported.", lambda health, _: health.gaps),
    _AccountMetric(
        "listenkey_unrecoverable",
        "Gaps that closed without all of their fills.",
        lambda health, _: health.gaps_incomplete,
    ),
    _AccountMetric(
        "listenkey_recovered", "Updates brought back over REST, fills and orders.", lambda health, _: health.recovered
    ),
    _AccountMetric("listenkey_reconnects", "Sockets lost.", lambda health, _: health.reconnects),
)


def families(readings: Sequence[StreamReading], now_s: float) -> list[Metric]:
    """
    Return the metrics of streams.

    Args:
        readings: How each of them is. Those that another gateway holds are counted, and have no series here.
        now_s: The wall clock, epoch seconds.
    """
    states = Counter(health.status for _, health in readings)
    by_state = GaugeMetricFamily("listenkey_accounts", "Accounts by the state of their stream.", labels=["state"])
    for state in STATES:
        by_state.add_metric([state], states[state])
    state_of = GaugeMetricFamily(
        "listenkey_stream_state", "1 for the state that the account's stream has.", labels=["account", "state"]
    )
    held = [reading for reading in readings if reading[1].status != "ELSEWHERE"]  # The others' gateways tell of those.
    shown = _shown(held)
    for name, health in shown:
        state_of.add_metric([name, health.status], 1)
    found = [_build_info(), by_state, _incomplete(held), state_of]
    found += [_of_each(GaugeMetricFamily, metric, shown, now_s) for metric in _GAUGES]
    found += [_of_each(CounterMetricFamily, metric, shown, now_s) for metric in _COUNTERS]
    if (used := max((health.used_weight or 0 for _, health in readings), default=0)) > 0:
        found.append(
            GaugeMetricFamily("listenkey_used_weight", "Request weight of this address in the minute.", value=used)
        )
    return found


def single_metrics(values: Mapping[str, tuple[str, float]]) -> list[Metric]:
    """Return single values as metrics: name -> help and value. A name that ends in `_total` is a counter's."""
    return [
        (CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily)(name, words, value=value)
        for name, (words, value) in values.items()
    ]


def exposition(found: Iterable[Metric], accepted: str) -> tuple[bytes, str]:
    """
    Encode metrics, with those of the process, for who accepts such a type; return the text and its type.

    Args:
        found: The metrics.
        accepted: The header Accept of the request; empty for the plain format.
    """
    encode, content_type = choose_encoder(accepted)
    return encode(_Read(found)), content_type


class _Read(Collector):
    """Metrics that were read, as the encoder wants to collect them."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        """Give it, and the metrics of the process."""
        yield from self._found
        yield from _process.collect()


_process: Final = ProcessCollector(registry=None)


def _shown(readings: Sequence[StreamReading]) -> Sequence[StreamReading]:
    """Return the accounts that get series of their own."""
    if len(readings) <= ACCOUNTS_MAX:
        return readings
    return sorted(readings, key=lambda reading: reading[1].fills_complete)[:ACCOUNTS_MAX]


def _incomplete(readings: Sequence[StreamReading]) -> Metric:
    value = sum(not health.fills_complete for _, health in readings)
    words = "Accounts that may lack a fill at this moment, those that start included."
    return GaugeMetricFamily("listenkey_accounts_incomplete", words, value=value)


@cache
def _build_info() -> Metric:
    made = GaugeMetricFamily("listenkey_build_info", "1 for the version that runs.", labels=["version"])
    made.add_metric([version("listenkey")], 1)
    return made


def _of_each(
    kind: type[GaugeMetricFamily | CounterMetricFamily],
    metric: _AccountMetric,
    shown: Sequence[StreamReading],
    now_s: float,
) -> Metric:
    made = kind(metric.name, metric.words, labels=["account"])
    for name, health in shown:
        if (value := metric.value(health, now_s)) is not None:
            made.add_metric([name], value)
    return made
