"""
While a journal is written, somebody overwrites it: its stream ends with `Corrupt` instead of showing what nobody finds again.

`cp` over a file keeps its inode, so that the names alone say nothing. Each is done by the program that an operator would use.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import Corrupt, JournalError, ListenKeyError
from listenkey.journal.shared.accounts_check import verify_accounts
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import Wall, append, fill, journal, written
from tests.unit.journal.shared import shared_making

FIRST = 800
"""The fills before: more than the log holds, so that the file has most of them."""


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, timeout=30)


def shell(path: Path, statement: str) -> None:
    """A statement by hand, in a process of its own, as with the program sqlite3."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute(sys.argv[2]).rowcount); c.commit()"
    run(sys.executable, "-c", code, path, statement)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def files_left(path: Path) -> tuple[bytes, ...]:
    """The file and its log; not read by this process, whose locks SQLite would lose with the file's descriptor."""
    return tuple(subprocess.run(["cat", name], check=True, capture_output=True).stdout for name in (path, log_of(path)))


def rows_of(path: Path) -> str:
    return "rows" if path.name == FILE_NAME else "items"


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "an older copy of the file": lambda path, older: run("cp", older, path),
    "the same, with its times": lambda path, older: run("cp", "-p", older, path),
    "another journal": lambda path, older: run("cp", older.with_name("another.db"), path),
    "something else": lambda path, _: run("cp", sys.executable, path),
    "an empty file": lambda path, _: run("cp", "/dev/null", path),
    "truncate": lambda path, _: run("truncate", "-s", "0", path),
    "truncate a part": lambda path, _: run("truncate", "-s", "65536", path),
    "> file": lambda path, _: run("sh", "-c", ': > "$0"', path),
    "an edit in place": lambda path, _: run(sys.executable, "-c", EDIT, path),
    "an older log": lambda path, older: run("cp", log_of(older), log_of(path)),
    "an empty log": lambda path, _: run("truncate", "-s", "0", log_of(path)),
    "DELETE by hand": lambda path, _: shell(path, f"DELETE FROM {rows_of(path)} WHERE seq = 10"),
    "UPDATE by hand": lambda path, _: shell(path, f"UPDATE {rows_of(path)} SET received_ms = 1 WHERE seq = 10"),
    "DROP by hand": lambda path, _: shell(path, "DROP TABLE consumers"),
}
EDIT = "import sys; p = sys.argv[1]; b = open(p, 'rb').read().replace(b'FILLED', b'fILLED'); open(p, 'r+b').write(b)"

HARMLESS: dict[str, Callable[[Path], object]] = {
    "its own bytes": lambda path: run(sys.executable, "-c", EDIT.replace("fILLED", "FILLED"), path),
    "a view": lambda path: shell(path, "CREATE VIEW mine AS SELECT 1"),
    "ANALYZE": lambda path: shell(path, "ANALYZE"),
    "VACUUM": lambda path: shell(path, "VACUUM"),
    "chmod, touch": lambda path: run("sh", "-c", 'chmod 400 "$0"; chmod 600 "$0"; touch "$0" "$0-wal"', path),
    "a checkpoint": lambda path: shell(path, "PRAGMA wal_checkpoint(PASSIVE)"),
}


class One:
    """A journal of one account, in a process that writes to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fills.db"
        self._journal = journal(self.path)

    async def open(self) -> None:
        await self._journal.open()

    def write(self, *numbers: int) -> None:
        append(self._journal, *map(fill, numbers))

    async def next(self) -> int:
        return (await self._journal.next()).seq

    async def aclose(self) -> None:
        await self._journal.aclose()

    def is_whole(self) -> bool:
        return verify_journal(self.path).whole


class Many:
    """A file of many accounts, of which one writes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._journals = SharedJournals(folder, Wall())
        self._journal: Any = None

    async def open(self) -> None:
        await self._journals.open()
        self._journal = await shared_making.account(self._journals, "desk")

    def write(self, *numbers: int) -> None:
        shared_making.append(self._journal, *map(fill, numbers))

    async def next(self) -> int:
        return int((await self._journal.next()).seq)

    async def aclose(self) -> None:
        if self._journal is not None:
            await self._journal.aclose()
        await self._journals.aclose()

    def is_whole(self) -> bool:
        return verify_accounts(self.path).whole


