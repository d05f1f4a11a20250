"""Files that the user named for output: never one of the journal's, never a special one, and whole when they appear."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from listenkey.errors import JournalError, UsageError
from listenkey.journal.files import ENDINGS, beside, check_folder, identity_of, irregular, synchronise_folder

SQLITE: Final = b"SQLite format 3\0"
BESIDE: Final = (*ENDINGS, "-weight", "-weight~")
"""The endings of the names of all files that belong to a journal."""


class OutputError(JournalError):
    """
    The file that the user named for output can't be written.

    Attributes:
        advice: What to do.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.advice = "check the disk and the path of --out; the journal is as it was"


@contextmanager
def output_file(out: Path, journal: Path, *, replaces: bool) -> Iterator[Path]:
    """
    Give an empty file of a fresh name in the same folder, its owner's alone; it gets the name `out` when all went well.

    Args:
        out: Where the user wants it.
        journal: What is read.
        replaces: Whether a regular file that is there may be replaced; a database never is.

    Raises:
        UsageError: Something is there that must not be replaced.
        JournalError: It can't be written.
    """
    try:
        check_folder(out)
        check_output(out, journal, replaces=replaces)
        descriptor, name = tempfile.mkstemp(prefix=f".{out.name[:100]}.", dir=out.parent)
        os.close(descriptor)
    except JournalError as error:
        raise OutputError(str(error)) from None
    except OSError as error:
        raise OutputError(f"{out} can't be written: {error.strerror or error}") from None
    fresh = Path(name)
    try:
        yield fresh
        with fresh.open("rb+") as written:
            os.fsync(written.fileno())
        check_output(out, journal, replaces=replaces)  # Some time has passed.
        fresh.replace(out)
        synchronise_folder(out.parent)
    except JournalError as error:
        if fresh.name not in str(error):
            raise
        raise OutputError(str(error).replace(str(fresh), str(out))) from None  # Nobody knows the fresh name.
    except OSError as error:
        raise OutputError(f"{out} can't be written: {error.strerror or error}") from None
    finally:
        for ending in ENDINGS:
            with contextlib.suppress(OSError):
                beside(fresh, ending).unlink()


def check_output(out: Path, journal: Path, *, replaces: bool) -> None:
    """
    Check that nothing of ours, and nothing special, has the name.

    Raises:
        UsageError: Something has.
        OSError: The system does not let us look.
    """
    named = Path(os.path.realpath(out.parent)) / out.name
    parts = [beside(Path(os.path.realpath(journal)), ending) for ending in BESIDE]
    try:
        found = out.lstat()
    except FileNotFoundError:
        found = None
    if named in parts or (found and (found.st_dev, found.st_ino) in set(map(identity_of, parts))):
        raise UsageError(f"{out} is one of the journal's own files; name another file")
    if found is None:
        return
    if words := irregular(found.st_mode):
        raise UsageError(f"{out} is {words}; name a regular file, or leave --out away and send stdout where you like")
    if not replaces:
        raise UsageError(f"{out} exists; name a new file")
    with out.open("rb") as file:
        if file.read(len(SQLITE)) == SQLITE:
            raise UsageError(f"{out} is a database, perhaps a journal; remove it first, or name another file")
