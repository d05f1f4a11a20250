"""
The one connection that writes: groups of rows in, each group durable as a whole or not there at all.

Raises SQLite's own errors; the writer's thread decides what they mean. After an error the connection is given up
(`abandon`) and never used again: what the kernel answers to a second fsync of the same file after a failed one says
nothing about the first. `reopen` starts from what is on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Final, TypeAlias

from listenkey.core.gaps import NOT_RUNNING, Resumed, Watermark
from listenkey.credentials import is_fingerprint
from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.journal.files import beside, check_files, make_private, size_of
from listenkey.journal.recovered import RecoveredCount, recovered_so_far
from listenkey.journal.sqlite import metadata as facts
from listenkey.journal.sqlite import schema, verify
from listenkey.journal.sqlite.database import (
    check_without_log,
    close_without_moving,
    create,
    is_new,
    open_guard,
    open_reader,
    open_writer,
    told_as_ours,
)
from listenkey.journal.sqlite.hash_chain import BEGINNING, Row, follows, is_whole
from listenkey.journal.sqlite.live_orders import live_orders
from listenkey.journal.sqlite.lock import NUMBER_MAX, Lock
from listenkey.journal.sqlite.own_files import ANOTHER_LOG, NotInPlace, OwnFiles
from listenkey.journal.sqlite.row_shape import is_well_formed
from listenkey.journal.sqlite.schema_check import look_at_schema
from listenkey.outcomes import GapCause, Reason

log = logging.getLogger("listenkey")

TAIL_ROWS: Final = 1000
"""The rows at the end that are compared with their seals whenever a journal is opened."""

GROUP_ROWS_MAX: Final = 512
"""Rows a commit. More make nothing faster and let each wait longer."""

SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Rows that a statement is prepared for; a group takes the next larger one and leaves places empty.

One statement a group, because Python gives its lock away at each statement and may wait 5 ms to get it back while the
event loop is busy. And a statement without BEGIN and COMMIT is a transaction of its own.
"""

_PLACES: Final = "(" + ",".join("?" * len(schema.COLUMNS)) + ")"
_INSERT: Final = {
    size: f"INSERT INTO items SELECT * FROM (VALUES {','.join([_PLACES] * size)}) WHERE column1 IS NOT NULL"  # noqa: S608 - places only
    for size in SIZES
}
_OWN: Final = ("seq", "received_ms", "type", "event_ms", "symbol", "order_id", "trade_id", "raw", "crc32", "chain")
"""The columns in which nearly every update differs; in the others such rows are alike."""

_ALIKE: Final = {"kind": "update", "provenance": "ws", "late": 0}
_own: Final = itemgetter(*map(schema.COLUMNS.index, _OWN))
_alike: Final = itemgetter(*(index for index, name in enumerate(schema.COLUMNS) if name not in {*_OWN, "account"}))
_ALIKE_ROWS: Final = {_alike([_ALIKE.get(name) for name in schema.COLUMNS])}
_OWN_PLACES: Final = "(" + ",".join("?" * len(_OWN)) + ")"
_INSERT_ALIKE: Final = {
    size: f"INSERT INTO items({', '.join(_OWN)}, kind, provenance, late, account) SELECT *, 'update', 'ws', 0, ? "  # noqa: S608 - our own names
    f"FROM (VALUES {','.join([_OWN_PLACES] * size)}) WHERE column1 IS NOT NULL"
    for size in SIZES
}
"""Half the places: giving SQLite its values is most of what a row costs under Python's lock."""

