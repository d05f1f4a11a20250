"""A journal's tables as CSV, Parquet and Arrow."""

from __future__ import annotations

import csv
import io
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from listenkey.errors import JournalError, UsageError

BATCH_ROWS: Final = 512
"""So many are fetched and turned into columns at once, while they are in the processor's cache: 8,192 take a third longer."""

GROUP_ROWS: Final = 16 * 1024
"""Rows that lie together in a Parquet or Arrow file; some ten megabytes of the table `items`."""

FORMULA: Final = frozenset("=+-@\t\r")
NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
"""What begins like a formula and is none: `-0.02874` is a fee."""

WHOLE_NUMBERS: Final = frozenset(
    {
        "seq", "received_ms", "late", "event_ms", "order_id", "trade_id", "from_ms", "to_ms", "recovered", "skipped",
        "crc32", "maker", "reduce_only", "trade_time_ms", "transaction_ms", "opened_seq", "closed_seq",
    }
)  # fmt: skip
TRUTHS: Final = frozenset({"maker", "reduce_only"})
AS_SQL: Final = {True: 1, False: 0}
"""SQLite has no Booleans."""

BYTES: Final = frozenset({"chain"})
FEW_WORDS: Final = frozenset(
    {
        "kind", "account", "type", "provenance", "symbol", "why", "unrecoverable", "side", "status", "order_type",
        "time_in_force", "commission_asset",
    }
)  # fmt: skip
"""Columns in which few texts come again and again. Parquet looks for such itself; with the others that is half its time."""

Batch: TypeAlias = list[tuple[Any, ...]]


def table_of(path: Path, table: str) -> Iterator[tuple[list[str], Batch]]:
    """Column names and rows, some hundred at a time, all of one moment."""
    from listenkey.journal.database import open_reader, told_as_ours
    from listenkey.journal.schema import PACKED

    order = "opened_seq" if table == "gaps" else "seq"
    question = PACKED.get(table, f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608 - one of our own names
    with told_as_ours(path), closing(open_reader(path)) as connection:
        connection.execute("BEGIN")
        names = [column[0] for column in connection.execute(f"SELECT * FROM {table} LIMIT 0").description]  # noqa: S608
        yield names, []
        for batch in _batches(connection, question):
            yield names, _unpacked(batch, names) if table in PACKED else batch


def _batches(connection: sqlite3.Connection, question: str) -> Iterator[Batch]:
    forgiving = connection.text_factory
    connection.text_factory = str  # SQLite's own way is many times as fast; it ends at a text that is damaged.
    cursor, count = connection.execute(question), 0
    while True:
        try:
            batch = cursor.fetchmany(BATCH_ROWS)
        except sqlite3.OperationalError:
            if connection.text_factory is forgiving:
                raise
            connection.text_factory = forgiving
            cursor = connection.execute(f"{question} LIMIT -1 OFFSET {count}")
            continue
        if not batch:
            return
        count += len(batch)
        yield batch


def _unpacked(batch: Batch, names: list[str]) -> Batch:
    """Each row with the words that it holds as one JSON array in their places."""
    import msgspec

    decode = msgspec.json.Decoder(list[Any]).decode
    at = names.index("side")  # the first of them, in every such table
    truth = next(place for place, name in enumerate(names[at:]) if name in TRUTHS)
    nothing = "[" + ",".join(["null"] * (len(names) - len(batch[0]) + 1)) + "]"  # of a damaged row, as the view has it
    rows: Batch = []
    for row in batch:
        words = decode(row[at] or nothing)
        words[truth] = AS_SQL.get(words[truth])
        rows.append((*row[:at], *words, *row[at + 1 :]))
    return rows


def cell(value: Any) -> Any:
    """A value as CSV shows it; what a spreadsheet would run gets a ' in front."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str) and value[:1] in FORMULA and not NUMBER.fullmatch(value):
        return "'" + value
    return value


def to_csv(path: Path, table: str, out: IO[bytes]) -> int:
    """Write CSV in UTF-8; how many rows."""
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        count = 0
        for names, batch in table_of(path, table):
            if not batch:
                writer.writerow(names)
            writer.writerows([cell(value) for value in row] for row in batch)
            count += len(batch)
        return count
    finally:
        text.detach()


def to_parquet(path: Path, table: str, out: IO[bytes]) -> int:
    """Write Parquet, compressed with zstd; how many rows."""
    arrow = pyarrow()
    from pyarrow import parquet

    def open_writer(schema: Any) -> Any:
        words = [name for name in schema.names if name in FEW_WORDS]
        return parquet.ParquetWriter(out, schema, compression="zstd", use_dictionary=words)

    return _groups(path, table, arrow, open_writer)


def to_arrow(path: Path, table: str, out: IO[bytes]) -> int:
    """Write an Arrow IPC file (Feather 2); how many rows."""
    arrow = pyarrow()
    return _groups(path, table, arrow, lambda schema: arrow.ipc.new_file(out, schema))


def _groups(path: Path, table: str, arrow: Any, open_writer: Callable[[Any], Any]) -> int:
    batches = table_of(path, table)
    names, _ = next(batches)
    schema = arrow.schema([(name, _type_of(name, arrow)) for name in names])
    count = 0
    waiting: list[Any] = []
    waiting_rows = 0

    def write() -> None:
        writer.write_table(arrow.Table.from_batches(waiting, schema).combine_chunks())
        waiting.clear()

    with open_writer(schema) as writer:
        for _, batch in batches:
            columns = [
                arrow.array(column, field.type) for column, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            waiting.append(arrow.record_batch(columns, schema=schema))
            waiting_rows += len(batch)
            count += len(batch)
            if waiting_rows >= GROUP_ROWS:
                write()
                waiting_rows = 0
        if waiting:
            write()
    return count


def _type_of(name: str, arrow: Any) -> Any:
    if name in WHOLE_NUMBERS:
        return arrow.int64()
    return arrow.binary() if name in BYTES else arrow.string()


def pyarrow() -> Any:
    """The package, or what to do to get it."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UsageError("Parquet and Arrow need one more package: pip install 'listenkey[parquet]'") from None
    return pa


WRITERS: Final[Mapping[str, Callable[[Path, str, IO[bytes]], int]]] = {
    "csv": to_csv,
    "parquet": to_parquet,
    "arrow": to_arrow,
}


def to_file(path: Path, table: str, kind: str, out: Path) -> int:
    """Write a file, for its owner alone; one that is there is replaced when the new one is whole. How many rows."""
    part = out.with_name(out.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            count = WRITERS[kind](path, table, file)
        part.replace(out)
    except OSError as error:
        raise JournalError(f"{out} can't be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return count
