"""Hold the folder of a gateway: a second one would forget what the first one's users add, and show another token."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from listenkey.errors import Fenced, JournalError
from listenkey.journal.files import open_regular

FILE: Final = "gateway-lock"
PID_BYTES_MAX: Final = 20


class HeldFolder:
    """
    A folder that one gateway holds, until `release` or the end of its process.

    Args:
        folder: The folder; made, for us alone, where it is missing.

    Raises:
        Fenced: Another gateway holds it.
        JournalError: It can't be made or written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            reason = error.strerror
        else:
            self._descriptor = descriptor
            self._hold(folder)
            return
        raise JournalError(f"the folder {folder} can't be made or written: {reason}")

    def _hold(self, folder: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._descriptor, PID_BYTES_MAX, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
        else:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
            return
        raise Fenced(f"another gateway holds the folder {folder} (process {holder if holder.isdigit() else 'unknown'})")

    def release(self) -> None:
        """Let another one have it. The file stays: to remove it would let two hold files of the same name."""
        os.close(self._descriptor)
