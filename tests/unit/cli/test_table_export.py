"""Tables as other programs read them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from listenkey.cli import table_export
from listenkey.cli.commands.journal import TABLES
from listenkey.errors import JournalError, UsageError
from listenkey.items import GapOpened
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import AT_MS, SYMBOL, append, fill, greeks, journal, resting, take, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    async def make() -> None:
        made = journal(tmp_path / "a.db")
        await made.open()
        append(made, *(fill(number) for number in range(1, 31)), greeks(1))
        made.append_told([GapOpened(0, "", AT_MS, "=lost")])
        await take(made, 32)
        await made.aclose()

    asyncio.run(make())
    return tmp_path / "a.db"


def as_csv(path: Path, table: str) -> list[dict[str, str]]:
    out = io.BytesIO()
    count = table_export.to_csv(path, table, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
    assert len(rows) == count
    return rows


def test_csv_has_every_row_and_the_venues_own_amounts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_export, "BATCH_ROWS", 7)
    fills = as_csv(path, "fills")
    assert [row["trade_id"] for row in fills] == [str(number) for number in range(1, 31)]
    assert fills[0]["commission"] == "-0.07320000"
    assert len(as_csv(path, "items")) == 32


def test_what_a_spreadsheet_would_run_is_a_text(path: Path) -> None:
    assert as_csv(path, "fills")[0]["client_order_id"] == "'=1+1"
    assert as_csv(path, "gaps")[0]["why"] == "'=lost"
    for text in ("=1", "+x", "-2+3", "@a", "\tx", "\r=1"):
        assert table_export.cell(text) == "'" + text
    for value in ("-0.5", "+1", "plain", "", 5, None):
        assert table_export.cell(value) == value
    assert table_export.cell(b"\x01\xff") == "01ff"


@pytest.mark.parametrize("table", TABLES)
def test_parquet_and_arrow_hold_the_same(table: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    from pyarrow import ipc

    monkeypatch.setattr(table_export, "BATCH_ROWS", 7)
    counts = [table_export.to_file(path, table, kind, path.with_name(f"t.{kind}")) for kind in ("parquet", "arrow")]
    one = parquet.read_table(path.with_name("t.parquet"))
    other = ipc.open_file(str(path.with_name("t.arrow"))).read_all()
    assert one.equals(other)
    assert counts == [one.num_rows] * 2 == [len(as_csv(path, table))] * 2
    if table == "fills":
        assert one.column("order_id").to_pylist()[0] == 4611875134427365378
        assert one.column("commission").to_pylist()[0] == Decimal("-0.0732")
        assert one.column("maker").to_pylist()[0] is True
        assert one.column("trade_time_ms").to_pylist()[0] == datetime(2026, 11, 22, 6, 46, 40, tzinfo=UTC)
        kinds = {name: str(one.schema.field(name).type) for name in ("last_price", "received_ms", "late", "trade_id")}
        assert kinds == {
            "last_price": "decimal128(38, 18)",
            "received_ms": "timestamp[ms, tz=UTC]",
            "late": "bool",
            "trade_id": "int64",
        }


def test_a_damaged_text_keeps_no_row_from_being_exported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_export, "BATCH_ROWS", 7)
    whole = as_csv(path, "items")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE items SET why = CAST(x'ff' AS TEXT) WHERE seq = 20")
    connection.commit()
    connection.close()
    rows = as_csv(path, "items")
    assert rows[19].pop("why") == "\N{REPLACEMENT CHARACTER}"
    assert whole[19].pop("why") == ""
    assert rows == whole


def test_a_file_of_many_groups_has_every_row_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    monkeypatch.setattr(table_export, "BATCH_ROWS", 3)
    monkeypatch.setattr(table_export, "GROUP_ROWS", 10)
    assert table_export.to_file(path, "items", "parquet", path.with_name("t.parquet")) == 32
    assert parquet.ParquetFile(path.with_name("t.parquet")).num_row_groups == 3
    assert parquet.read_table(path.with_name("t.parquet")).column("seq").to_pylist() == list(range(1, 33))


@pytest.mark.parametrize("table", ["fills", "orders"])
def test_what_is_exported_is_what_the_view_shows(table: str, tmp_path: Path) -> None:
    async def make() -> None:
        made = journal(tmp_path / "a.db")
        await made.open()
        append(made, resting(1), fill(1), resting(2), fill(3).replace(b'"m":true', b'"m":false'), greeks(1))
        odd = fill(4).replace(b'"q":', b'"l":"9","q":')
        twice = fill(5).replace(b'"c":"=1+1"', b'"c":"\\u00e9\\n\\"x"')
        append(made, odd, twice)
        rest = trade_row(6, AT_MS, 9)
        made.append_event(rest.fill, rest.raw, AT_MS, "rest", late=True)
        made.append_event(order_row(7, "FILLED", "1", AT_MS).order, b"{}", AT_MS, "rest")
        await take(made, 9)
        await made.aclose()

    asyncio.run(make())
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("UPDATE items SET raw = NULL WHERE seq = 2")
    connection.commit()
    batches = list(table_export.table_of(tmp_path / "a.db", table))
    shown = connection.execute(f"SELECT * FROM {table} ORDER BY seq")
    assert [names for names, _ in batches] == [[column[0] for column in shown.description]] * len(batches)
    rows = shown.fetchall()
    connection.close()
    found = [row for _, batch in batches for row in batch]
    assert [[(type(value), value) for value in row] for row in found] == [
        [(type(value), value) for value in row] for row in rows
    ]
    assert len(rows) >= 5


def test_without_the_package_it_says_how_to_get_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for kind in ("parquet", "arrow"):
        with pytest.raises(UsageError, match=r"pip install pyarrow"):
            table_export.to_file(path, "fills", kind, path.with_name("t"))
    assert list(path.parent.glob("t*")) == []


def test_a_file_is_its_owners_alone_and_replaced_when_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = path.with_name("fills.csv")
    out.write_text("old")
    broken: Callable[..., int] = lambda *_: 1 // 0  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(table_export, "WRITERS", {"csv": broken})
        with pytest.raises(ZeroDivisionError):
            table_export.to_file(path, "fills", "csv", out)
    assert out.read_text() == "old"
    table_export.to_file(path, "fills", "csv", out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in path.parent.iterdir() if "csv" in one.name) == ["fills.csv"]
    with pytest.raises(JournalError, match="no does not exist"):
        table_export.to_file(path, "fills", "csv", path.with_name("no") / "x.csv")


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_ids_stay_whole_numbers_in_pandas_where_some_are_missing(kind: str, path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="2026-11-30: pandas is not installed")
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    out = path.with_name(f"t.{kind}")
    table_export.to_file(path, "items", kind, out)
    read = pandas.read_parquet(out) if kind == "parquet" else pandas.read_feather(out)
    assert str(read["order_id"].dtype) == str(read["trade_id"].dtype) == "Int64"
    assert str(read["late"].dtype) == "boolean"
    assert read["order_id"].isna().any()
    assert 4611875134427365378 in set(read["order_id"].dropna())


def test_an_amount_that_no_decimal_holds_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    asyncio.run(written(tmp_path / "a.db", [fill(1).replace(b'"3660.000"', b'"0.0000000000000000000000001"')]))
    with pytest.raises(UsageError, match="CSV has every amount as the venue wrote it"):
        table_export.to_file(tmp_path / "a.db", "fills", "parquet", tmp_path / "t.parquet")
    assert table_export.to_file(tmp_path / "a.db", "fills", "csv", tmp_path / "t.csv") == 1
    assert list(tmp_path.glob(".t*")) == []


def test_amounts_with_an_exponent_or_without_a_value_are_amounts(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    asyncio.run(
        written(
            tmp_path / "a.db", [fill(1).replace(b'"n":"-0.07320000"', b'"n":"0E-8"').replace(b'"rp":"1.5"', b'"rp":""')]
        )
    )
    table_export.to_file(tmp_path / "a.db", "fills", "parquet", tmp_path / "t.parquet")
    row = parquet.read_table(tmp_path / "t.parquet").to_pylist()[0]
    assert (row["commission"], row["realized_profit"]) == (Decimal(0), None)


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_obeys_nothing_in_a_cell(tmp_path: Path) -> None:
    symbol = "A\x1b]0;x\x07\x9b\u202e\nB"
    raw = fill(1).replace(SYMBOL.encode(), json.dumps(symbol)[1:-1].encode())
    asyncio.run(written(tmp_path / "a.db", [raw]))
    shown, piped = Terminal(), io.BytesIO()
    table_export.to_csv(tmp_path / "a.db", "fills", shown)
    table_export.to_csv(tmp_path / "a.db", "fills", piped)
    assert "A\\u001b]0;x\\u0007\\u009b\\u202e\\u000aB" in shown.getvalue().decode()
    assert symbol in piped.getvalue().decode()
