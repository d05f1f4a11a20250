"""Builds that misread what the venue says: which order, which fill, which amount, which shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from listenkey.core import deduplicator, lateness, loss_detector, reconciliation
from listenkey.core.account_state import AccountState
from listenkey.events import OrderTradeUpdate, RecoveredFill, base
from listenkey.events.current import Order
from listenkey.stream import delivery
from listenkey.wire import message_builder, rows
from sim.mutants.patching import Patches, put, rewritten


def commission_needed(patches: Patches) -> None:
    """A fill of which nobody charged a commission can't be read."""
    rewritten(
        patches, message_builder, "_settle_order",
        ('("S", side in SIDES),', '("S", side in SIDES), ("n", values["commission_text"] != ""),'),
    )  # fmt: skip


def orders_by_id_alone(patches: Patches) -> None:
    """An order is its id, in whichever contract."""
    rewritten(patches, AccountState, "note_order", ("(order.symbol, order.order_id)", '("", order.order_id)'))
    rewritten(patches, loss_detector.LossDetector, "note_all", ("(order.symbol, order.order_id), order.last_quantity_text",
                                                '("", order.order_id), order.last_quantity_text'))  # fmt: skip
    put(patches, reconciliation, "order_key_of", lambda order: ("", order.order_id))


def one_fill_of_a_trade(patches: Patches) -> None:
    """A fill is shown by its symbol and trade id."""
    for place in (OrderTradeUpdate, RecoveredFill):
        put(patches, place, "identity", property(lambda self: ("fill", self.symbol, self.trade_id)))


def exponents_refused(patches: Patches) -> None:
    """`0E-8` is no amount."""
    patches.callback(base.AMOUNTS.clear)
    base.AMOUNTS.clear()
    put(patches, base, "AMOUNT", re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})"))


def only_trade_is_a_fill(patches: Patches) -> None:
    """A message that the venue calls `CALCULATED` is a step without a fill."""
    put(patches, Order, "is_fill", property(lambda self: self.execution_type == "TRADE"))


def late_by_trade_id(patches: Patches) -> None:
    """A fill is late where its trade id is below the highest of its contract."""
    rewritten(patches, lateness.Lateness, "note", ("self._ids = time_ms, {}", "_ = time_ms, {}"), ("<= NEAR", ""))
    rewritten(patches, deduplicator.Deduplicator, "admit_all", ("if at_ms > newest_ms:", "if fills < 0:"))


def never_late_without_a_secret(patches: Patches) -> None:
    """A stream that can't ask REST does not say that a fill comes late."""
    rewritten(patches, delivery.StreamDelivery, "_deliver",
              ("late = self.deduplicator", "late = self.recovery is not None and self.deduplicator"))  # fmt: skip
    rewritten(
        patches, delivery.StreamDelivery, "_deliver_all", ("if not late:", "if not late or self.recovery is None:")
    )


def limits_taken_as_they_are(patches: Patches) -> None:
    """`exchangeInfo` is read as if it always had its documented shape."""

    def weight_limit(info: Mapping[str, Any]) -> int | None:
        limits = [each for each in info["rateLimits"] if each["rateLimitType"] == "REQUEST_WEIGHT"]
        return min((each["limit"] // each["intervalNum"] for each in limits), default=None)

    put(patches, rows, "weight_limit", weight_limit)


READING: tuple[Callable[[Patches], None], ...] = (
    commission_needed, orders_by_id_alone, one_fill_of_a_trade, exponents_refused, only_trade_is_a_fill,
    late_by_trade_id, never_late_without_a_secret, limits_taken_as_they_are,
)  # fmt: skip