@pytest.fixture(params=[One, Many])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> One | Many:
    folder = tmp_path / "folder"
    folder.mkdir()
    return request.param(folder)  # type: ignore[no-any-return]


async def filled(made: One | Many, older: Path) -> int:
    """Write some, keep a copy of the files as they were in the middle of that, and return the newest number."""
    await made.open()
    last_seq = 0
    for first in (1, FIRST + 1):
        made.write(*range(first, first + FIRST))
        while last_seq < first + FIRST - 1:
            last_seq = await made.next()
        if first == 1:
            for path in (made.path, log_of(made.path)):
                run("cp", "-p", path, older.with_name(path.name.replace(made.path.name, older.name)))
    for number in range(2 * FIRST + 1, 2 * FIRST + 4):  # These are in the log alone.
        made.write(number)
        last_seq = await made.next()
    return last_seq


async def ended(made: One | Many, last_seq: int) -> tuple[ListenKeyError | None, list[int]]:
    """Write on, and return what ends the journal, and what was shown before that; None where it goes on."""
    shown: list[int] = []
    try:
        async with asyncio.timeout(20):
            for number in range(5_000, 5_020):
                made.write(number)
                shown.append(await made.next())
    except ListenKeyError as error:
        return error, shown
    assert shown == list(range(last_seq + 1, last_seq + 21))
    return None, shown


@pytest.mark.parametrize("kind", DAMAGES)
async def test_what_overwrites_a_journal_ends_its_stream_and_is_left_as_it_is(
    kind: str, made: One | Many, tmp_path: Path
) -> None:
    older = tmp_path / "older.db"
    await (written if isinstance(made, One) else shared_written)(older.with_name("another.db"), map(fill, range(9, 99)))
    last_seq = await filled(made, older)
    DAMAGES[kind](made.path, older)
    before = files_left(made.path)
    error, shown = await ended(made, last_seq)
    await made.aclose()
    assert isinstance(error, Corrupt), f"{kind}: {error}, and {len(shown)} items were shown"
    assert "somebody else has written to" in str(error)
    assert not shown, "what was written behind it is shown to nobody"
    if "by hand" not in kind:
        assert files_left(made.path) == before, "and nothing was written into it"
    again = type(made)(made.path.parent)
    try:
        await again.open()
    except ListenKeyError as refused:
        assert isinstance(refused, JournalError) or "no journal" in str(refused)  # noqa: PT017 - both ways are right
    else:
        assert not again.is_whole() or await tells_a_loss(again)
    finally:
        await again.aclose()  # The file of many may be open, though one of its accounts is refused.


async def shared_written(path: Path, raws: Any) -> None:
    await shared_making.written(path.parent / "another", desk=raws)
    shutil.copy(path.parent / "another" / FILE_NAME, path)


async def tells_a_loss(made: One | Many) -> bool:
    """A number behind the lost ones."""
    made.write(9_000)
    return await made.next() == 2 * FIRST + 4


@pytest.mark.parametrize("kind", HARMLESS)
async def test_whoever_writes_and_changes_no_item_holds_up_nothing(
    kind: str, made: One | Many, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last_seq = await filled(made, tmp_path / "older.db")
    HARMLESS[kind](made.path)
    error, _ = await ended(made, last_seq)
    assert error is None
    await made.aclose()
    assert made.is_whole()


async def test_what_was_overwritten_before_the_end_gets_nothing_moved_into_it(made: One | Many, tmp_path: Path) -> None:
    await filled(made, tmp_path / "older.db")
    run("cp", "/dev/null", made.path)
    await made.aclose()
    assert files_left(made.path)[0] == b""
    with pytest.raises(JournalError, match="another file was put in the place"):
        await type(made)(made.path.parent).open()
