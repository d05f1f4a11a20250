"""Write a small file of our own as a whole or not at all, for us alone."""

from __future__ import annotations

import os
from pathlib import Path

from listenkey.journal.files import OWNER_ONLY, synchronise_folder


def write_whole(path: Path, content: bytes) -> None:
    """
    Put a file into the place of another one; after a kill or a power cut there is the old one or the new one.

    Raises:
        OSError: It could not be written; the old one is as it was.
    """
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)  # Of a process that was killed while it wrote.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(beside, flags, OWNER_ONLY), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    synchronise_folder(path.parent)
