from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.journal.sqlite import backup as module
from listenkey.journal.sqlite.backup import back_up
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import ACCOUNT, broken, fill, group, rows, seqs


def test_a_copy_is_of_one_moment_however_much_is_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP_PAGES", 1)
    store, copy = Store(tmp_path / "a.db", ACCOUNT), tmp_path / "copy.db"
    store.open()
    store.write(group(*rows([fill(number) for number in range(1, 101)], store)))
    head = store.chain.hex()
    steps: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        store.write(group(*rows([fill(100 + len(steps))], store)))

    back_up(tmp_path / "a.db", copy, progress)
    assert len(steps) == steps[-1][0] == steps[-1][1] > 10, "it never began anew"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("copy")] == ["copy.db"]
    found = verify_journal(copy)
    assert (found.whole, found.items, found.head) == (True, 100, head)
    store.close()
    assert seqs(copy) == list(range(1, 101))


def test_what_cant_be_copied_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no journal at"):
        back_up(tmp_path / "a.db", tmp_path / "copy.db", lambda *_: None)
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    other = sqlite3.connect(tmp_path / "copy.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE x(y)")
    with pytest.raises(OSError, match="unable to open database file"):
        back_up(tmp_path / "a.db", tmp_path / "no" / "copy.db", lambda *_: None)
    other.close()


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("SQLITE_FULL", OSError, "No space left on device: '.*copy.db'"),
        ("SQLITE_IOERR_WRITE", OSError, "disk I/O error: '.*copy.db'"),
        ("SQLITE_IOERR_READ", JournalError, "the journal .*a.db: disk I/O error"),
        ("SQLITE_CORRUPT", JournalError, "the journal .*a.db is damaged"),
    ],
)
def test_a_disk_that_fails_is_told_of_the_file_that_lies_on_it(
    name: str, kind: type[Exception], told: str, tmp_path: Path
) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()

    def fails(*_: int) -> None:
        raise broken(name)

    with pytest.raises(kind, match=told):
        back_up(tmp_path / "a.db", tmp_path / "copy.db", fails)
