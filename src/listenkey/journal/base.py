"""The interface of a journal: items are appended in order and read behind a cursor. A slow reader lags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from listenkey.core.gaps import Resumed, Watermark
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance
from listenkey.journal.overflow import Overflow


class Journal(Protocol):
    """
    Append on one side, read on the other.

    `append_event` is on the way of every frame and never waits. Appending is no promise: what a reader is given is.

    Attributes:
        overflow: Decides which event finds room, and tells of those that were dropped.
        duplicates: Events that were not kept, because an equal one had been.
    """

    overflow: Overflow
    duplicates: int

    async def open(self) -> Resumed:
        """Open the journal; return the state of an earlier process. Raises JournalError where it can't be written."""

    async def aclose(self) -> None:
        """Write waiting items, and let go. Nothing is appended afterwards."""

    def watch(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever `problem` or `overflow.losing` has changed."""

    def abandon(self) -> None:
        """Let go without waiting, for an owner whose event loop is gone; from any thread."""

    def append_event(
        self, event: Event, raw: bytes, received_ms: int, provenance: Provenance = "ws", *, late: bool = False
    ) -> None:
        """Number an event and keep it."""

    def append_events(self, events: list[Event], raws: list[bytes], received_ms: int) -> None:
        """Number events that came together on a socket, each with its JSON; the same as `append_event` for each."""

    def turn_after_s(self) -> float | None:
        """Return how long to wait before appending more that can wait, so that readers, or the disk, keep up."""

    def append_told(self, items: Iterable[Live | GapOpened | GapClosed]) -> None:
        """Number the lifecycle's items, and keep them."""

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was live at this moment, and all that it brought until then has been appended; `watermark` says more."""

    def end(self, error: BaseException | None) -> None:
        """End the journal: readers get what is there, then the error or the end."""

    async def next(self) -> Item:
        """The next item; StopAsyncIteration at the end, or the error that ended the stream."""

    def take_ready(self, most: int) -> list[Item]:
        """Take the items that can be read without waiting, at most so many."""

    def ready(self) -> Iterator[Item]:
        """Take the items that can be read without waiting, one by one as they are asked for."""

    async def deliver(self, on_item: Callable[[Item], None]) -> None:
        """Call a function with every item, until the end; raise as `next` does, or the function's own error."""

    async def commit(self, seq: int) -> None:
        """The reader is done with everything up to `seq`; a reader of the same name goes on after it."""

    @property
    def account(self) -> str:
        """The alias that items carry, known when the journal is open."""

    @property
    def account_doubt(self) -> str:
        """The reason to doubt that the API key is the journal's account's, for people; empty without one."""

    @property
    def backlog(self) -> int:
        """Items appended and not read yet."""

    @property
    def recovered(self) -> int:
        """Updates that REST alone brought and that were kept, since the journal was opened."""

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be written at the moment, for people; None while all is well."""
