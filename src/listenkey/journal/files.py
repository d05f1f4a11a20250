"""
The files of a journal: only regular ones are opened, without waiting, and all of them lie in one folder of one mount.

SQLite and the lock make files beside the database whose names begin with its name. A FIFO under one of these names would
hold the process for ever. A database that is mounted into a container as a single file leaves its log behind when the
container ends, and with it whatever the log held.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from listenkey.errors import JournalError, UsageError

ENDINGS: Final = ("", "-wal", "-shm", "-journal", "-lock")
"""The endings of the names of a journal's files, after the name of the database."""

OWNER_ONLY: Final = 0o600

Identity: TypeAlias = tuple[int, int]


class FileState(NamedTuple):
    """
    A file at a moment.

    Attributes:
        identity: Constant while it is the same file.
        content: Its size, and when it was last written to in nanoseconds; another one after whatever was written.
    """

    identity: Identity
    content: tuple[int, int]


_WITHOUT_WAITING: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


_NOTHING_TO_SYNCHRONISE: Final = frozenset({errno.EINVAL, errno.ENOTSUP})


def beside(journal: Path, ending: str) -> Path:
    """Return the path of the journal's file with this ending."""
    return journal.with_name(journal.name + ending)


def irregular(mode: int) -> str | None:
    """Name the kind of a file that is no regular file; else None."""
    return None if stat.S_ISREG(mode) else next((words for is_kind, words in _KINDS if is_kind(mode)), "a special file")


def open_regular(path: str | Path, flags: int, mode: int = OWNER_ONLY) -> int:
    """
    Open a regular file, without waiting and without following a link; return its descriptor.

    Args:
        path: Its path.
        flags: As for `os.open`. Of these, O_TRUNC would empty a file before it is known to be one of ours: leave it out.
        mode: The permissions of a new file.

    Raises:
        OSError: The system refuses, or something other than a regular file has this name.
    """
    if flags & os.O_EXCL:  # It is made here, or not at all.
        return os.open(path, flags | _WITHOUT_WAITING, mode)
    demand_regular(path)
    descriptor = os.open(path, flags | _WITHOUT_WAITING, mode)
    try:
        _demand_regular(path, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def demand_regular(path: str | Path) -> None:
    """Raise OSError where something other than a regular file has this name; nothing may have it."""
    with contextlib.suppress(FileNotFoundError):
        _demand_regular(path, os.lstat(path).st_mode)


def _demand_regular(path: str | Path, mode: int) -> None:
    if words := irregular(mode):
        raise OSError(errno.EINVAL, f"it is {words}, and no regular file", os.fspath(path))


def check_folder(path: Path) -> None:
    """
    Check that the folder of a file that is to be made is there.

    Raises:
        JournalError: It is not.
    """
    folder = path.parent
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise JournalError(f"the folder {folder} does not exist; make it, or give another path") from None
    except OSError:
        return  # Opening the file will tell.
    if not is_folder:
        raise JournalError(f"{folder} is no folder; give another path")


def check_files(journal: Path) -> None:
    """
    Check that each of the journal's files that exist is a regular file, in the mount of its folder.

    Raises:
        UsageError: One is no regular file, or is mounted by itself.
        JournalError: One can't be looked at.
    """
    mount = mount_of(journal.parent)
    for ending in ENDINGS:
        path = beside(journal, ending)
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise JournalError(f"the journal {journal} can't be looked at: {error.strerror}") from None
        if words := irregular(mode):
            raise UsageError(f"{path} is {words}, and no file of a journal; take it away, or give another journal")
        if mount_of(path) != mount:
            raise UsageError(
                f"{path} is mounted by itself, so the files that belong to it would stay outside; "
                f"mount the folder {journal.parent} instead"
            )


def identity_of(path: Path) -> Identity | None:
    """
    Return the identity of a file, constant while it is the same file; None where none has this name.

    Raises:
        OSError: The system does not let us look.
    """
    found = state_of(path)
    return None if found is None else found.identity


def state_of(path: Path) -> FileState | None:
    """
    Return the identity of a file and the marks of what is in it; None where none has this name.

    Raises:
        OSError: The system does not let us look.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before each write
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileState((found.st_dev, found.st_ino), (found.st_size, found.st_mtime_ns))


def make_private(journal: Path) -> str | None:
    """
    Take other users' rights to the journal's files away, as after a copy that was made with another mask.

    Returns:
        What was found and done, in words; None where nothing was open to others.
    """
    opened = []
    for ending in ENDINGS:
        path = beside(journal, ending)
        try:
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 == 0:
                continue
            # By its name: to close a descriptor of the file would give back the locks that SQLite holds on it.
            path.chmod(mode & ~0o077)
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{path} is open to other users of this machine, and can't be closed to them: {error.strerror}"
        opened.append(f"{path.name} ({mode:04o})")
    return f"closed to other users of this machine: {', '.join(opened)}" if opened else None


def mount_of(path: Path) -> str | None:
    """
    Return which mount a file or folder belongs to; None where the system does not say.

    Device numbers do not tell: a file that is mounted by itself from the same disk has the same one.
    """
    if sys.platform != "linux":
        return None
    try:
        # O_PATH opens nothing: to close it gives back none of the locks that SQLite holds on the same file.
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text("ascii").splitlines()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return next((line.removeprefix("mnt_id:").strip() for line in lines if line.startswith("mnt_id:")), None)


def is_there(path: Path) -> bool:
    """
    Tell whether something has this name.

    Raises:
        JournalError: The system does not let us look.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise JournalError(f"{path} can't be looked at: {error.strerror}") from None
    return True


def size_of(path: Path) -> int:
    """Return how many bytes a file holds; 0 where there is none, or none that can be looked at."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def synchronise_folder(folder: Path) -> None:
    """
    Write a folder's names to the disk.

    A file whose name was never written to the disk is gone after a power cut, whatever was synchronised into it.
    Some file systems, mostly of networks and FUSE, have nothing to synchronise for a folder and say that the question
    makes no sense. PostgreSQL takes that for an answer, and so do we: such a system either keeps names by itself, or no
    call would make it.

    Raises:
        OSError: It could not be written.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOTHING_TO_SYNCHRONISE:
            raise
    finally:
        os.close(descriptor)
