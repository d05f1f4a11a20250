"""What a journal is: items are appended in order and read behind a cursor. A slow reader is a lag, not a loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance


class Journal(Protocol):
    """
    Append on one side, read on the other.

    `append_event` is on the way of every frame and never waits.
    """

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", late: bool = False
    ) -> None:
        """Number an event and keep it."""

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Number what the lifecycle tells, and keep it."""

    def end(self, error: BaseException | None) -> None:
        """Nothing more will come; readers get what is there, then the error or the end."""

    async def next(self) -> Item:
        """The next item; StopAsyncIteration at the end, or the error that ended the stream."""

    def take_ready(self, most: int) -> list[Item]:
        """What can be read without waiting, at most so many."""

    @property
    def backlog(self) -> int:
        """Items appended and not read yet."""

    @property
    def dropped(self) -> int:
        """Events that found no room; each lies in a gap that is told."""
