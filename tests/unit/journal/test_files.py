from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.journal import files
from listenkey.journal.files import (
    ENDINGS,
    beside,
    check_files,
    check_folder,
    identity_of,
    irregular,
    is_there,
    make_private,
    mount_of,
    open_regular,
    size_of,
    synchronise_folder,
)
from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT

MOUNTS = shutil.which("unshare") is not None and (
    subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
)
needs_mounts = pytest.mark.skipif(not MOUNTS, reason="2026-11-30: needs root, to mount in a namespace of its own")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    store.close()
    return tmp_path / "a.db"


def make_special(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    match kind:
        case "a FIFO":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "a symbolic link":
            path.symlink_to("/dev/null")
        case "a socket":
            with socket.socket(socket.AF_UNIX) as made:
                here = Path.cwd()
                os.chdir(path.parent)  # The path of a socket may not be long.
                try:
                    made.bind(path.name)
                finally:
                    os.chdir(here)


@pytest.mark.parametrize("kind", ["a FIFO", "a folder", "a symbolic link", "a socket"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_special_file_in_place_of_one_of_ours_is_refused_and_waits_for_nobody(
    kind: str, ending: str, path: Path
) -> None:
    make_special(beside(path, ending), kind)
    for opening in (lambda: Store(path, ACCOUNT).open(), lambda: open_reader(path)):
        with pytest.raises(UsageError, match=f"a.db{ending} is {kind}, and no file of a journal"):
            opening()
    with pytest.raises(OSError, match="no regular file"):
        open_regular(beside(path, ending), os.O_RDWR | os.O_CREAT)


def test_a_file_that_is_swapped_while_it_is_opened_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "x")
    looked_at = tmp_path.joinpath("regular")
    looked_at.touch()
    regular = looked_at.lstat()
    monkeypatch.setattr(os, "lstat", lambda _: regular)
    before = set(Path("/proc/self/fd").iterdir()) if sys.platform == "linux" else set()
    with pytest.raises(OSError, match="a FIFO"):
        open_regular(tmp_path / "x", os.O_RDONLY)
    if sys.platform == "linux":
        assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_file_that_is_to_be_made_is_no_one_that_is_there(tmp_path: Path) -> None:
    made = tmp_path / "x"
    os.close(open_regular(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    assert made.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        open_regular(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def test_every_kind_has_words() -> None:
    assert irregular(0o100600) is None
    assert irregular(0o020600) == irregular(0o060600) == "a device"
    assert irregular(0) == "a special file"


def test_a_file_of_another_mount_than_its_folder_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "mount_of", lambda one: "29" if one.is_dir() else "30")
    with pytest.raises(UsageError, match=f"a.db is mounted by itself, .*; mount the folder {path.parent} instead"):
        check_files(path)


@needs_mounts
@pytest.mark.parametrize("ending", ["", "-wal", "-lock"])
def test_a_file_that_is_mounted_by_itself_is_refused(ending: str, path: Path) -> None:
    """As `docker run -v fills.db:/data/fills.db` does: the log would stay in the container, and go with it."""
    beside(path, ending).touch()
    script = (
        "import sys; from pathlib import Path; from listenkey.journal.sqlite.store import Store\n"
        "from listenkey.journal.sqlite.database import open_reader; from listenkey.errors import UsageError\n"
        "for opening in (lambda: Store(Path(sys.argv[1]), 'a3f1').open(), lambda: open_reader(Path(sys.argv[1]))):\n"
        "    try: opening()\n"
        "    except UsageError as error: print(error)\n"
    )
    inside = path.parent / "inside"
    inside.mkdir()
    for end in ("", ending):
        shutil.copy(beside(path, end), beside(inside / "a.db", end))
    mount = f'mount --bind "{beside(path, ending)}" "{beside(inside / "a.db", ending)}" && "$0" -c "$1" "$2"'
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, sys.executable, script, str(inside / "a.db")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    line = f"a.db{ending} is mounted by itself, .*mount the folder {inside} instead"
    assert len(told.stdout.splitlines()) == 2, told
    for words in told.stdout.splitlines():
        with pytest.raises(UsageError, match=line):
            raise UsageError(words)


@needs_mounts
def test_a_folder_that_is_mounted_is_a_place_for_a_journal(path: Path) -> None:
    script = "import sys; from pathlib import Path; from listenkey.journal.sqlite.store import Store\n"
    script += "Store(Path(sys.argv[1]), 'a3f1').open(); print('open')"
    inside = path.parent / "inside"
    inside.mkdir()
    mount = f'mount --bind "{path.parent}" "{inside}" && "$0" -c "$1" "$2"'
    told = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, sys.executable, script, str(inside / "a.db")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert told.stdout == "open\n"


def test_where_the_system_does_not_tell_mounts_nothing_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mount_of(path.with_name("nothing")) is None
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "darwin")
        assert mount_of(path) is None
        check_files(path)

    def fails(*_: object) -> str:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "read_text", fails)
    assert mount_of(path) is None
    check_files(path)


def test_a_look_that_is_refused_is_an_error_of_ours(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_there(path)
    assert not is_there(path.with_name("nothing"))
    assert not is_there(path / "below a file")
    check_files(path / "below a file")
    assert identity_of(path / "below a file") is None

    def fails(*_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "lstat", fails)
    for look in (is_there, check_files):
        with pytest.raises(JournalError, match="can't be looked at: Permission denied"):
            look(path)
    monkeypatch.setattr(Path, "stat", fails)
    assert size_of(path) == 0


def test_files_that_were_open_to_others_are_closed_to_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_private(path) is None
    path.chmod(0o644)
    beside(path, "-wal").touch(0o666)
    beside(path, "-wal").chmod(0o660)
    assert make_private(path) == "closed to other users of this machine: a.db (0644), a.db-wal (0660)"
    assert {one.stat().st_mode & 0o777 for one in path.parent.iterdir()} == {0o600}
    path.chmod(0o640)

    def fails(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", fails)
    assert "is open to other users of this machine, and can't be closed to them: Operation" in str(make_private(path))


@pytest.mark.parametrize(("code", "is_an_error"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_that_has_nothing_to_synchronise_for_a_folder_is_no_error(
    code: int, is_an_error: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(code, os.strerror(code))

    synchronise_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", fails)
    if is_an_error:
        with pytest.raises(OSError, match="Input/output"):
            synchronise_folder(tmp_path)
        with pytest.raises(JournalError, match=r"a.db can't be made: Input/output error"):
            Store(tmp_path / "a.db", ACCOUNT).open()
        assert not (tmp_path / "a.db").exists(), "the next one that makes it has to synchronise the folder as well"
    else:
        synchronise_folder(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_folder(tmp_path / "a.db")
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=f"^the folder {tmp_path}/no does not exist; make it, or give another path$"):
        check_folder(tmp_path / "no" / "a.db")
    with pytest.raises(JournalError, match="file/no does not exist"):
        check_folder(tmp_path / "file" / "no" / "a.db")
    with pytest.raises(JournalError, match="file is no folder; give another path"):
        check_folder(tmp_path / "file" / "a.db")

    def refused(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refused)
    check_folder(tmp_path / "no" / "a.db")