_KNOWN: Final = {
    size: f"WITH asked(s, t, o) AS (VALUES {','.join(['(?,?,?)'] * size)}) SELECT s, t, o FROM asked "  # noqa: S608 - places only
    "WHERE EXISTS (SELECT 1 FROM items WHERE symbol = s AND trade_id = t AND order_id = o AND seq <= ?) "
    "OR EXISTS (SELECT 1 FROM pruned_fills WHERE symbol = s AND trade_id = t AND order_id = o)"
    for size in SIZES
}
_OPEN_GAP: Final = (
    "SELECT min(from_ms) FROM items WHERE kind = 'gap_opened' AND typeof(from_ms) = 'integer' AND seq > "
    "(SELECT coalesce(max(seq), 0) FROM items WHERE kind = 'gap_closed')"
)
"""
A gap that turned out to have begun earlier is told twice, and closed once, from the earlier beginning. No other is open
beside it: an end of long ago that is missing (`journal verify` will tell) must not open that gap again.
"""

_TOLD: Final = "SELECT max(from_ms) FROM items WHERE kind IN ('live', 'gap_opened') AND typeof(from_ms) = 'integer'"
"""The newest time since which, or until which, the stream was reported as whole."""

_BEGAN: Final = "SELECT min(from_ms) FROM items WHERE kind = 'live' AND typeof(from_ms) = 'integer'"
"""The time since which the stream was first reported as whole; of a journal that has its beginning."""

_LEAD: Final = (
    "SELECT min(received_ms - event_ms) FROM (SELECT received_ms, event_ms FROM items "
    "WHERE provenance = 'ws' AND typeof(event_ms) = 'integer' AND typeof(received_ms) = 'integer' "
    "ORDER BY seq DESC LIMIT 8)"
)
"""The shortest delay among the newest events, by two clocks: one longer than possible shows that ours was ahead."""

_FILLS: Final = (
    f"SELECT symbol, trade_id, order_id, {schema.word('trade_time_ms')} FROM items "  # noqa: S608 - our own names
    "WHERE trade_id IS NOT NULL ORDER BY seq DESC LIMIT 4096"
)
"""The fills that the next process need not ask for again where its requests overlap. The index knows them all."""

RECORD_ITEMS_MAX: Final = 16_384
_RECORDS: Final = (
    "SELECT type, CAST(json_extract(event, '$.record_id') AS TEXT) FROM items "
    "WHERE seq > ? AND provenance = 'rest' AND type IN ('exerciseRecord', 'bill') AND json_valid(event)"
)
"""Records that REST would show the next process again, as no index knows them: so many items are looked at."""

LEGACY_ITEMS_MAX: Final = 16_384
"""The newest items that are searched for fills that no index knows."""

_TAIL: Final = f"SELECT {', '.join(schema.COLUMNS)} FROM items ORDER BY seq DESC LIMIT {TAIL_ROWS}"  # noqa: S608 - our own names

FillKey: TypeAlias = tuple[str, int, int]


@dataclass(slots=True)
class Group:
    """
    The rows and marks that are committed together.

    Attributes:
        recovered: What was recovered in the open gap, with the rows; None where that is not counted.
        fills: Those among the rows that their columns do not name.
        covered_ms: Until when the stream is whole with them, wall clock.
        mark: The same by more clocks.
    """

    rows: list[Row] = field(default_factory=list)
    recovered: RecoveredCount | None = None
    fills: list[FillKey] = field(default_factory=list)
    covered_ms: int | None = None
    mark: Watermark | None = None
    cursors: dict[str, int] = field(default_factory=dict)


