"""Put in what the exchange's own faults can do, by its own names."""

from __future__ import annotations

from typing import Any, Final

from sim.client.process import Process
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

FOR_GOOD_MS: Final = 1_000_000_000
AT_THE_EXCHANGE: Final[dict[str, str]] = {
    "close": "drop_sockets",
    "freeze": "half_open",
    "shutdown": "server_shutdown",
    "duplicate": "duplicate_event",
    "reorder": "reorder",
    "delay": "delay",
    "malformed": "malformed_frame",
    "mute": "mute",
    "drop_event": "drop_event",
    "key_expires": "expire_key",
    "key_dies_silently": "expire_key_silently",
    "http_status": "http_status",
    "rate_limit": "rate_limit",
    "ban": "ban",
    "slow": "slow_http",
    "hang": "hang_http",
    "ack_dead": "ack_dead",
    "rest_lag": "rest_lag",
    "stale_snapshot": "stale_snapshot",
    "clock_skew": "clock_skew",
    "order_step_lost": "drop_event",
}
"""Kinds that the exchange has itself, by its own names."""

EXTRA: Final[dict[str, dict[str, Any]]] = {
    "duplicate": {"probability": 0.5},
    "drop_event": {"probability": 0.3, "event": "ORDER_TRADE_UPDATE"},
    "ack_dead": {"count": 1},
    "slow": {"bytes": 1},
    "order_step_lost": {"probability": 0.7, "event": "ORDER_TRADE_UPDATE"},
}


def put_at_exchange(injector: Injector, fault: Fault, process: Process) -> None:
    params = dict(fault.params) | EXTRA.get(fault.kind, {}) | {"account": process.account}
    params = {name: value for name, value in params.items() if value is not None}
    if fault.for_s:
        params["duration_ms"] = int(fault.for_s * 1000)
    if fault.kind == "freeze":
        params["duration_ms"] = FOR_GOOD_MS
    if fault.kind == "ban":
        params["seconds"] = max(1, int(fault.for_s))
    injector.put(AT_THE_EXCHANGE[fault.kind], params)


BEGIN: Final[dict[str, Effect]] = dict.fromkeys(AT_THE_EXCHANGE, put_at_exchange)
