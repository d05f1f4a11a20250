"""The states of orders, as a stream told them and as the ledger has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from listenkey.items import Item, Update

ENDED: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})

OrderKey: TypeAlias = tuple[str, int]


class State(NamedTuple):
    """The progress of an order; a later state is a larger one."""

    filled: Decimal
    is_over: bool


def states_of(item: Item) -> Iterator[tuple[OrderKey, State]]:
    """The orders of which an item tells, read from its own JSON without the client's help."""
    if not isinstance(item, Update):
        return
    if b'"ORDER_TRADE_UPDATE"' in item.raw:
        order = json.loads(item.raw)["o"]
        yield (order["s"], int(order["i"])), state_of(order.get("z"), order["X"])
    elif b'"executedQty"' in item.raw:
        row = json.loads(item.raw)
        yield (row["symbol"], row["orderId"]), state_of(row["executedQty"], row["status"])


def state_of(filled: str | None, status: str) -> State:
    """The state that an amount and a status mean."""
    return State(abs(Decimal(filled or 0)), status in ENDED)
