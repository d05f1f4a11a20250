"""
The items that a consumer reads: `Update`, `Live`, `GapOpened`, `GapClosed`. Match on the class.

    async for item in stream:
        for fill in item.fills: ...
        match item:
            case GapOpened() | GapClosed() | Live(): ...
            case Update(event=GreekUpdate() as greeks): ...

Losing the connection is an item, so that it can't be overlooked. Events may be missing between a `GapOpened` and its
`GapClosed`; the second counts the recovered updates and lists what can't be recovered.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from msgspec import Struct

from listenkey.events import Event, Fill, fills_of
from listenkey.outcomes import GapCause, Loss

Provenance: TypeAlias = Literal["ws", "rest", "ws+rest"]


class Update(Struct, frozen=True, gc=False):
    """
    One event of the account.

    Attributes:
        seq: Counts the items of this stream from 1, without holes.
        account: The account's alias; never its API key.
        event: The typed event; match on its class.
        received_ms: The time it was read from the socket, or from the answer over REST; wall clock, epoch ms.
        provenance: The source: the WebSocket, REST, or both.
        late: A fill delivered after a newer one of the account: by the time of the trade, and within one millisecond
            and symbol by trade id. An id of another range makes no other fill late.
        raw: The venue's own JSON of this event: a message without its envelope and with a listen key replaced, or one
            row of a REST answer. Of a message from before January 2026 the JSON that it would have today.
    """

    seq: int
    account: str
    event: Event
    received_ms: int
    raw: bytes
    provenance: Provenance = "ws"
    late: bool = False

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The fill that the event reports, or none."""
        return fills_of(self.event)

    def __repr__(self) -> str:
        return f"Update(seq={self.seq}, account={self.account!r}, event={self.event!r})"


class Live(Struct, frozen=True):
    """
    From here on, every event of the account is in the stream, until a `GapOpened` says otherwise.

    `Health.live` says the same: it is true from the first of these on, but for while a gap is open. Both say nothing about
    earlier events: `GapClosed` says which of them REST brought back. After a gap the status is `SETTLING` for 35 s while
    REST is asked again, in case it lags; `Health.fills_complete` says when that is over.

    Attributes:
        since_ms: The time from which that holds, wall clock, epoch ms.
    """

    seq: int
    account: str
    since_ms: int

    fills: ClassVar[tuple[Fill, ...]] = ()


class GapOpened(Struct, frozen=True):
    """
    From `from_ms` on, events of the account may be missing.

    Reported again, with an earlier `from_ms`, when the gap turns out to have begun earlier; its `GapClosed` has the last.

    Attributes:
        from_ms: The last moment that was surely covered, wall clock, epoch ms.
        why: The cause, in a few words, for people.
        cause: The same for programs; `UNKNOWN` in a journal of a release that did not keep it.
    """

    seq: int
    account: str
    from_ms: int
    why: str
    cause: GapCause = GapCause.UNKNOWN

    fills: ClassVar[tuple[Fill, ...]] = ()


class GapClosed(Struct, frozen=True):
    """
    The gap that began at `from_ms` has ended.

    Attributes:
        from_ms: As in its `GapOpened`; in the last, if there were several.
        to_ms: The time at which coverage began again, wall clock, epoch ms.
        recovered: The number of updates that REST brought back: exactly the items with provenance `rest` between the first
            `GapOpened` of this gap and this item, also where a restart lies in between.
        unrecoverable: The losses that can't be brought back, in words; empty when nothing is missing.
        recovered_fills: The fills among them (`RecoveredFill`). 0 in a journal of a release that did not keep it.
        recovered_orders: The states of orders among them (`RecoveredOrder`); 0 likewise.
        fills_complete: True where every fill of the gap is in the stream, as far as REST shows when the gap closes. False where
            there was nothing to ask REST with, where REST refused, lagged or has forgotten fills, or where events found no
            room; `lost` says which. REST may still lag unseen: `Health.fills_complete` follows when that is over.
        lost: The kinds of `unrecoverable`, for programs; empty where nothing is missing, not even possibly. Empty as well in a
            journal of a release that did not keep it.
    """

    seq: int
    account: str
    from_ms: int
    to_ms: int
    recovered: int
    unrecoverable: tuple[str, ...] = ()
    recovered_fills: int = 0
    recovered_orders: int = 0
    fills_complete: bool = False
    lost: frozenset[Loss] = frozenset()

    fills: ClassVar[tuple[Fill, ...]] = ()


Item: TypeAlias = Update | Live | GapOpened | GapClosed
