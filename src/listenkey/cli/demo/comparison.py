"""The exchange's ledger set beside what a reader was given, fill by fill. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from listenkey.events import Event, OrderTradeUpdate, RecoveredFill
from listenkey.items import Item, Update

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class ComparedFill(NamedTuple):
    """A fill as the venue wrote it; amounts are its own texts, so that equal means equal to the digit."""

    time_ms: int
    symbol: str
    trade_id: int
    order_id: int
    quantity: str
    price: str


class ReceivedFill(NamedTuple):
    """A fill that a reader was given, and whether it was marked as late."""

    fill: ComparedFill
    late: bool


def fill_in(event: Event) -> ComparedFill | None:
    """The fill that an event tells of, from a socket or from REST; None for any other event."""
    if isinstance(event, OrderTradeUpdate) and event.is_fill:
        order = event.order
        amounts = (order.last_quantity_text, order.last_price_text)
        return ComparedFill(event.trade_time_ms, event.symbol, event.trade_id, event.order_id, *amounts)
    if isinstance(event, RecoveredFill):
        amounts = (event.last_quantity_text, event.last_price_text)
        return ComparedFill(event.trade_time_ms, event.symbol, event.trade_id, event.order_id, *amounts)
    return None


def received_in(items: Iterable[Item]) -> list[ReceivedFill]:
    """The fills among items, in their order."""
    updates = (item for item in items if isinstance(item, Update))
    return [ReceivedFill(fill, item.late) for item in updates if (fill := fill_in(item.event)) is not None]


def ledger_fills(ledger: dict[str, Any]) -> list[ComparedFill]:
    """The fills of a sandbox's ledger."""
    return [
        ComparedFill(
            each["time_ms"], each["symbol"], each["trade_id"], each["order_id"], each["quantity"], each["price"]
        )
        for each in ledger["fills"]
    ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    The comparison of the fills a reader got with those of the ledger.

    Attributes:
        ledger: How many fills the ledger holds.
        received: How many came.
        late: How many of those were marked as late.
        missing: Fills of the ledger that did not come, and that no open gap accounts for.
        awaited: The same, in a gap that was open at the end: told, and not refilled yet.
        surplus: Fills that came twice, or otherwise than the ledger has them.
        in_order: Whether those that were not marked as late came in the order of time, and of ids in each symbol.
    """

    ledger: int
    received: int
    late: int
    missing: tuple[ComparedFill, ...]
    awaited: tuple[ComparedFill, ...]
    surplus: tuple[ComparedFill, ...]
    in_order: bool

    @property
    def equal(self) -> bool:
        """Each fill once, in order, true to the digit; or in a gap that says so."""
        return not self.missing and not self.surplus and self.in_order


def compare(
    ledger: Sequence[ComparedFill], received: Sequence[ReceivedFill], open_from_ms: int | None = None
) -> Comparison:
    """
    Set the ledger beside what came.

    Args:
        ledger: The truth.
        received: What a reader was given, in its order.
        open_from_ms: Where the gap begins that is open at the end, or None where none is.
    """
    came = Counter(one.fill for one in received)
    absent = [fill for fill in ledger if fill not in came]
    surplus = came - Counter(ledger)
    is_told = [open_from_ms is not None and fill.time_ms >= open_from_ms for fill in absent]
    return Comparison(
        ledger=len(ledger),
        received=len(received),
        late=sum(one.late for one in received),
        missing=tuple(fill for fill, told in zip(absent, is_told, strict=True) if not told),
        awaited=tuple(fill for fill, told in zip(absent, is_told, strict=True) if told),
        surplus=tuple(surplus.elements()),
        in_order=_in_order([one.fill for one in received if not one.late]),
    )


def _in_order(fills: Sequence[ComparedFill]) -> bool:
    """
    Return True where fills are in order: by time, and of one symbol and millisecond by trade id.

    Fills of one millisecond in different symbols have no order that anybody could know, and both sides of a trade of
    the account with itself have one trade id.
    """
    newest: dict[str, tuple[int, int]] = {}
    for fill in fills:
        rank = (fill.time_ms, fill.trade_id)
        if rank < newest.get(fill.symbol, rank):
            return False
        newest[fill.symbol] = rank
    return all(one.time_ms <= other.time_ms for one, other in pairwise(fills))
