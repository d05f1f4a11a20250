"""A journal's tables as CSV, Parquet and Arrow."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from listenkey.cli.output_file import output_file
from listenkey.cli.redaction import ESCAPED
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.journal.sqlite.file_access import FileAccess

BATCH_ROWS: Final = 512
"""The rows fetched and turned into columns at once, to stay in the processor's cache: 8,192 take a third longer."""

GROUP_ROWS: Final = 16 * 1024
"""Rows that lie together in a Parquet or Arrow file; some ten megabytes of the table `items`."""

FORMULA: Final = frozenset("=+-@\t\r")
NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
"""A number, though it begins like a formula: `-0.02874` is a fee."""

WHOLE_NUMBERS: Final = frozenset(
    {
        "seq", "order_id", "trade_id", "recovered", "recovered_fills", "recovered_orders", "skipped", "crc32", "opened_seq",
        "closed_seq",
    }
)  # fmt: skip
AMOUNTS: Final = frozenset(
    {
        "last_quantity", "last_price", "filled_quantity", "quantity", "price", "average_price", "commission",
        "realized_profit", "value", "average_entry_price", "exercise_price", "amount", "fee",
    }
)  # fmt: skip
DIGITS: Final = (38, 18)
"""The digits of a decimal, in all and behind the point. The venue's amounts have eight behind it at most."""

TRUTHS: Final = frozenset({"maker", "reduce_only", "fills_complete"})
BOOLEANS: Final = TRUTHS | {"late"}
AS_TRUTH: Final = {1: True, 0: False}
AS_SQL: Final = {True: 1, False: 0}
"""SQLite has no Booleans."""

BYTES: Final = frozenset({"chain"})
ON_A_TERMINAL: Final = ESCAPED | {ord("\n"): "\\u000a"}
FEW_WORDS: Final = frozenset(
    {
        "kind", "account", "type", "provenance", "symbol", "why", "cause", "unrecoverable", "lost", "side", "status", "order_type",
        "time_in_force", "commission_asset",
    }
)  # fmt: skip
"""Columns in which few texts come again and again. Parquet looks for such itself; with the others that is half its time."""

Batch: TypeAlias = list[tuple[Any, ...]]


def table_of(path: Path, table: str, access: FileAccess | None = None) -> Iterator[tuple[list[str], Batch]]:
    """Column names and rows, some hundred at a time, all of one moment."""
    from listenkey.journal.sqlite.database import told_as_ours
    from listenkey.journal.sqlite.file_access import ALONE
    from listenkey.journal.sqlite.schema import PACKED, VIEWS, selection

    source = f"({selection(table)})" if table in VIEWS else table
    order = "opened_seq" if table == "gaps" else "seq"
    question = PACKED.get(table, f"SELECT * FROM {source} ORDER BY {order}")  # noqa: S608 - one of our own names
    with told_as_ours(path), closing((access or ALONE).connect(path)) as connection:
        connection.execute("BEGIN")
        names = [column[0] for column in connection.execute(f"SELECT * FROM {source} LIMIT 0").description]  # noqa: S608
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
    truth = next(index for index, name in enumerate(names[at:]) if name in TRUTHS)
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


def shown_cell(value: Any) -> Any:
    """The same for a terminal, which must obey nothing in it."""
    shown = cell(value)
    return shown.translate(ON_A_TERMINAL) if isinstance(shown, str) else shown


def to_csv(path: Path, table: str, out: IO[bytes], access: FileAccess | None = None) -> int:
    """Write CSV in UTF-8; how many rows."""
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    shown = shown_cell if out.isatty() else cell
    try:
        writer = csv.writer(text, lineterminator="\n")
        count = 0
        for names, batch in table_of(path, table, access):
            if not batch:
                writer.writerow(names)
            writer.writerows([shown(value) for value in row] for row in batch)
            count += len(batch)
        return count
    finally:
        text.detach()


