"""
The power is cut under `listenkey tail`: its journal lies on a disk that loses whatever was not synchronised.

    python -m tests.chaos.power --count 300 --out DIR

The disk is an ext4 in a file, and the cut is ext4's own: it stops the filesystem as it is, with its log not flushed.
Killing a process can't show a missing fsync, since the kernel goes on and writes what it has; this can. Two controls
show that it does: bytes that were only written are lost, and bytes that were synchronised are not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.chaos.campaign import Found, run
from tests.chaos.kills import KILLS_EACH, struck
from tests.chaos.processes import until
from tests.chaos.victim import COMMAND, Victim

SHUTDOWN: Final = 0x8004587D
"""EXT4_IOC_SHUTDOWN, the same number as XFS_IOC_GOINGDOWN."""

WITHOUT_FLUSH: Final = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: nothing is written any more, not even the filesystem's own log."""

DISK_BYTES: Final = 64 * 1024 * 1024
STOPPED_WITHIN_S: Final = 20.0


class NoDisk(Exception):
    """This machine does not let us make a disk."""


class Disk:
    """
    A filesystem in a file, mounted on a folder.

    Args:
        folder: For both.

    Attributes:
        root: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._image, self.root = folder / "disk", folder / "mounted"
        self.root.mkdir()
        with self._image.open("wb") as file:
            file.truncate(DISK_BYTES)
        _must("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()

    def cut(self) -> None:
        """From now on nothing is written, and nothing that was not synchronised comes back."""
        root = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(root, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(root)

    def start_again(self) -> None:
        """As after the power is back: what is on the disk, and nothing else. Nobody may have a file open."""
        _must("umount", str(self.root))
        self._mount()

    def remove(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "-l", str(self.root)], check=False, capture_output=True)

    def _mount(self) -> None:
        _must("mount", "-o", "loop", str(self._image), str(self.root))


def _must(*command: str) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NoDisk("mounting needs root")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PATH": path})
    except FileNotFoundError:
        raise NoDisk(f"{command[0]} is not installed") from None
    except subprocess.CalledProcessError as error:
        raise NoDisk(f"{command[0]}: {error.stderr.decode(errors='replace').strip()}") from None


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """
    A disk whose power can be cut.

    Raises:
        NoDisk: Not on this machine.
    """
    made = Disk(folder)
    try:
        yield made
    finally:
        made.remove()


def stop(pid: int) -> None:
    """Every thread of a process stands still: from now on it shows nothing."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")

    def all_stopped() -> bool:
        with contextlib.suppress(FileNotFoundError):  # A thread has ended meanwhile.
            return all((task / "stat").read_text().rpartition(")")[2].split()[0] in "TZ" for task in tasks.iterdir())
        return False

    until(all_stopped, STOPPED_WITHIN_S, "every thread stands still")


def session(draw: random.Random, folder: Path, cuts: int, _before: int = 0) -> Found:
    """So many cuts of the power under one journal."""
    with disk(folder) as made:
        return under(made, draw, folder, cuts)


def under(made: Disk, draw: random.Random, folder: Path, cuts: int, program: Sequence[str] = COMMAND) -> Found:
    """So many cuts of the power of this disk, under a program's journal."""

    def strike(victim: Victim) -> None:
        # It must not be able to show anything after the cut: no disk would have answered it.
        if victim.process.poll() is None:
            stop(victim.process.pid)
        made.cut()
        victim.kill()
        made.start_again()

    return struck(draw, folder, made.root / "fills.db", cuts, strike, program)


def left_after_cut(made: Disk, *, synchronised: bool) -> int:
    """The control: how many of 10,000 bytes at the end of a file are there after a cut."""
    path = made.root / f"control-{synchronised}"
    file, root = os.open(path, os.O_WRONLY | os.O_CREAT), os.open(made.root, os.O_RDONLY)
    for made_durable in (file, root):
        os.fsync(made_durable)
    os.write(file, bytes(10_000))
    if synchronised:
        os.fdatasync(file)
    made.cut()
    os.close(file)
    os.close(root)
    made.start_again()
    return path.stat().st_size


if __name__ == "__main__":
    sys.exit(run("power", session, KILLS_EACH))
