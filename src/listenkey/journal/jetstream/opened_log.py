"""Open an account's journal: become its owner, and find out where the one before has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from listenkey.core.gaps import Resumed
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.checkpoint import Checkpoint, CheckpointWriter, read_checkpoint
from listenkey.journal.jetstream.fact_cell import FactCell, Overtaken
from listenkey.journal.jetstream.link import Link, Unanswered
from listenkey.journal.jetstream.log_end import LEAST_ITEMS, TAIL_ITEMS_MAX, LogEnd
from listenkey.journal.jetstream.log_marks import Cursor, LogMarks, cursor_bytes, read_cursor
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.mark import Mark, mark_bytes, read_mark
from listenkey.journal.jetstream.names import AccountNames
from listenkey.journal.jetstream.ownership import OwnershipRecord, take_ownership
from listenkey.journal.jetstream.record_numbering import RecordNumbering


@dataclass(slots=True)
class OpenedLog:
    """
    An account as its owner took it.

    Attributes:
        path: Its subject, for people.
        token: The fencing token.
        last_seq: The newest item.
        skip: Items that were lost behind it.
        left: What the owner before left.
        consumed: The item that the consumer was done with; None where it is new, or there is none.
    """

    path: Path
    token: int
    last_seq: int
    skip: int
    left: Resumed
    consumed: int | None

    def cursor(self, _name: str) -> int | None:
        """Return the item that the consumer was done with."""
        return self.consumed


class Takeover:
    """
    Becomes an account's owner, and goes on where the one before has stopped.

    Args:
        link: To the servers.
        names: Of the account.
        reader: Of the account.
        numbering: Is set to the account's end.
        marks: Are written from then on.
        checkpoints: Likewise.
        consumer: Whose position is wanted.
    """

    def __init__(
        self,
        link: Link,
        names: AccountNames,
        reader: LogReader,
        numbering: RecordNumbering,
        marks: LogMarks,
        checkpoints: CheckpointWriter,
        consumer: str | None,
    ) -> None:
        self._link = link
        self._names = names
        self._reader = reader
        self._numbering = numbering
        self._marks = marks
        self._checkpoints = checkpoints
        self._consumer = consumer

    async def open(self, owner: OwnershipRecord, on_trouble: Callable[[str], None]) -> OpenedLog:
        """
        Take the account, whoever owns it by now. Goes on until it is done.

        Args:
            owner: Who we are.
            on_trouble: Told why it is not done yet.

        Raises:
            Corrupt: The end is damaged.
            JournalError: The servers refused.
        """
        link, names = self._link, self._names
        token = await take_ownership(link, names, owner, on_trouble)
        # First the marks: once they are ours, the owner before can't move them behind what is read here.
        mark_cell = FactCell(link, names.names.state, names.mark, lambda value: read_mark(value).token == token)
        value = await _claimed(mark_cell, lambda value: _with_token(value, token), on_trouble)
        cursor_cell, consumed = await self._claim_cursor(token, on_trouble)
        self._marks.begin(token, mark_cell, cursor_cell)
        checkpoint = await self._read_checkpoint(on_trouble)
        end = await self._read_end(read_mark(value), token, checkpoint)
        numbering = self._numbering
        numbering.seq, numbering.chain, numbering.skip = end.last_seq, end.chain, end.skip
        numbering.recovered, numbering.open_from_ms, numbering.began_ms = end.recovered, end.open_from_ms, end.began_ms
        return OpenedLog(Path(names.events), token, end.last_seq, end.skip, end.left(), consumed)

    async def _claim_cursor(self, token: int, on_trouble: Callable[[str], None]) -> tuple[FactCell | None, int | None]:
        """Make the consumer's position ours, and return it; None where it is new, or there is no consumer."""
        if self._consumer is None:
            return None, None
        names = self._names

        def is_ours(value: bytes) -> bool:
            cursor = read_cursor(value)
            return cursor is not None and cursor.token == token

        cell = FactCell(self._link, names.names.cursors, names.cursor(self._consumer), is_ours)
        cursor = read_cursor(await _claimed(cell, lambda value: _cursor_with_token(value, token), on_trouble))
        assert cursor is not None, "it was just written"
        return cell, cursor.seq or None

    async def _read_checkpoint(self, on_trouble: Callable[[str], None]) -> Checkpoint | None:
        names = self._names
        cell = FactCell(self._link, names.names.state, names.checkpoint, lambda _: False)
        while True:
            try:
                checkpoint = read_checkpoint(await cell.read())
            except Unanswered as error:
                on_trouble(str(error))
                await asyncio.sleep(RETRY_S)
            else:
                self._checkpoints.begin(cell, 0 if checkpoint is None else checkpoint.seq)
                return checkpoint

    async def _read_end(self, mark: Mark, token: int, checkpoint: Checkpoint | None) -> LogEnd:
        """Read the newest items: those that neither the mark nor the checkpoint knows."""
        last_seq = (await self._reader.ends_since(token)).item.seq
        oldest_seq = await self._reader.oldest_seq()
        memory, remembered_seq = self._numbering.memory, 0
        if checkpoint is not None and await self._is_of(checkpoint, oldest_seq, last_seq):
            memory.restore(checkpoint)
            remembered_seq = checkpoint.seq
        end = LogEnd(mark, memory, remembered_seq)
        unknown_seq = min(remembered_seq, last_seq - LEAST_ITEMS) if remembered_seq else last_seq - TAIL_ITEMS_MAX
        if mark.seq:
            unknown_seq = min(unknown_seq, mark.seq - 1)
        after = max(oldest_seq - 1, unknown_seq, 0)
        while end.last_seq < last_seq:
            stored = await self._reader.read(end.last_seq or after)
            for one in stored:
                end.note(one)
            if not stored:  # This replica is behind the one that was asked first.
                await asyncio.sleep(RETRY_S)
        return end

    async def _is_of(self, checkpoint: Checkpoint, oldest_seq: int, last_seq: int) -> bool:
        """Return True where a checkpoint is of this account's items: the one that it names is there."""
        if not oldest_seq <= checkpoint.seq <= last_seq:
            return False
        found = await self._reader.read(checkpoint.seq - 1, 1)
        return [(one.item.seq, one.chain.hex()) for one in found] == [(checkpoint.seq, checkpoint.chain)]


def _with_token(value: bytes | None, token: int) -> bytes:
    return mark_bytes(msgspec.structs.replace(read_mark(value), token=token))


def _cursor_with_token(value: bytes | None, token: int) -> bytes:
    cursor = read_cursor(value)
    return cursor_bytes(Cursor(token, 0 if cursor is None else cursor.seq))


async def _claimed(cell: FactCell, ours: Callable[[bytes | None], bytes], on_trouble: Callable[[str], None]) -> bytes:
    """Write a fact anew, as it is and with our token, so that nobody before us can change it; return it."""
    while True:
        try:
            value = ours(await cell.read())
            if await cell.write(value):
                return value
            on_trouble("the bucket of the state takes nothing")
        except Overtaken:
            on_trouble("the owner before has written once more")
        except Unanswered as error:
            on_trouble(str(error))
        await asyncio.sleep(RETRY_S)