def to_parquet(path: Path, table: str, out: IO[bytes], access: FileAccess | None = None) -> int:
    """Write Parquet, compressed with zstd; how many rows."""
    arrow = pyarrow()
    from pyarrow import parquet

    def open_writer(schema: Any) -> Any:
        words = [name for name in schema.names if name in FEW_WORDS]
        return parquet.ParquetWriter(out, schema, compression="zstd", use_dictionary=words)

    return _groups(table_of(path, table, access), arrow, open_writer)


def to_arrow(path: Path, table: str, out: IO[bytes], access: FileAccess | None = None) -> int:
    """Write an Arrow IPC file (Feather 2); how many rows."""
    arrow = pyarrow()
    return _groups(table_of(path, table, access), arrow, lambda schema: arrow.ipc.new_file(out, schema))


def _groups(batches: Iterator[tuple[list[str], Batch]], arrow: Any, open_writer: Callable[[Any], Any]) -> int:
    names, _ = next(batches)
    schema = arrow.schema([(name, _type_of(name, arrow)) for name in names], {"pandas": _for_pandas(names)})
    count = 0
    waiting: list[Any] = []
    waiting_rows = 0

    def write() -> None:
        writer.write_table(arrow.Table.from_batches(waiting, schema).combine_chunks())
        waiting.clear()

    with open_writer(schema) as writer:
        for _, batch in batches:
            columns = [
                _column(column, field, arrow) for column, field in zip(zip(*batch, strict=True), schema, strict=True)
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


def _column(values: tuple[Any, ...], field: Any, arrow: Any) -> Any:
    if field.name in BOOLEANS:
        return arrow.array(map(AS_TRUTH.get, values), field.type, size=len(values))
    if field.name not in AMOUNTS:
        return arrow.array(values, field.type)
    texts = arrow.array([value or None for value in values], arrow.string())
    try:
        return texts.cast(field.type)
    except arrow.ArrowInvalid as error:
        raise UsageError(
            f"an amount in {field.name} is none that a decimal of {DIGITS[0]} digits, {DIGITS[1]} of them behind the "
            f"point, can hold ({error}); CSV has every amount as the venue wrote it"
        ) from None


def _type_of(name: str, arrow: Any) -> Any:
    if name.endswith("_ms"):
        return arrow.timestamp("ms", tz="UTC")
    if name in AMOUNTS:
        return arrow.decimal128(*DIGITS)
    if name in BOOLEANS:
        return arrow.bool_()
    if name in WHOLE_NUMBERS:
        return arrow.int64()
    return arrow.binary() if name in BYTES else arrow.string()


def _for_pandas(names: list[str]) -> bytes:
    """
    Return the metadata from which pandas learns the type of each column.

    Without it a column of ids in which one is missing becomes one of doubles, which are other ids above 2**53.
    """
    import msgspec

    kinds = dict.fromkeys(WHOLE_NUMBERS, ("int64", "Int64")) | dict.fromkeys(BOOLEANS, ("bool", "boolean"))
    columns = [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kinds[name][0],
            "numpy_type": kinds[name][1],
            "metadata": None,
        }
        for name in names
        if name in kinds
    ]
    return msgspec.json.encode(
        {"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    )


def pyarrow() -> Any:
    """The package, or what to do to get it."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UsageError("Parquet and Arrow need one more package: python -m pip install pyarrow") from None
    return pa


WRITERS: Final[Mapping[str, Callable[[Path, str, IO[bytes], FileAccess | None], int]]] = {
    "csv": to_csv,
    "parquet": to_parquet,
    "arrow": to_arrow,
}


def to_file(
    path: Path, table: str, kind: str, out: Path, journal: Path | None = None, access: FileAccess | None = None
) -> int:
    """
    Write a file, for its owner alone; one that is there is replaced when the new one is whole. How many rows.

    Args:
        path: What is read.
        table: Of it.
        kind: One of `WRITERS`.
        out: Where to.
        journal: The journal that `path` was made of, if it is another one.
        access: To one account in a file of many.
    """
    with output_file(out, journal or path, replaces=True) as fresh, fresh.open("wb") as file:
        count = WRITERS[kind](path, table, file, access)
        file.flush()
        return count
