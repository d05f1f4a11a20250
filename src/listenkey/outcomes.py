"""
The causes and the losses of gaps, as `StrEnum`s: programs match these, people read the texts beside them.

A value that a newer release wrote reads as `UNKNOWN`, so that an older release can read its journal and its JSON lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple


class GapCause(StrEnum):
    """The cause of a gap: `GapOpened.cause`. Values may join; treat one that you don't know like `UNKNOWN`."""

    DISCONNECTED = "disconnected"
    """The connection ended, or was replaced."""
    SILENT = "silent"
    """Nothing came on the connection any more, not even the answer to a ping."""
    EVENTS_STOPPED = "events_stopped"
    """The connection answers pings, and the `ACCOUNT_UPDATE` that an open position brings every 10 s has stopped."""
    KEY_ENDED = "key_ended"
    """The listen key expired, was closed or replaced, or could not be renewed in time."""
    UNREADABLE = "unreadable"
    """A message could not be read."""
    ORDER_DIFFERS = "order_differs"
    """An order has filled more than the sum of its fills."""
    POSITION_DIFFERS = "position_differs"
    """A position differs from the sum of its fills."""
    POSITION_UNEXPLAINED = "position_unexplained"
    """A position appeared without the fill that opened it."""
    REST_SHOWS_MORE = "rest_shows_more"
    """REST shows a fill, a state of an order, or the end of an expired position, that no connection brought."""
    BEGAN_EARLIER = "began_earlier"
    """REST returned an event from before the open gap, which is reported again because of it."""
    AUDIT_TOO_LATE = "audit_too_late"
    """REST could not be asked for so long that it no longer keeps all fills that were to be audited."""
    NOT_RUNNING = "not_running"
    """The process was not running."""
    JOURNAL_LOST = "journal_lost"
    """The process was not running, and its journal has lost its last items."""
    SLOW_READER = "slow_reader"
    """The reader is too slow: its buffer is full, and events are dropped."""
    JOURNAL_STUCK = "journal_stuck"
    """The journal can't be written: the buffer before it is full, and events are dropped."""
    UNKNOWN = "unknown"
    """A journal of a release that did not keep the cause, or of a newer one that has more causes."""

    @classmethod
    def _missing_(cls, value: object) -> GapCause | None:
        return cls.UNKNOWN if isinstance(value, str) else None


class Loss(StrEnum):
    """One kind of loss of a gap: `GapClosed.lost`. Values may join; treat one that you don't know like `UNKNOWN`."""

    TOTALS = "totals"
    """`ACCOUNT_UPDATE`, `GREEK_UPDATE` and `BALANCE_POSITION_UPDATE` of the gap: REST keeps totals, not their history."""
    ORDER_STEPS = "order_steps"
    """The steps of orders: REST has the state that an order has, and not each change."""
    ORDERS = "orders"
    """The outcome of some orders: REST refused to say, does not know them, gave an unreadable row, or they were too many."""
    ORDERS_FORGOTTEN = "orders_forgotten"
    """Orders that ended earlier than REST keeps them."""
    EXERCISES = "exercises"
    """Exercises, or the end of a position whose contract is over: REST refused, does not know, or gave an unreadable row."""
    UNREADABLE = "unreadable"
    """A message that could not be read, or a row of REST history or positions; its fills and orders were asked for."""
    UNEXPLAINED = "unexplained"
    """A loss was suspected, and REST returned nothing that was missing."""
    FILLS_REFUSED = "fills_refused"
    """Fills that REST refused to list, or listed in a row that can't be read; `unrecoverable` names the contract."""
    FILLS_FORGOTTEN = "fills_forgotten"
    """Fills that happened earlier than REST keeps them."""
    FILLS_LATE = "fills_late"
    """Fills that REST does not list yet. They come in a gap of their own as soon as it does."""
    NOT_ASKED = "not_asked"
    """All events of the gap: REST was not asked for them. Without a secret there is nothing to ask it with."""
    DROPPED = "dropped"
    """Events that found no room: the reader was too slow, or the journal could not be written."""
    UNKNOWN = "unknown"
    """A loss that a newer release has a name for; `unrecoverable` says it in words."""

    @classmethod
    def _missing_(cls, value: object) -> Loss | None:
        return cls.UNKNOWN if isinstance(value, str) else None


OF_FILLS: Final = frozenset(
    {Loss.FILLS_REFUSED, Loss.FILLS_FORGOTTEN, Loss.FILLS_LATE, Loss.NOT_ASKED, Loss.DROPPED, Loss.UNKNOWN}
)
"""The losses that fills may be among: `GapClosed.fills_complete` is true where a gap has none of them."""


class Reason(NamedTuple):
    """The cause of a gap for programs, and its text for people."""

    cause: GapCause
    text: str


class Lost(NamedTuple):
    """One loss of a gap for programs, and its text for people."""

    loss: Loss
    text: str


def have_all_fills(lost: Iterable[Lost]) -> bool:
    """Return True where fills are among none of these losses."""
    return OF_FILLS.isdisjoint(one.loss for one in lost)
