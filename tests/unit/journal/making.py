"""Events, journals and broken disks for the tests of the journal."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from listenkey.events import Event
from listenkey.items import Item, Live, Update
from listenkey.journal.sqlite import store as stores
from listenkey.journal.sqlite.database import open_writer
from listenkey.journal.sqlite.group import Group
from listenkey.journal.sqlite.hash_chain import Row, seal
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.row_codec import told_values, update_values
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.writer import Writer
from listenkey.wire.frames import UnreadableFrame, read_payload

ACCOUNT = "a3f1"
AT_MS = 1_795_330_000_000
SYMBOL = "BTC-261225-90000-C"

_ORDER = (
    b'{"e":"ORDER_TRADE_UPDATE","E":%d,"T":%d,"o":{"s":"BTC-261225-90000-C","c":"=1+1","S":"BUY","o":"LIMIT",'
    b'"f":"GTC","q":"0.3000","p":"3660.000","ap":"3660.000","x":"%s","X":"%s","i":%d,"l":"0.1000","z":"0.3000",'
    b'"L":"3660.000","N":"USDT","n":"-0.07320000","T":%d,"t":%d,"b":"0.1","a":"0.3","m":true,"R":false,"ot":"LIMIT",'
    b'"rp":"1.5","V":"EXPIRE_MAKER"}}'
)
ORDER_ID = 4611875134427365377


def fill(trade_id: int, at_ms: int = AT_MS) -> bytes:
    return _ORDER % (at_ms, at_ms, b"TRADE", b"FILLED", ORDER_ID + trade_id, at_ms, trade_id)


def resting(order: int, at_ms: int = AT_MS) -> bytes:
    return _ORDER % (at_ms, at_ms, b"NEW", b"NEW", ORDER_ID + order, at_ms, 0)


def greeks(number: int) -> bytes:
    return b'{"e":"GREEK_UPDATE","E":%d,"T":%d,"G":[]}' % (number, number)


def read(raw: bytes) -> Event:
    event = read_payload(raw)
    assert not isinstance(event, UnreadableFrame)
    return event


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self, ms: int = AT_MS) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


def journal(path: Path, **options: Any) -> SqliteJournal:
    return SqliteJournal(path, ACCOUNT, options.pop("wall_ms", Wall()), **options)


def append(to: SqliteJournal, *raws: bytes, at_ms: int = AT_MS) -> None:
    for raw in raws:
        to.append_event(read(raw), raw, at_ms)


async def take(of: SqliteJournal, count: int) -> list[Item]:
    """So many items, in any batches."""
    items: list[Item] = []
    while len(items) < count:
        items.append(await of.next())
        items.extend(of.take_ready(count - len(items)))
    return items


async def until(what: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait for what a thread will bring about."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - the thread tells the journal, and nobody else
            await asyncio.sleep(0.001)


async def written(path: Path, raws: Iterable[bytes], **options: Any) -> list[Item]:
    """A journal that was live and holds these; closed. What its reader was given."""
    made = journal(path, **options)
    await made.open()
    made.append_told([Live(0, "", AT_MS)])
    made.heard(AT_MS)
    raws = list(raws)
    append(made, *raws)
    items = await take(made, 1 + len(raws))
    made.end(None)
    await made.aclose()
    return items


def raws_of(items: Iterable[Item]) -> list[bytes]:
    return [item.raw for item in items if isinstance(item, Update)]


def rows(raws: Iterable[bytes], store: Store) -> list[Row]:
    """Sealed rows that continue a store."""
    made: list[Row] = []
    seq, chain = store.last_seq, store.chain
    for raw in raws:
        seq += 1
        made.append(seal(update_values(seq, ACCOUNT, read(raw), raw, AT_MS), chain))
        chain = made[-1][-1]
    return made


def seqs(path: Path) -> list[int]:
    reader = JournalReader(path)
    try:
        return [item.seq for item in reader.read(0, 10_000)]
    finally:
        reader.close()


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    assert connection.execute(statement).rowcount > 0
    connection.close()


def live_row(seq: int, chain: bytes) -> Row:
    return seal(told_values(Live(seq, ACCOUNT, AT_MS), AT_MS), chain)


def group(*made: Row, **more: Any) -> Group:
    return Group(list(made), **more)


def broken(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    return error


class BadDisk:
    """
    Makes the connections that write fail on purpose.

    Args:
        monkeypatch: Puts it in the place of the real opening.
        name: SQLite's name of the error.

    Attributes:
        fail: Numbers of the statements that fail, counted over all connections from the moment it is set.
        after: Fail when the work is done, as a failed fsync does, and not before.
        dead: Everything fails.
        opened: How many connections there were.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str = "SQLITE_IOERR_FSYNC") -> None:
        self.name = name
        self.fail: set[int] = set()
        self.after = False
        self.dead = False
        self.count = 0
        self.opened = 0
        self.used_after_failing = 0
        monkeypatch.setattr(stores, "open_writer", self._open)

    def _open(self, path: Path) -> Any:
        self.opened += 1
        return _BadConnection(self, open_writer(path))


class _BadConnection:
    def __init__(self, disk: BadDisk, real: sqlite3.Connection) -> None:
        self._disk = disk
        self._real = real
        self._failed = False

    def execute(self, *arguments: Any) -> Any:
        self._disk.used_after_failing += self._failed
        self._disk.count += 1
        if self._disk.dead or self._disk.count in self._disk.fail:
            self._failed = True
            if self._disk.after:
                self._real.execute(*arguments)
            raise broken(self._disk.name)
        return self._real.execute(*arguments)

    def close(self) -> None:
        self._real.close()


def join(writer: Writer) -> None:
    """Wait for the end of a writer's thread, which is a real one."""
    thread = writer._thread
    assert isinstance(thread, threading.Thread)
    thread.join(5)
    assert not writer.is_alive