class Store:
    """
    A journal's file, held for writing.

    Attributes:
        last_seq: The newest item that is durable.
        chain: Its chain.
        recovered: What was recovered in the gap that is open there.
        skip: Items that were lost at the end before this process; the next row says so.
        has_pruned: Whether there are fills that the index on items doesn't know: retention took them away, or they came
            in messages of before 2026.
    """

    def __init__(self, path: Path, account: str, *, account_is_named: bool = True) -> None:
        self.path = path
        self.account = account
        self.account_doubt = ""
        self._account_is_named = account_is_named
        self.last_seq = 0
        self.chain = BEGINNING
        self.recovered = RecoveredCount()
        self.skip = 0
        self.has_pruned = False
        self._lock: Lock | None = None
        self._connection: sqlite3.Connection | None = None
        self._may_hold_more = False
        self._uncertain = set[FillKey]()  # of a commit that failed: whether they are known is not known
        self._covered_ms = 0
        self._guard: sqlite3.Connection | None = None
        self._files = OwnFiles(path)

    def open(self) -> Resumed:
        """
        Lock the journal, make it where there is none, and look at its end.

        Raises:
            Fenced: Another process writes to it, or may.
            UsageError: It is no journal, or another account's, or its files don't lie together.
            Corrupt: Its end is damaged.
            Full, JournalError: It can't be made or read.
        """
        check_files(self.path)
        self._lock = Lock(self.path)
        try:
            with told_as_ours(self.path):
                create(self.path)
                if told := make_private(self.path):
                    log.warning("journal %s: %s", self.path, told)
                self._files.note()
                self._check_log()
                self._connection = open_writer(self.path)
                self._make_tables()
                self._make_views()
                self._keep_watch()
                known = facts.facts(self._connection)
                self._read_end(known)
                self._check_account(known.get(facts.ACCOUNT))
                return self._left(known)
        except OSError as error:
            self.close()
            raise JournalError(f"the journal {self.path} can't be made: {error.strerror}") from None
        except BaseException:
            self.abandon()
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """True where there is a connection to write with."""
        return self._connection is not None

    def cursor(self, name: str) -> int | None:
        """The last item that a consumer is done with, or None where it is new."""
        with told_as_ours(self.path):
            return facts.cursors(self._opened).get(name)

    def known_fills(self, keys: Collection[FillKey]) -> set[FillKey]:
        """
        Return those of these fills that are in the journal, or were until retention took them away.

        Rows that a failed commit may have left do not count: they are written anew.
        """
        size = SIZES[(len(keys) - 1).bit_length()]
        places = [*_filled(keys, size * 3), self.last_seq]
        return set(self._opened.execute(_KNOWN[size], places)) - self._uncertain

    def write(self, group: Group) -> None:
        """
        Commit a group. When this returns, it is on the disk.

        Raises:
            sqlite3.IntegrityError: A fill among the rows is in the journal already; nothing was written.
            sqlite3.Error: It is not known what was written.
        """
        self._check_place()
        self._uncertain.update(group.fills)
        more = group.fills or group.covered_ms is not None or group.cursors or self._may_hold_more
        if group.rows and not more:
            self._opened.execute(*self._insert(group.rows))
        else:
            self._write_all(group)
        self._may_hold_more = False
        self.has_pruned |= bool(group.fills)
        self._uncertain.clear()
        if group.rows:
            self.last_seq, self.chain, self.skip = group.rows[-1][0], group.rows[-1][-1], 0
        if group.recovered is not None:
            self.recovered = group.recovered
        if group.covered_ms is not None:
            self._covered_ms = group.covered_ms
            self.note_reached()

    def _check_place(self) -> None:
        """
        Check that the file we write has our name.

        Raises:
            NotInPlace: It has not.
            Fenced: Another file has the name of the lock, and somebody else may hold that.
            sqlite3.OperationalError: Its log was removed. What the log held is in the file now.
        """
        self._check_lock()
        if not self._files.check():
            self._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            error = sqlite3.OperationalError("its log was moved or removed")
            error.sqlite_errorname = "SQLITE_CANTOPEN"
            raise error

    def _check_lock(self) -> None:
        assert self._lock is not None
        if self._lock.is_replaced():
            raise Fenced(f"another file stands where the lock of the journal {self.path} was")

    def _check_log(self) -> None:
        """
        Check that a log that was left belongs to the file: SQLite would write any log into any file.

        Raises:
            UsageError: The file is no journal.
            JournalError: Another file was put in the place of the one that the log was written for.
        """
        if not size_of(beside(self.path, "-wal")):
            return
        check_without_log(self.path)
        problem = self._replaced()
        if problem:
            raise JournalError(
                f"another file was put in the place of the journal {self.path}, and the log {self.path.name}-wal of the "
                f"one before was left ({problem}); nothing was changed. Put the one before back, or take "
                f"{self.path.name}-wal and {self.path.name}-shm away"
            )

    def _replaced(self) -> str:
        """Return what shows that the log was written for another file; empty where it was not."""
        assert self._lock is not None
        (table_before, log_before), (table, its_log) = self._lock.inodes(), self._files.inodes
        if table_before in (0, table & NUMBER_MAX):
            return ""
        if log_before == its_log & NUMBER_MAX:
            return "the log is still the same file"
        # Both are others, as in a folder that was restored: what they hold shows whether they belong together.
        return next(iter(verify.problems_of(self.path)), "")

    def _keep_watch(self) -> None:
        """
        Note which file it is, and see to it that closing it after an error moves nothing.

        SQLite's last connection synchronises the log once more, moves it into the file, and removes what has the log's
        name, whatever that is by then. While a second connection is open, none of that happens; one that only reads does
        nothing of it itself.
        """
        assert self._lock is not None
        self._files.check()
        self._files.note()
        self._guard = open_guard(self.path)
        self._lock.note_inodes(*self._files.inodes)

    def _write_all(self, group: Group) -> None:
        with self._transaction() as connection:
            if self._may_hold_more:
                # The commit that failed may have reached the file all the same; nobody was told of it.
                connection.execute("DELETE FROM items WHERE seq > ?", (self.last_seq,))
            if group.rows:
                connection.execute(*self._insert(group.rows))
            if group.fills:
                connection.executemany("INSERT OR IGNORE INTO pruned_fills VALUES (?, ?, ?)", group.fills)
            if group.covered_ms is not None:
                facts.set_fact(connection, facts.COVERED_MS, group.covered_ms)
            if group.mark is not None:
                facts.set_watermark(connection, group.mark)
            for name, seq in group.cursors.items():
                facts.set_cursor(connection, name, seq)

    def _insert(self, rows: Sequence[Row]) -> tuple[str, list[object]]:
        """The statement that adds them, and its values."""
        size = SIZES[(len(rows) - 1).bit_length()]
        if set(map(_alike, rows)) == _ALIKE_ROWS:
            return _INSERT_ALIKE[size], [self.account, *_filled(map(_own, rows), size * len(_OWN))]
        return _INSERT[size], _filled(rows, size * len(schema.COLUMNS))

    def note_reached(self) -> None:
        """Write the last number beside the journal; nobody waits for that to be on the disk."""
        # What was lost has numbers as well. Until one behind them is given, they must stay noted.
        if self._lock is not None and self.last_seq and not self.skip:
            self._lock.note_reached(self.last_seq, self._covered_ms)

    def begin_after(
        self,
        seq: int,
        chain: bytes,
        known: Mapping[str, object],
        cursors: Mapping[str, int],
        pruned: Iterable[FillKey],
    ) -> None:
        """Let an empty journal begin behind a number, as after retention, with the facts beside the items."""
        with self._transaction() as connection:
            for name, value in known.items():
                facts.set_fact(connection, name, value)
            for name, cursor in cursors.items():
                facts.set_cursor(connection, name, cursor)
            connection.executemany("INSERT OR IGNORE INTO pruned_fills VALUES (?, ?, ?)", pruned)
            if seq:
                facts.set_fact(connection, facts.ANCHOR_SEQ, seq)
                facts.set_fact(connection, facts.ANCHOR_CHAIN, chain)
        self.last_seq, self.chain = seq, chain

    def prune(self, through_seq: int) -> None:
        """Take away everything up to a number. The chain stays checkable from there on, and fills stay known."""
        with self._transaction() as connection:
            newest = "SELECT seq, chain FROM items WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
            row = connection.execute(newest, (through_seq,)).fetchone()
            if row is None:  # A try that failed had reached the file all the same.
                return
            anchor_seq, anchor_chain = row
            connection.execute(
                "INSERT OR IGNORE INTO pruned_fills SELECT symbol, trade_id, order_id FROM items "
                "WHERE seq <= ? AND trade_id IS NOT NULL",
                (anchor_seq,),
            )
            connection.execute("DELETE FROM items WHERE seq <= ?", (anchor_seq,))
            facts.set_fact(connection, facts.ANCHOR_SEQ, anchor_seq)
            facts.set_fact(connection, facts.ANCHOR_CHAIN, anchor_chain)
        self.has_pruned = True

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for queries."""
        return self._opened

    def abandon(self) -> None:
        """Give the connection up after an error; the lock stays."""
        self._may_hold_more = True
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if self._guard is None:
                    close_without_moving(connection, self.path)
                else:
                    connection.close()
        self._close_guard()

    def _close_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            with contextlib.suppress(sqlite3.Error):
                guard.close()

    def reopen(self) -> None:
        """
        Open a new connection, and prove that the committed items are there.

        Raises:
            NotInPlace: What has its name is another file.
            sqlite3.Error: Not yet; try again later.
            Fenced: The lock is another file now.
            Corrupt: What was committed is gone.
        """
        assert self._lock is not None
        if self._files.is_same_log() is False and not self._is_left_whole():
            raise NotInPlace(ANOTHER_LOG)
        self._check_lock()
        self._files.note()
        connection = self._connection = open_writer(self.path)
        self._keep_watch()
        # Everything that was committed into the table itself, synchronised anew; and the log starts from its beginning.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not self._holds_all(connection):
            raise Corrupt(f"the journal {self.path} no longer holds item {self.last_seq}, which was committed")

    def _is_left_whole(self) -> bool:
        """Return True where the file holds all that was committed with its present log: others may have opened it."""
        try:
            with contextlib.closing(open_reader(self.path)) as connection:
                return self._holds_all(connection)
        except (JournalError, UsageError):
            return False

    def _holds_all(self, connection: sqlite3.Connection) -> bool:
        """Return True where the newest committed item is there."""
        if not self.last_seq or self.chain in [row[-1] for row in self._tail(connection) if row[0] == self.last_seq]:
            return True
        return bool(facts.facts(connection).get(facts.ANCHOR_SEQ) == self.last_seq)

    def close(self) -> None:
        """Move the log into the file, wherever that is, and let go of both; another process may write."""
        self.note_reached()
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if self._files.log_is_ours():
                    if not self._files.is_in_place():  # SQLite's last connection would then leave the log where it is.
                        connection.execute("PRAGMA busy_timeout=100")
                        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                    self._close_guard()
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._close_guard()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def _opened(self) -> sqlite3.Connection:
        assert self._connection is not None, "open the journal first"
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all of it, or nothing and raise; after an error of the disk the owner gives the connection up."""
        connection = self._opened
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _make_tables(self) -> None:
        if not is_new(self._opened):
            return
        with self._transaction() as connection:
            for statement in schema.SQL.values():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={schema.VERSION}")
            facts.set_fact(connection, facts.ACCOUNT, self.account)
        # So that the file is a journal by itself, also for whoever finds it without its log.
        self._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _make_views(self) -> None:
        """The views as this release has them; they hold nothing."""
        found = look_at_schema(self._opened)
        if found.views:
            log.warning("journal %s: the views %s were changed, and are made anew", self.path, ", ".join(found.views))
        if others := found.views + found.older_views:
            with self._transaction() as connection:
                for name in others:
                    connection.execute(f"DROP VIEW IF EXISTS {name}")
                    connection.execute(schema.VIEWS[name])

    def _check_account(self, found: str | None) -> None:
        if found is None:
            raise Corrupt(f"the journal {self.path} does not say which account's it is")
        if found == self.account:
            return
        if self.account and is_fingerprint(found) and not self.last_seq + self.skip:
            # It holds nothing, and nobody named it: the API key that its name stands for may have been refused.
            with self._transaction() as connection:
                facts.set_fact(connection, facts.ACCOUNT, self.account)
            return
        if self._account_is_named:
            raise UsageError(
                f"the journal {self.path} belongs to the account {found!r}, and account={self.account!r} was given; "
                f"leave the account out, or name {found!r} (--account), or give another journal"
            )
        if self.account:
            self.account_doubt = f"the journal {self.path} of the account {found!r} was begun with another API key"
            log.warning("%s; this key is taken for a newer one of the same account", self.account_doubt)
        self.account = found

    def _tail(self, connection: sqlite3.Connection) -> list[Row]:
        """The newest rows, oldest first, compared with their seals."""
        rows: list[Row] = connection.execute(_TAIL).fetchall()[::-1]
        before: bytes | None = None
        for row in rows:
            if not ((is_whole(row) if before is None else follows(row, before)) and is_well_formed(row)):
                raise Corrupt(f"item {row[0]} of the journal {self.path} was changed; see `listenkey journal verify`")
            before = row[-1]
        return rows

    def _read_end(self, known: dict[str, object]) -> None:
        assert self._lock is not None
        rows = self._tail(self._opened)
        anchor_seq, anchor_chain = known.get(facts.ANCHOR_SEQ, 0), known.get(facts.ANCHOR_CHAIN, BEGINNING)
        assert isinstance(anchor_seq, int)
        assert isinstance(anchor_chain, bytes)
        (self.has_pruned,) = map(bool, self._opened.execute("SELECT EXISTS (SELECT 1 FROM pruned_fills)").fetchone())
        self.last_seq, self.chain = (rows[-1][0], rows[-1][-1]) if rows else (anchor_seq, anchor_chain)
        self.recovered = recovered_so_far(self._opened)
        # A number is never used twice: whoever has read the lost items would take the new ones for the old.
        self.skip = max(0, self._lock.reached() - self.last_seq)

    def _covered_until(self, known: dict[str, object]) -> int:
        """Return the time until which the stream is known to have been whole; 0 where it has never been live."""
        covered_ms = known.get(facts.COVERED_MS)
        if isinstance(covered_ms, int):
            return covered_ms
        (told_ms,) = self._opened.execute(_TOLD).fetchone()  # It ended before that was noted for the first time.
        assert self._lock is not None
        # Or that was lost with everything else: the journal was taken away, or a copy from before was put back.
        return int(told_ms) if told_ms is not None else self._lock.covered_ms() if self.skip else 0

    def _left(self, known: dict[str, object]) -> Resumed:
        covered_ms = self._covered_ms = self._covered_until(known)
        if not covered_ms:
            return Resumed()
        (open_from_ms,) = self._opened.execute(_OPEN_GAP).fetchone()
        reason = NOT_RUNNING
        if self.skip:
            text = f"the journal had lost its last {self.skip} items, and {NOT_RUNNING.text}"
            reason = Reason(GapCause.JOURNAL_LOST, text)
        fills = self._opened.execute(_FILLS).fetchall()
        if self.has_pruned:
            fills += self._opened.execute(schema.LEGACY_FILLS, (self.last_seq - LEGACY_ITEMS_MAX,))
        (began_ms,) = self._opened.execute(_BEGAN).fetchone() if not known.get(facts.ANCHOR_SEQ) else (None,)
        (lead_ms,) = self._opened.execute(_LEAD).fetchone()
        records = self._opened.execute(_RECORDS, (self.last_seq - RECORD_ITEMS_MAX,)).fetchall()
        mark = facts.watermark(known)
        return Resumed(
            covered_ms,
            open_from_ms,
            reason,
            tuple(fills),
            tuple(records),
            live_orders(self._opened, self.last_seq),
            began_ms=began_ms or 0,
            mark=mark,
            lead_ms=lead_ms,
        )


def _filled(rows: Iterable[Sequence[object]], count: int) -> list[object]:
    """Return so many values: those of the rows, one behind the other, and nothing for the rest."""
    values = list(chain.from_iterable(rows))
    values.extend([None] * (count - len(values)))
    return values
