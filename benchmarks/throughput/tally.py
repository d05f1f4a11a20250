"""
Count what every consumer is brought: it looks at the id, and reports in the end what the events cost.

Only the standard library: it runs in the peers' environments, too.
"""

from __future__ import annotations

import gc
import json
import resource
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.throughput.frames import FIRST_ORDER_ID, ONE_SYMBOL, is_order, order_id_of, orders_among

SHARES: Final = (50, 99, 99.9)


class Tally:
    """
    Counts what comes, and looks that it is everything and in order.

    Args:
        count: Messages that are sent.
        paced: Whether an order's id says when it was sent.
        copies: How often each message is to come: once for each stream.
        load: The account that the messages are of.

    Attributes:
        done: Called when the last has come.
    """

    def __init__(self, count: int, *, paced: bool, copies: int = 1, load: str = ONE_SYMBOL) -> None:
        self.load = load
        self.count = count
        self.paced = paced
        self.copies = copies
        self.seen = 0
        self.wrong = 0
        self.late_ns: list[int] = []
        self.began_cpu_s = self.began_s = self.cpu_s = self.wall_s = 0.0
        self.done: Callable[[], object] = lambda: None

    def other(self) -> None:
        """An event that is no order."""
        self.seen += 1
        if self.seen == self.count:
            self.end()

    def order(self, order_id: int) -> None:
        """An order."""
        seen = self.seen = self.seen + 1
        if self.paced:
            self.late_ns.append(time.monotonic_ns() + FIRST_ORDER_ID - order_id)
        elif order_id != order_id_of(seen - 1, self.load):
            self.wrong += 1
        if seen == 1:
            self.begin()
        elif seen == self.count:
            self.end()

    def order_alone(self, order_id: int) -> None:
        """An order, for a client that shows its user nothing else: what lies between is taken to have come."""
        if self.seen == 0:
            self.begin()
        if self.paced:
            self.late_ns.append(time.monotonic_ns() + FIRST_ORDER_ID - order_id)
        elif order_id != FIRST_ORDER_ID + self.seen:
            self.wrong += 1
        self.seen += 1
        while self.seen < self.count and not is_order(self.seen):
            self.seen += 1
        if self.seen == self.count:
            self.end()

    def begin(self) -> None:
        self.began_cpu_s, self.began_s = time.process_time(), time.perf_counter()

    def end(self) -> None:
        self.cpu_s = time.process_time() - self.began_cpu_s
        self.wall_s = time.perf_counter() - self.began_s
        self.done()

    def result(self) -> dict[str, Any]:
        late = sorted(self.late_ns)
        if self.paced and len(late) != orders_among(self.count):
            self.wrong += 1
        shares = {
            f"p{share:g}_us": late[min(len(late) - 1, int(len(late) * share / 100))] / 1000 for share in SHARES
        } if late else {}  # fmt: skip
        return {
            "events": self.seen,
            "wrong": self.wrong,
            "cpu_us": self.cpu_s / (self.count * self.copies) * 1e6,
            "per_second": self.count * self.copies / self.wall_s,
            "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **shares,
        }


def ready() -> None:
    gc.collect()
    print('{"ready": true}', flush=True)


def say(result: dict[str, Any]) -> None:
    print(json.dumps(result), flush=True)
