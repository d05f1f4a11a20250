"""A program under strace: what it wrote, synchronised, cut off, took away and showed, in order; with errors put in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

CALLS: Final = "pwrite64,write,fsync,fdatasync,ftruncate,unlink"
LONGEST: Final = 2 * 1024 * 1024
"""Bytes of a call that are recorded; one that wrote more would be taken for a shorter one."""


class NoStrace(Exception):
    """This machine has none, or does not let it work."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """Bytes into a file."""

    name: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Synced:
    """A file, or the folder (name ""), was synchronised, or that failed."""

    name: str
    done: bool


@dataclass(frozen=True, slots=True)
class CutOff:
    """A file has another length now."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class TakenAway:
    """A name is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Bytes to stdout."""

    data: bytes


Happened: TypeAlias = Wrote | Synced | CutOff | TakenAway | Shown

_LINE: Final = re.compile(r"(?:\d+ +)?(\w+)\((?:(\d+)<([^>]*)>)?(.*)\) += (-?\d+)")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def strace(*options: str, log: Path) -> list[str]:
    """Return the words to put before a command."""
    found = shutil.which("strace")
    if found is None:
        raise NoStrace("strace is not installed")
    return [found, "-f", "-qq", "-o", str(log), *options]


def run(
    folder: Path, program: Sequence[str], inject: str = "", calls: str = CALLS
) -> tuple[subprocess.CompletedProcess[bytes], list[Happened]]:
    """
    Run Python to its end; how it ended, and what it did to the files of a folder.

    Args:
        folder: Whose files are looked at.
        program: Arguments of Python.
        inject: As strace's `-e inject=`.
        calls: What is recorded.
    """
    log = folder.parent / f"{folder.name}.strace"
    options = ["-y", "-xx", "-s", str(LONGEST), "-e", f"trace={calls}", "-e", "signal=none"]
    if inject:
        options += ["-e", f"inject={inject}"]
    process = subprocess.run(
        [*strace(*options, log=log), sys.executable, *program], capture_output=True, check=False, timeout=120
    )
    if not log.exists() or b"ptrace" in process.stderr:
        raise NoStrace(process.stderr.decode(errors="replace").strip())
    return process, list(happened(log, folder))


def happened(log: Path, folder: Path) -> Iterator[Happened]:
    """The log, as far as it tells of this folder and of stdout."""
    for line in _whole(log):
        match = _LINE.match(line)
        if match is None:
            continue
        call, number, path, rest, result = match.groups()
        if call == "write":
            if number == "1" and int(result) > 0:
                yield Shown(_bytes(rest)[: int(result)])
            continue
        if call == "unlink":
            target = Path(os.fsdecode(_bytes(rest)))
            if target.parent == folder and int(result) == 0:
                yield TakenAway(target.name)
            continue
        where = Path(_path(path))
        if folder in (where, where.parent):
            name = "" if where == folder else where.name
            yield from _of_file(call, name, rest, int(result))


def _of_file(call: str, name: str, rest: str, result: int) -> Iterator[Happened]:
    match call:
        case "pwrite64" if result > 0:
            data = _bytes(rest)[:result]
            assert len(data) == result, f"{result} bytes were written, and {len(data)} recorded"
            yield Wrote(name, int(rest.rpartition(",")[2]), data)
        case "fsync" | "fdatasync":
            yield Synced(name, result == 0)
        case "ftruncate" if result == 0:
            yield CutOff(name, int(rest.rpartition(",")[2]))


def _path(text: str) -> str:
    """With `-xx`, strace writes paths in hexadecimal as well."""
    return os.fsdecode(bytes.fromhex(text.replace("\\x", ""))) if text.startswith("\\x") else text


def _bytes(text: str) -> bytes:
    match = _TEXT.search(text)
    assert match is not None, text[:80]
    return bytes.fromhex(match[1].replace("\\x", ""))


def _whole(log: Path) -> Iterator[str]:
    """Lines, with calls that another thread interrupted put together where they ended."""
    begun: dict[str, str] = {}
    with log.open() as file:
        for line in file:
            pid, _, said = line.rstrip("\n").partition(" ")
            said = said.lstrip()
            if said.endswith("<unfinished ...>"):
                begun[pid] = said.removesuffix("<unfinished ...>").rstrip()
                continue
            if said.startswith("<... "):
                said = begun.pop(pid, "") + said.partition("resumed>")[2]
            yield said.replace(" (INJECTED)", "")
