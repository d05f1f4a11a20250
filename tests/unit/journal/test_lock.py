from __future__ import annotations

import os
from pathlib import Path

import pytest

from listenkey.errors import Fenced, JournalError
from listenkey.journal.lock import Lock, lock_path, reached_line, read_reached


def test_one_holds_it_and_the_next_is_told_at_once(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    with pytest.raises(Fenced, match="another process"):
        Lock(tmp_path / "a.db")
    held.release()
    held.release()
    Lock(tmp_path / "a.db").release()


def test_two_names_of_one_file_have_one_lock(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    held = Lock(tmp_path / "a.db")
    with pytest.raises(Fenced):
        Lock(tmp_path / "b.db")
    held.release()


def test_it_is_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        held = Lock(tmp_path / "a.db")
    finally:
        os.umask(before)
    assert held.path.stat().st_mode & 0o777 == 0o600
    held.release()


def test_where_it_cant_be_made_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="can't be opened"):
        Lock(tmp_path / "no" / "a.db")
    lock_path(tmp_path / "a.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError):
        Lock(tmp_path / "a.db")


def test_a_lock_whose_file_was_replaced_is_not_held(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    assert held.is_held()
    held.path.unlink()
    assert not held.is_held()
    held.path.touch()
    assert not held.is_held()
    held.release()


def test_it_knows_how_far_the_journal_had_come(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    assert held.reached() == 0
    held.note_reached(41)
    held.note_reached(42)
    assert held.reached() == 42
    held.release()
    held.note_reached(43)  # nobody's any more: not written, and no error
    assert read_reached(lock_path(tmp_path / "a.db").read_bytes()) == 42


def test_it_knows_until_when_the_stream_was_whole(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    assert held.covered_ms() == 0
    held.note_reached(41)
    assert held.covered_ms() == 0
    held.note_reached(42, 1_795_330_000_000)
    assert (held.reached(), held.covered_ms()) == (42, 1_795_330_000_000)
    held.release()


def test_a_number_that_is_not_whole_is_none() -> None:
    line = reached_line(1234)
    assert read_reached(line) == 1234
    for place in range(len(line)):
        assert read_reached(line[:place] + b"7" + line[place + 1 :]) in (
            0,
            1234 if line[place : place + 1] == b"7" else 0,
        )
        assert read_reached(line[:place]) == 0
