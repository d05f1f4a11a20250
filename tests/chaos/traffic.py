"""An exchange in this process whose first account trades without a pause, as long as a block lasts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from listenkey.testing import LocalSandbox

FILLS_PER_S: Final = 45.0
"""A fill makes between four and five events, orders included: some 200 events a second."""

PORTION: Final = 5

PATIENT: Final = {"weight_per_minute": 1_000_000, "connections_per_5_min": 100_000, "orders_per_minute": 1_000_000}
"""A process that is started again every second needs more than the venue grants; limits have tests of their own."""


@contextmanager
def patient_exchange(**settings: Any) -> Iterator[LocalSandbox]:
    """An exchange that minds no number of starts."""
    with LocalSandbox(**settings) as exchange:
        exchange.set_switches(**PATIENT)
        yield exchange


@contextmanager
def trading(exchange: LocalSandbox, fills_per_s: float = FILLS_PER_S) -> Iterator[None]:
    """The account's orders fill at this rate; at the end of the block all that were begun are in the ledger."""
    ended = threading.Event()

    def trade() -> None:
        while not ended.is_set():
            exchange.burst(PORTION, per_second=fills_per_s)

    thread = threading.Thread(target=trade, name="traffic")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def ledger(exchange: LocalSandbox) -> dict[str, Any]:
    """The truth as somebody else would get it, as JSON."""
    copied: dict[str, Any] = json.loads(json.dumps(exchange.ledger()))
    return copied
