"""A link that loses, delays or makes up answers on purpose, in front of a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import msgspec

from listenkey.items import Item, Update
from listenkey.journal.jetstream.checkpoint import AccountMemory, CheckpointWriter
from listenkey.journal.jetstream.connection import LogConnection
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.link import ANSWER_WITHIN_S, Outgoing, Reply, Unanswered
from listenkey.journal.jetstream.log_marks import LogMarks
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.names import AccountNames
from listenkey.journal.jetstream.opened_log import OpenedLog, Takeover
from listenkey.journal.jetstream.ownership import OwnershipRecord
from listenkey.journal.jetstream.publisher import Publisher
from listenkey.journal.jetstream.record_numbering import RecordNumbering
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.sqlite.writer import Committed
from tests.nats_server import Cluster, made
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, read

LOST = Unanswered("the answer was lost", was_sent=True)
VANISHED = Unanswered("it never came there", was_sent=True)
NOT_SENT = Unanswered("nobody answers", was_sent=False)


def refused(err_code: int, code: int = 400) -> Reply:
    error = {"code": code, "err_code": err_code, "description": "no"}
    return Reply("", {}, msgspec.json.encode({"error": error}))


class FaultyLink:
    """
    A link whose answers are exchanged or lost.

    Attributes:
        faults: Each is used once, for the first request whose subject holds its text. `LOST` is carried out first; None is
            no fault.
        seen: The subjects of all requests.
    """

    def __init__(self, link: LogConnection) -> None:
        self.link = link
        self.where = "nats://test"
        self.faults: list[tuple[str, Reply | Unanswered | None]] = []
        self.seen: list[str] = []

    def fail(self, text: str, *faults: Reply | Unanswered | None) -> None:
        self.faults.extend((text, fault) for fault in faults)

    def _fault(self, subject: str) -> Reply | Unanswered | None:
        self.seen.append(subject)
        for number, (text, fault) in enumerate(self.faults):
            if text in subject:
                del self.faults[number]
                return fault
        return None

    async def request(
        self, subject: str, body: bytes = b"", headers: dict[str, str] | None = None, within_s: float = ANSWER_WITHIN_S
    ) -> Reply:
        fault = self._fault(subject)
        if fault is LOST:
            await self.link.request(subject, body, headers, within_s)
        if isinstance(fault, Unanswered):
            raise fault
        return fault or await self.link.request(subject, body, headers, within_s)

    async def request_batch(self, messages: list[Outgoing], within_s: float = ANSWER_WITHIN_S) -> Reply:
        fault = self._fault(messages[0].subject)
        if fault is LOST:
            await self.link.request_batch(messages, within_s)
        if isinstance(fault, Unanswered):
            raise fault
        return fault or await self.link.request_batch(messages, within_s)

    async def request_many(self, subject: str, body: bytes, within_s: float = ANSWER_WITHIN_S) -> list[Reply]:
        fault = self._fault(subject)
        if isinstance(fault, Unanswered):
            raise fault
        return [fault] if fault else await self.link.request_many(subject, body, within_s)


@asynccontextmanager
async def linked(node: Cluster) -> AsyncIterator[tuple[FaultyLink, AccountNames]]:
    """A link to a server with streams of its own, and the names of an account there."""
    address = await made(node.address())
    connection = LogConnection(address.servers)
    await connection.open()
    try:
        yield FaultyLink(connection), address.names.of(ACCOUNT)
    finally:
        await connection.aclose()


class OneAccount:
    """The parts of an account's journal, as an owner has them, without its task."""

    def __init__(self, link: FaultyLink, names: AccountNames, worker: str = "w1") -> None:
        self.link, self.names = link, names
        self.owner = OwnershipRecord(worker, f"nonce-{worker}", ACCOUNT, AT_MS)
        self.memory = AccountMemory()
        self.reader = LogReader(link, names)
        self.numbering = RecordNumbering(ACCOUNT, self.memory)
        self.now_s = 0.0
        self.marks = LogMarks(lambda: monotonic() + self.now_s)
        self.checkpoints = CheckpointWriter(self.memory)
        self.stored: list[Committed] = []
        self.problems: list[str | None] = []
        self.troubles: list[str] = []
        self.publisher = Publisher(
            link, names, self.numbering, self.marks, self.checkpoints, self.stored.append, self.problems.append
        )

    async def open(self, consumer: str | None = None) -> OpenedLog:
        takeover = Takeover(self.link, self.names, self.reader, self.numbering, self.marks, self.checkpoints, consumer)
        opened = await takeover.open(self.owner, self.troubles.append)
        self.publisher.begin(opened.token)
        return opened

    async def publish(self) -> None:
        """Publish what was put, and end."""
        self.publisher.stop()
        await self.publisher.run()

    @property
    def items(self) -> list[Item]:
        return [item for report in self.stored for item in report.items]


async def journal(node: Cluster, address: str | None = None, **options: object) -> JetStreamJournal:
    """A journal on a server, not opened."""
    at = await made(address or node.address())
    return JetStreamJournal(LogServers(at), ACCOUNT, Wall(), **options)  # type: ignore[arg-type]


def append(to: JetStreamJournal, *raws: bytes) -> None:
    for raw in raws:
        to.append_event(read(raw), raw, AT_MS)


async def take(of: JetStreamJournal, count: int) -> list[Item]:
    items: list[Item] = []
    while len(items) < count:
        items.append(await of.next())
        items.extend(of.take_ready(count - len(items)))
    return items


def raws_of(items: list[Item]) -> list[bytes]:
    return [item.raw for item in items if isinstance(item, Update)]
