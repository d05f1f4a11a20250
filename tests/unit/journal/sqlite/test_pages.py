from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from listenkey.journal.files import beside
from listenkey.journal.sqlite.pages import Pages, record, varint

VALUES: list[tuple[Any, ...]] = [
    (1, None, "text", b"\x00blob", 1.5, 0),
    (2, 1, -1, 127, -128, 300),
    (3, 70_000, -8_000_000, 2**31 - 1, 2**40, -(2**47)),
    (4, 2**62, -(2**63), "é" * 3_000, b"x" * 50_000, ""),
    (2**62, 5, 6, 7, 8, 9),
    (-5, 5, 6, 7, 8, 9),
]


@pytest.mark.parametrize("page_bytes", [512, 1024, 4096, 65536])
@pytest.mark.parametrize("in_log", [False, True])
def test_every_row_of_a_table_is_found_page_by_page(page_bytes: int, in_log: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    made = sqlite3.connect(path, isolation_level=None)
    made.execute(f"PRAGMA page_size={page_bytes}")
    made.execute(f"PRAGMA journal_mode={'WAL' if in_log else 'DELETE'}")
    made.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c, d, e)")
    made.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", VALUES)
    with closing(Pages(path, beside(path, "-wal"))) as pages:
        assert pages.page_bytes == page_bytes
        looked = list(pages)
        found = [(number, *values[1:]) for _, cells in looked for number, values in cells if len(values) == 6]
        assert sum(size for size, _ in looked) <= pages.size_bytes
    made.close()
    assert sorted(found, key=str) == sorted(VALUES, key=str)


def test_frames_of_a_log_that_was_begun_anew_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA journal_mode=WAL")
    made.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
    for number in range(5):
        made.execute("INSERT INTO t VALUES (1, ?) ON CONFLICT DO UPDATE SET a = excluded.a", (f"old {number}",))
    made.execute("PRAGMA wal_checkpoint(RESTART)")
    made.execute("UPDATE t SET a = 'new'")
    with closing(Pages(path, beside(path, "-wal"))) as pages:
        found = [values[1] for _, cells in pages for _, values in cells if len(values) == 2]
    made.close()
    assert found == ["old 4", "new"]


def test_damage_anywhere_raises_nothing_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("PRAGMA page_size=512")
    made.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c, d, e)")
    made.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", VALUES)
    made.close()
    good = path.read_bytes()
    for at in range(100, 2_000):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        with closing(Pages(path, beside(path, "-wal"))) as pages:
            for _ in pages:
                pass
    for size in (0, 50, 700):
        path.write_bytes(good[:size])
        with closing(Pages(path, beside(path, "-wal"))) as pages:
            assert len(list(pages)) == size // pages.page_bytes


def test_a_log_that_is_special_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(bytes(5000))
    (tmp_path / "a.db-wal").mkdir()
    with pytest.raises(OSError, match="a folder"):
        Pages(tmp_path / "a.db", tmp_path / "a.db-wal")


def test_numbers_of_every_length() -> None:
    assert varint(b"\x7f", 0) == (127, 1)
    assert varint(b"\x81\x00", 0) == (128, 2)
    assert varint(b"\xff" * 9, 0) == (-1, 9)
    with pytest.raises(IndexError):
        varint(b"\x81", 0)


@pytest.mark.parametrize("payload", [b"\x02\x0a", b"\x02\x0b", b"\x03\x01", b"\x02\x01", b"\x02\x07\x00"])
def test_what_is_no_record_is_none(payload: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        record(payload)
    assert record(b"\x02\x07" + struct.pack(">d", 0.5)) == [0.5]
