"""
A model of what a disk holds when the power is cut, after everything that a program did to the files of a folder.

The rules are those of Linux. What was written and not synchronised may be there or not, page by page. Names and lengths
that were changed come in order, and may not have come yet. And a synchronisation that failed is the worst: the pages
count as clean from then on, the next one says that all is well, and what they held was never written. So a program that
tries a failed one again on the same file, and believes the answer, loses data here as it would there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.traced import CutOff, Happened, Synced, TakenAway, Wrote

PAGE: Final = 4096


@dataclass(eq=False)
class _File:
    """One file, whatever its name: as programs see it, and as the disk has it."""

    seen: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)

    def write(self, at: int, data: bytes) -> None:
        end = at + len(data)
        self.seen.extend(bytes(max(0, end - len(self.seen))))
        self.seen[at:end] = data
        self.dirty.update(range(at // PAGE, (end - 1) // PAGE + 1))

    def cut(self, size: int) -> None:
        """As programs see it; the disk learns of it later."""
        del self.seen[size:]
        self.seen.extend(bytes(size - len(self.seen)))
        self.dirty = {page for page in self.dirty if page * PAGE < size}

    def flushed(self, pages: set[int]) -> bytearray:
        """Return the disk's contents when these pages reach it."""
        made = bytearray(self.kept)
        for page in sorted(pages):
            part = self.seen[page * PAGE : (page + 1) * PAGE]
            made.extend(bytes(max(0, page * PAGE + len(part) - len(made))))
            made[page * PAGE : page * PAGE + len(part)] = part
        return made


@dataclass(frozen=True)
class _Change:
    """Of names and lengths: `file` under this name, or nothing, or, with a size, cut off."""

    name: str
    file: _File | None
    size: int | None = None


class LyingDisk:
    """
    The files of a folder.

    Args:
        folder: As it is at the beginning, and all of that on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._seen: dict[str, _File] = {}
        for path in folder.iterdir():
            content = path.read_bytes()
            self._seen[path.name] = _File(bytearray(content), bytearray(content))
        self._kept = dict(self._seen)
        self._changes: list[_Change] = []

    def take(self, what: Happened) -> None:
        """Something happened."""
        match what:
            case Wrote(name, at, data):
                self._file(name).write(at, data)
            case CutOff(name, size):
                self._file(name).cut(size)
                self._changes.append(_Change(name, self._file(name), size))
            case TakenAway(name):
                self._seen.pop(name, None)
                self._changes.append(_Change(name, None))
            case Synced(name, done):
                self._synchronise(name, done=done)
            case _:
                pass

    def _file(self, name: str) -> _File:
        if name not in self._seen:
            self._seen[name] = _File()
            self._changes.append(_Change(name, self._seen[name]))
        return self._seen[name]

    def _synchronise(self, name: str, *, done: bool) -> None:
        file = None if name == "" else self._file(name)
        if done:
            # The log of the filesystem is one: with a file, all names and lengths before it are written.
            _apply(self._changes, self._kept)
            self._changes.clear()
            if file is not None:
                file.kept = file.flushed(file.dirty)
        if file is not None:
            file.dirty.clear()

    def cut_power(self, into: Path, draw: random.Random) -> None:
        """Put into a folder what a cut at this moment may leave."""
        came = self._changes[: draw.randint(0, len(self._changes))]
        content = {id(file): file for file in [*self._kept.values(), *self._seen.values()]}
        share = draw.choice([0.0, 0.5, 1.0])
        left = {
            key: file.flushed({page for page in file.dirty if draw.random() < share}) for key, file in content.items()
        }
        names = dict(self._kept)
        for change in came:
            _name(change, names)
            if change.size is not None and id(change.file) in left:
                del left[id(change.file)][change.size :]
        for name, file in names.items():
            (into / name).write_bytes(left.get(id(file), b""))


def _apply(changes: list[_Change], names: dict[str, _File]) -> None:
    for change in changes:
        _name(change, names)
        if change.size is not None and change.file is not None:
            del change.file.kept[change.size :]


def _name(change: _Change, names: dict[str, _File]) -> None:
    if change.size is not None:
        return
    if change.file is None:
        names.pop(change.name, None)
    else:
        names[change.name] = change.file
