"""The commits of a journal's consumer: each caller waits until its own is on the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, Protocol

from listenkey.errors import JournalError, UsageError

CLOSED: Final = "the journal is closed"


class CursorSink(Protocol):
    """The writer, as the commits see it."""

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be durable."""


class OpenedEnd(Protocol):
    """The end of a journal that was opened; see `Store`."""

    path: Path
    last_seq: int
    skip: int

    def cursor(self, name: str) -> int | None:
        """The last item that a consumer is done with, or None where it is new."""


class ConsumerCommits:
    """
    Knows how far the consumer has come, and settles its commits.

    Args:
        consumer: Its name, or None for a reader without one: that commits nothing.
        writer: Writes the cursor.
        auto_commit: Take an item as done when the next one is asked for.

    Raises:
        UsageError: There is no name, and one is needed.
    """

    __slots__ = ("_auto_commit", "_committed", "_consumer", "_is_open", "_waiting", "_writer")

    def __init__(self, consumer: str | None, writer: CursorSink, *, auto_commit: bool) -> None:
        if auto_commit and consumer is None:
            raise UsageError("auto_commit needs the name of a consumer")
        if consumer == "":
            raise UsageError("a consumer needs a name")
        self._consumer = consumer
        self._writer = writer
        self._auto_commit = auto_commit
        self._committed = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._is_open = False

    def begin(self, store: OpenedEnd, after: int | None) -> int:
        """
        Return the number of the item after which the reader starts.

        Args:
            store: Opened.
            after: The reader's own choice.

        Raises:
            UsageError: The journal ends before that.
        """
        last = store.last_seq
        kept = None if self._consumer is None else store.cursor(self._consumer)
        self._committed = kept or 0
        position = after if after is not None else kept
        if position is None:
            # A consumer that is new reads everything; a reader without a name reads what comes.
            position = last if self._consumer is None else 0
        if not 0 <= position <= last + store.skip:
            raise UsageError(f"the journal {store.path} ends at item {last}, before the reader's position {position}")
        self._is_open = True
        return position

    def note_read(self, seq: int) -> None:
        """Take everything up to `seq` as done, if so wanted: the reader asks for the next item."""
        if self._auto_commit:
            self._writer.done(seq, urgent=False)

    async def commit(self, seq: int, read_seq: int) -> None:
        """
        Commit everything up to `seq`: returns when that is on the disk.

        Args:
            seq: The item that the consumer is done with.
            read_seq: The newest item that it got.

        Raises:
            UsageError: There is no consumer, or it has not been given that item.
            JournalError: It could not be written.
        """
        if self._consumer is None:
            raise UsageError("name the reader to commit for: UserStream(..., consumer='book')")
        if not 0 < seq <= read_seq:
            raise UsageError(f"item {seq} was not read yet, so it can't be done")
        if seq <= self._committed:
            return
        if not self._is_open:
            raise JournalError(CLOSED)
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, future))
        self._writer.done(max(self._waiting)[0], urgent=True)
        await future

    def written(self, cursor: int) -> None:
        """Let those go on whose commits are on the disk: everything up to `cursor` is."""
        self._committed = cursor
        self._settle(None)

    def close(self, error: BaseException | None) -> None:
        """Refuse the commits that still wait, and later ones: nothing is written any more."""
        self._is_open = False
        self._settle(error or JournalError(CLOSED))

    def _settle(self, error: BaseException | None) -> None:
        waiting, self._waiting = self._waiting, []
        for seq, future in waiting:
            if future.done():
                continue
            if seq <= self._committed:
                future.set_result(None)
            elif error is not None:
                future.set_exception(error)
            else:
                self._waiting.append((seq, future))
