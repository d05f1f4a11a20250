"""
Items into PostgreSQL: the effect and the group's cursor in one transaction, so each item has its effect exactly once.

By default the effect is a row of the table `items`. A program may give its own, which runs in the same transaction.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import msgspec

from listenkey.errors import JournalError, UsageError
from listenkey.gateway.consumers.bridges.patience import Patience
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.items import Item
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.wire.json_lines import to_line

if TYPE_CHECKING:
    from psycopg import AsyncConnection, AsyncCursor

log = logging.getLogger("listenkey")

Effect: TypeAlias = "Callable[[AsyncCursor[Any], Sequence[Item]], Awaitable[None]]"

MISSING: Final = "items into PostgreSQL need the package psycopg: pip install 'listenkey[postgres]'"
SCHEMA: Final = "listenkey"
_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")

TABLES: Final = """
select pg_advisory_xact_lock(7812231170513);
create schema if not exists {0};
create table if not exists {0}.cursors (
    consumer_group text not null, part text not null, writes bigint not null, cursor json not null,
    primary key (consumer_group, part)
);
create table if not exists {0}.items (
    account text not null, seq bigint not null, kind text not null, item json not null, primary key (account, seq)
)
"""
"""The lock keeps two members from making them at once, which PostgreSQL does not allow for."""


class PostgresStore:
    """
    A `CursorStore` in PostgreSQL. Use it as `async with`.

    Args:
        address: As libpq takes it: `postgresql://HOST/DATABASE`, or `key=value` words.
        schema: The schema of the tables. Each group needs one of its own, unless it has an effect of its own.
        effect: Called with a cursor of psycopg and the items, in the transaction that stores the group's cursor; it must not
            commit. By default the items become rows of `SCHEMA.items`.

    Raises:
        UsageError: The schema's name is none.
    """

    def __init__(self, address: str, *, schema: str = SCHEMA, effect: Effect | None = None) -> None:
        if not _SCHEMA.fullmatch(schema):
            raise UsageError(f"a schema's name is small letters, digits and _, and not {schema!r}")
        self._address = address
        self._schema = schema
        self._effect = effect or self._insert
        self._connection: AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._lost: tuple[type[Exception], ...] = ()
        self._refused: tuple[type[Exception], ...] = ()

    async def __aenter__(self) -> Self:
        """
        Connect, and make the tables where they are missing.

        Raises:
            UsageError: The package is missing.
            JournalError: The server is not there, or refused.
        """
        try:
            import psycopg  # noqa: PLC0415 - only who uses it needs the package
        except ImportError:
            raise UsageError(MISSING) from None
        self._lost, self._refused = (psycopg.OperationalError, psycopg.InterfaceError), (psycopg.Error,)
        try:
            async with await self._connected() as connection, connection.transaction():
                for statement in TABLES.format(self._schema).split(";"):
                    await connection.execute(statement.encode())
        except psycopg.Error as error:
            raise JournalError(f"PostgreSQL can't be used: {_text(error)}") from None
        self._connection = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def load(self, partition: GroupPartition) -> GroupCursor:
        """Return the stored cursor. Goes on until the server answers. Raises JournalError where it refuses."""
        patience = Patience("PostgreSQL")
        while True:
            try:
                async with self._lock:
                    return await self._load(await self._connected(), partition)
            except self._lost as error:
                await patience.wait(_text(error))
            except self._refused as error:
                raise JournalError(f"PostgreSQL refused: {_text(error)}") from None

    async def store(self, portion: Portion) -> None:
        """
        Carry the effect of the items out, and store their cursor, both or neither. Goes on until the server answers.

        Raises:
            Overtaken: Another member has stored a cursor.
            JournalError: The server refused.
        """
        patience = Patience("PostgreSQL")
        while True:
            try:
                async with self._lock:
                    return await self._store(portion, is_first_try=not patience.tries)
            except self._lost as error:
                await patience.wait(_text(error))
            except self._refused as error:
                raise JournalError(f"PostgreSQL refused: {_text(error)}") from None

    async def _store(self, portion: Portion, *, is_first_try: bool) -> None:
        connection = await self._connected()
        if not is_first_try and await self._load(connection, portion.partition) == portion.behind:
            return  # It was stored, and the answer was lost.
        async with connection.transaction(), connection.cursor() as cursor:
            await self._replace(cursor, portion)
            if portion.items:
                await self._effect(cursor, [stored.item for stored in portion.items])

    async def _connected(self) -> AsyncConnection[Any]:
        from psycopg import AsyncConnection  # noqa: PLC0415

        if self._connection is None or self._connection.closed:
            self._connection = await AsyncConnection.connect(self._address, autocommit=True)
        return self._connection

    async def _load(self, connection: AsyncConnection[Any], partition: GroupPartition) -> GroupCursor:
        query = f"select cursor::text from {self._schema}.cursors where consumer_group = %s and part = %s"  # noqa: S608 - a checked name
        found = await (await connection.execute(query.encode(), (partition.group, partition.key))).fetchone()
        return NOTHING_READ if found is None else msgspec.json.decode(found[0], type=GroupCursor)

    async def _replace(self, cursor: AsyncCursor[Any], portion: Portion) -> None:
        """Put the cursor in the place of the one before. The row stays locked until the transaction ends."""
        behind, before = portion.behind, portion.before
        values: tuple[object, ...] = (behind.writes, msgspec.json.encode(behind).decode())
        key = (portion.partition.group, portion.partition.key)
        if before.writes == 0:
            await cursor.execute(
                f"insert into {self._schema}.cursors (writes, cursor, consumer_group, part) "  # noqa: S608
                "values (%s, %s, %s, %s) on conflict do nothing".encode(),
                values + key,
            )
        else:
            await cursor.execute(
                f"update {self._schema}.cursors set writes = %s, cursor = %s "  # noqa: S608
                "where consumer_group = %s and part = %s and writes = %s".encode(),
                (*values, *key, before.writes),
            )
        if cursor.rowcount != 1:
            raise Overtaken

    async def _insert(self, cursor: AsyncCursor[Any], items: Sequence[Item]) -> None:
        async with cursor.copy(f"copy {self._schema}.items (account, seq, kind, item) from stdin".encode()) as copy:
            for item in items:
                line = to_line(item)
                kind = msgspec.json.decode(line, type=_Kind).kind
                await copy.write_row((item.account, item.seq, kind, line.decode()))


class _Kind(msgspec.Struct, frozen=True):
    kind: str


def _text(error: Exception) -> str:
    """Return the first line of an error: later ones may show a row."""
    return str(error).partition("\n")[0] or type(error).__name__
