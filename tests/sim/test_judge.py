"""The judge is judged: it says nothing of a journal that is right, and finds each thing that can be wrong."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from listenkey import GapClosed, Live, OrderTradeUpdate, Update, UserStream
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.testing import LocalSandbox
from listenkey.wire.json_lines import to_line
from sim.judge import wrongs


class Case(NamedTuple):
    ledger: dict[str, Any]
    journal: Path
    shown: list[bytes]

    def wrongs(self, *, settled: bool = True) -> list[str]:
        return wrongs(self.ledger, self.journal, self.shown, settled=settled)

    def change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.journal)) as connection, connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A journal with fills of both sources: from the socket, and, after a restart, from REST."""
    path = tmp_path_factory.mktemp("right") / "a.db"
    with LocalSandbox() as sandbox:
        stream = {"api_key": sandbox.api_key, "api_secret": sandbox.api_secret, "venue": sandbox.venue}
        with UserStream.blocking(**stream, journal=path) as first:  # type: ignore[arg-type]
            fills = 0
            for item in first:
                if isinstance(item, Live):
                    sandbox.burst(10)
                fills += isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.is_fill
                if fills == 10:
                    break
        sandbox.burst(4)
        with UserStream.blocking(**stream, journal=path) as second:  # type: ignore[arg-type]
            assert any(isinstance(item, GapClosed) for item in second)
        ledger = json.loads(json.dumps(sandbox.ledger()))
    reader = JournalReader(path)
    shown = [to_line(item) for item in reader.read(0)]
    reader.close()
    assert len(ledger["fills"]) == 14
    return Case(ledger, path, shown)


@pytest.fixture
def case(right: Case, tmp_path: Path) -> Case:
    shutil.copy(right.journal, tmp_path / "a.db")
    return Case(json.loads(json.dumps(right.ledger)), tmp_path / "a.db", list(right.shown))


def test_what_is_right_is_left_alone(case: Case) -> None:
    assert case.wrongs() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM items WHERE seq = (SELECT max(seq) FROM fills)", "fills are missing"),
        ("DELETE FROM items WHERE kind = 'gap_closed'", "never closed"),
        ("DELETE FROM items WHERE kind = 'gap_opened'", "that nobody opened"),
        ("UPDATE items SET recovered = recovered + 1 WHERE kind = 'gap_closed'", "were brought back"),
        ("UPDATE items SET event = replace(event, ':4', ':3') WHERE kind = 'gap_closed'", "were brought back"),
        ("UPDATE items SET from_ms = from_ms + 1 WHERE kind = 'gap_closed'", "what was open from"),
        ("UPDATE items SET raw = replace(raw, '\"0.0', '\"0.00') WHERE trade_id = 1", "differs from the ledger"),
        ("UPDATE items SET trade_id = NULL WHERE seq = (SELECT max(seq) FROM fills)", "its column says otherwise"),
        ("UPDATE items SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM items)", "comes item"),
        ("UPDATE items SET why = 'x' WHERE kind = 'gap_opened'", "what its checksum says"),
        ("UPDATE items SET chain = zeroblob(16) WHERE seq = 3", "does not follow"),
        ("UPDATE items SET provenance = 'ws+rest' WHERE seq = 2", "shown as something else"),
        ("UPDATE items SET kind = 'live' WHERE seq = 2", "shown as something else"),
    ],
)
def test_a_change_is_found(case: Case, change: str, said: str) -> None:
    case.change(change)
    assert any(said in one for one in case.wrongs()), case.wrongs()


def test_a_fill_that_comes_again_or_in_another_order_is_found(case: Case) -> None:
    columns = "kind, account, received_ms, type, provenance, late, event_ms, symbol, order_id, trade_id, event, raw"
    case.change(
        "DROP INDEX items_fill",
        f"INSERT INTO items(seq, {columns}, crc32, chain) SELECT seq + 1000, {columns}, crc32, chain "
        "FROM items WHERE seq = (SELECT min(seq) FROM fills)",
    )
    said = " ".join(case.wrongs(settled=False))
    assert "is there twice" in said
    assert "not flagged late" in said


def test_a_fill_that_never_happened_is_found(case: Case) -> None:
    case.ledger["fills"].pop()
    assert any("never happened" in one for one in case.wrongs(settled=False))


def test_an_order_that_does_not_add_up_is_found(case: Case) -> None:
    case.ledger["fills"][-1]["filled_quantity"] = "9999"
    said = " ".join(case.wrongs())
    assert "and it has 9999" in said
    assert "differs from the ledger in filled_quantity" in said


def test_a_step_that_an_order_never_took_is_found(case: Case) -> None:
    case.ledger["orders"] = [row for row in case.ledger["orders"] if row["status"] != "FILLED"]
    assert any("which it never was" in one for one in case.wrongs())


def test_an_order_whose_last_step_was_not_told_is_found(case: Case) -> None:
    assert wrongs(case.ledger, case.journal, case.shown, steps=True) == []
    last = dict(case.ledger["orders"][-1], status="CANCELED")
    case.ledger["orders"].append(last)
    assert any("the last that was told of it" in one for one in wrongs(case.ledger, case.journal, steps=True))


def test_two_contracts_may_give_the_same_order_id(case: Case) -> None:
    fill = dict(case.ledger["fills"][-1])
    other = dict(fill, symbol="ETH-261225-3000-P", filled_quantity="9999")
    case.ledger["fills"].append(other)
    assert [one for one in case.wrongs() if "9999" in one] == []


def test_what_was_shown_and_is_gone_is_found(case: Case) -> None:
    gone = dict(json.loads(case.shown[-1]), seq=9000)
    case.shown.append(json.dumps(gone).encode())
    assert case.wrongs() == ["item 9000 was shown and is gone"]
    case.shown.append(case.shown[0])
    assert "item 1 was shown again, after item 9000" in case.wrongs()


def test_rest_outside_of_a_gap_is_found(case: Case) -> None:
    case.change("DELETE FROM items WHERE kind LIKE 'gap%'")
    assert any("outside of a gap" in one for one in case.wrongs())


def test_a_process_that_was_killed_may_miss_but_not_invent(case: Case) -> None:
    with closing(sqlite3.connect(case.journal)) as connection, connection:
        connection.execute("DELETE FROM items WHERE seq > 20")
    case.shown[20:] = []
    assert case.wrongs(settled=False) == []
    assert len(case.wrongs()) > 0
