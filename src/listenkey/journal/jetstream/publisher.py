"""
The task that publishes an account's items: one message or one batch in flight, in order, until each is acknowledged.

An item is sent again under the same id for as long as it takes; none is skipped, and nothing is shown before it is
acknowledged. What answers mean is decided in `answers.py`.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from listenkey.core.gaps import Watermark
from listenkey.errors import Fenced, JournalError
from listenkey.journal.jetstream.answers import NextStep, Step, answer_of, step_after, step_unanswered
from listenkey.journal.jetstream.api import newest
from listenkey.journal.jetstream.checkpoint import CheckpointWriter
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.journal.jetstream.link import Link, Outgoing, Unanswered
from listenkey.journal.jetstream.log_marks import LogMarks
from listenkey.journal.jetstream.names import AccountNames
from listenkey.journal.jetstream.ownership import MESSAGE_ID, fence, owner_of
from listenkey.journal.jetstream.record_codec import LogRecord, seq_and_chain
from listenkey.journal.jetstream.record_numbering import RecordNumbering
from listenkey.journal.reader_signal import ReaderSignal
from listenkey.journal.sqlite.numbering import Entry, EventEntry
from listenkey.journal.sqlite.writer import Committed

log = logging.getLogger("listenkey")

BATCH_ITEMS_MAX: Final = 256
"""The server takes 1,000; more than some hundred make nothing faster, and a batch that is refused is sent anew."""

BATCH_BYTES_MAX: Final = 512 * 1024

RETRY_MAX_S: Final = 1.0
RETRY_GROWTH: Final = 1.5

BATCH_ID: Final = "Nats-Batch-Id"
BATCH_SEQUENCE: Final = "Nats-Batch-Sequence"
BATCH_COMMIT: Final = "Nats-Batch-Commit"


class Publisher:
    """
    Publishes what is put, in order.

    Args:
        link: To the servers.
        names: Of the account.
        numbering: Gives the items their numbers.
        marks: What is noted beside the items.
        checkpoints: Are written once in a while.
        on_stored: Called with what is acknowledged.
        on_problem: Called where nothing can be stored, with the reason, and with None when it can again.

    Attributes:
        is_stopping: Whether it ends once all that waits is stored.
    """

    def __init__(
        self,
        link: Link,
        names: AccountNames,
        numbering: RecordNumbering,
        marks: LogMarks,
        checkpoints: CheckpointWriter,
        on_stored: Callable[[Committed], None],
        on_problem: Callable[[str | None], None],
    ) -> None:
        self.marks = marks
        self.is_stopping = False
        self._link = link
        self._names = names
        self._numbering = numbering
        self._checkpoints = checkpoints
        self._on_stored = on_stored
        self._on_problem = on_problem
        self._entries: deque[Entry] = deque()
        self._signal = ReaderSignal()
        self._problem: str | None = None
        self._fence: dict[str, str] = {}
        self._token = 0

    def begin(self, token: int) -> None:
        """Publish as the owner with this fencing token."""
        self._token = token
        self._fence = fence(self._names, token)

    def put(self, entry: Entry) -> None:
        """Add to the queue. Never waits."""
        self._entries.append(entry)
        self._signal.wake()

    def put_all(self, entries: Iterable[Entry]) -> None:
        """Add several to the queue. Never waits."""
        self._entries.extend(entries)
        self._signal.wake()

    def heard(self, wall_ms: int, watermark: Watermark | None = None) -> None:
        """The stream was whole at this moment, and all that it brought until then was put."""
        self.marks.heard(wall_ms, watermark)

    def done(self, seq: int, *, urgent: bool) -> None:
        """Note that the reader is done up to `seq`; `urgent` where a caller waits for it to be stored."""
        self.marks.done(seq, urgent=urgent)
        if urgent:
            self._signal.wake()

    def stop(self) -> None:
        """Publish what waits, and end."""
        self.is_stopping = True
        self._signal.wake()

    async def run(self) -> None:
        """
        Publish until `stop`.

        Raises:
            Fenced: Somebody else owns the account.
            JournalError, Corrupt: It can't go on.
        """
        self.marks.on_due = self._signal.wake
        try:
            while True:
                stopping = self.is_stopping  # asked before looking, so that nothing put before `stop` is left behind
                while self._entries:
                    await self._publish_some()
                if self.marks.are_waiting:
                    await self._write_marks(final=stopping)
                if self._entries or self.is_stopping is not stopping or self.marks.is_urgent:
                    continue  # That came while it waited for an answer.
                if stopping:
                    await self._write_checkpoint(final=True)
                    return
                await self._signal.wait()
        except Overtaken:
            raise await self._fenced() from None
        finally:
            self.marks.stop()

    async def _publish_some(self) -> None:
        entries, raw_bytes = self._take()
        numbered = self._numbering.number(entries)
        await self._store(numbered.records)
        self._on_stored(
            Committed(
                [record.item for record in numbered.records],
                self._numbering.seq,
                len(entries),
                raw_bytes,
                numbered.duplicates,
                None,
                numbered.recovered,
            )
        )
        await self._write_checkpoint()

    def _take(self) -> tuple[list[Entry], int]:
        """Take the entries of the next batch, and how many bytes of JSON they hold."""
        entries: list[Entry] = []
        size = 0
        while self._entries and len(entries) < BATCH_ITEMS_MAX and size < BATCH_BYTES_MAX:
            entry = self._entries.popleft()
            entries.append(entry)
            size += len(entry.raw) if isinstance(entry, EventEntry) else 0
        return entries, size

    async def _store(self, records: list[LogRecord]) -> None:
        """Send records until they are stored."""
        slower = 1.0
        while records:
            step = await self._send(records)
            if step.next is NextStep.STORED:
                break
            if step.next is NextStep.FENCED:
                raise await self._fenced()
            self._tell(step.problem or self._problem)
            await asyncio.sleep(min(step.wait_s * slower, max(step.wait_s, RETRY_MAX_S)))
            slower *= RETRY_GROWTH
            if step.next is NextStep.LOOK:
                records = await self._not_stored(records)
        self._tell(None)

    async def _send(self, records: list[LogRecord]) -> Step:
        try:
            if len(records) == 1:
                message = self._message(records[0], self._fence)
                reply = await self._link.request(*message)
            else:
                reply = await self._link.request_batch(self._batch(records))
        except Unanswered as error:
            return step_unanswered(was_sent=error.was_sent)
        return step_after(answer_of(reply.data))

    def _message(self, record: LogRecord, more: dict[str, str]) -> Outgoing:
        headers = record.headers()
        headers[MESSAGE_ID] = self._names.message_id(self._token, record.seq)
        headers |= more
        return Outgoing(self._names.events, record.body, headers)

    def _batch(self, records: list[LogRecord]) -> list[Outgoing]:
        """Return the messages of a batch, which is stored as a whole or not at all; the first one has the fence."""
        batch = uuid.uuid4().hex
        messages = [
            self._message(record, {BATCH_ID: batch, BATCH_SEQUENCE: str(number)})
            for number, record in enumerate(records, 1)
        ]
        messages[0].headers.update(self._fence)
        messages[-1].headers[BATCH_COMMIT] = "1"
        return messages

    async def _not_stored(self, records: list[LogRecord]) -> list[LogRecord]:
        """
        Return those that are not stored yet, as the account's newest item shows; all of them where that is not known.

        Whatever is sent twice after all has the same id, and the server has the fence.
        """
        try:
            found = await newest(self._link, self._names.names.stream, self._names.events)
        except (Unanswered, JournalError):
            return records
        if found is None:
            return records
        place = seq_and_chain(found.headers)
        for number, record in enumerate(records, 1):
            if (record.seq, record.chain) == place:
                return records[number:]
        return records

    async def _write_marks(self, *, final: bool) -> None:
        cursor = await self.marks.write_due(self._numbering, final=final)
        if cursor is not None:
            self._on_stored(Committed([], self._numbering.seq, 0, 0, 0, cursor))

    async def _write_checkpoint(self, *, final: bool = False) -> None:
        numbering = self._numbering
        if self._checkpoints.is_due(numbering.seq, final=final):
            await self._checkpoints.write(numbering.seq, numbering.chain)

    async def _fenced(self) -> Fenced:
        try:
            token, record = await owner_of(self._link, self._names)
        except (Unanswered, JournalError):
            token, record = self._token, None
        if not token:
            return Fenced(
                f"the ownership record {self._names.owner} is gone, and with it perhaps all items: the stream was emptied, or "
                "made anew. Find out by whom before you start this again"
            )
        who = "another process" if record is None else record.worker
        return Fenced(f"{who} has taken over the account in NATS ({self._names.owner}): this one writes nothing more")

    def _tell(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        text = None if problem is None else f"{self._link.where}: {problem}; items wait and are sent again"
        log.warning("%s", text or f"{self._link.where}: items of {self._names.events} are stored again")
        self._on_problem(text)
