from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from listenkey.errors import Fenced, JournalError
from listenkey.journal.sqlite import lock
from listenkey.journal.sqlite.lock import Lock, lock_path, reached_line, read_reached


def test_one_holds_it_and_the_next_is_told_at_once(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    with pytest.raises(Fenced, match=rf"another stream of this process writes .*process {os.getpid()}"):
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


def test_a_lock_whose_file_was_replaced_is_known(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    assert not held.is_replaced()
    held.path.unlink()
    assert not held.is_replaced()
    held.path.touch()
    assert held.is_replaced()
    held.release()


def test_a_lock_that_is_gone_is_made_again_with_what_it_held(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    held.note_reached(41, 7)
    held.note_inode(5)
    assert not held.is_gone()
    held.make_anew()
    assert not held.is_replaced(), "it was there"
    held.path.unlink()
    assert held.is_gone()
    held.make_anew()
    assert not held.is_gone()
    assert not held.is_replaced()
    assert (held.reached(), held.covered_ms(), held.inode()) == (41, 7, 5)
    with pytest.raises(Fenced, match=rf"process {os.getpid()}"):
        Lock(tmp_path / "a.db")
    held.release()


def test_a_lock_is_made_again_although_there_is_no_room_for_what_it_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Lock(tmp_path / "a.db")
    held.note_reached(41, 7)
    held.path.unlink()

    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.pwrite", fails)
        held.make_anew()
    assert not held.is_replaced(), "it is ours, and nobody else's"
    assert held.reached() == 0, "too low is allowed"
    with pytest.raises(Fenced):
        Lock(tmp_path / "a.db")
    held.release()


def test_a_lock_that_another_process_takes_first_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Lock(tmp_path / "a.db")
    held.path.unlink()

    def fails(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("fcntl.flock", fails)
    held.make_anew()
    assert held.is_replaced()
    held.release()


def test_a_lock_that_cant_be_looked_at_was_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Lock(tmp_path / "a.db")

    def fails(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(lock, "identity_of", fails)
    assert not held.is_replaced()
    assert not held.is_gone()
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


def test_a_forked_child_gives_its_copy_back(tmp_path: Path) -> None:
    """A worker that outlives its parent must not keep the next process out."""
    script = """
import os, sys
from pathlib import Path
from listenkey.journal.sqlite.lock import Lock
held = Lock(Path(sys.argv[1]))
if os.fork() == 0:  # the worker: lives until it is told to end
    print("worker", flush=True)
    os.read(0, 1)
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "a.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"worker\n"
        assert parent.wait(20) == -9
        Lock(tmp_path / "a.db").release()
        parent.communicate(b"x", timeout=20)


def test_a_second_process_is_told_which_one_writes(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from listenkey.journal.sqlite.lock import Lock; Lock(Path(sys.argv[1]))"
    )
    held = Lock(tmp_path / "a.db")
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.db")], check=False, capture_output=True, text=True
    )
    assert f"Fenced: another process writes to the journal {tmp_path}/a.db (process {os.getpid()})" in told.stderr
    held.release()


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("flock", errno.ENOLCK, r"can't be held: No locks available; keep the journal on a local disk"),
        ("fchmod", errno.EPERM, "can't be made its owner's alone: Operation not permitted"),
    ],
)
def test_what_the_system_says_is_told_and_is_no_other_process(
    call: str, code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_path(tmp_path / "a.db").touch(0o644)

    def fails(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(fcntl if call == "flock" else os, call, fails)
        with pytest.raises(JournalError, match=words) as caught:
            Lock(tmp_path / "a.db")
        assert type(caught.value) is JournalError
    Lock(tmp_path / "a.db").release()


def test_a_number_that_no_journal_reaches_is_none() -> None:
    assert read_reached(reached_line(2**63 - 1)) == 2**63 - 1
    assert read_reached(reached_line(2**63)) == 0


def test_what_a_fork_calls_in_the_child_closes_every_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_HELD", weakref.WeakSet())
    copies = [Lock(tmp_path / name) for name in ("a.db", "b.db")]
    lock._release_in_child()
    for copy in copies:
        Lock(copy.path.with_name(copy.path.name.removesuffix("-lock"))).release()


def test_notes_behind_the_lines_are_kept_and_a_file_that_cant_be_read_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Lock(tmp_path / "a.db")
    held.note_more(5, b"notes")
    held.note_reached(7)
    assert held.more() == bytes(5) + b"notes"
    held.path.unlink()
    held.make_anew()
    assert (held.more(), held.reached()) == (bytes(5) + b"notes", 7)

    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.pread", fails)
    monkeypatch.setattr("os.pwrite", fails)
    held.note_more(0, b"more")
    assert held.more() == b""
    held.release()
