"""
Damage, replace or move a journal's files between two lives of a process, kind by kind: a bit is flipped, an older copy
is put back, another machine goes on with them, another release has written to them.

People react as docs/how-to/use-a-journal.md tells them to. None of it asks the client how it feels; if a journal is whole is asked
as people ask it, with `verify_journal`, of a copy.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from listenkey.errors import ListenKeyError
from listenkey.journal.sqlite.schema import VERSION
from listenkey.journal.sqlite.verify import verify_journal
from sim.client.process import TRY_AGAIN_US, Process
from sim.client.records import Loss, Stream
from sim.environment.disk import ENDINGS, Files, read_files, write_files
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault
from sim.faults.processes import end_run

DOWN_US: Final = 2_000_000
NEWER_AFTER_US: Final = 2_100_000
"""A program that is asked to end has ended by then."""

OWN: Final = ("", "-wal")
"""The endings of the journal's own files; the rest is written down beside it."""

SHARED: Final = "-shm"
CLEAR: Final = ("newer release", "disk", "unable to open")
"""The words that refuse a journal of a newer release; or name a disk that fails at the same time."""

Content: TypeAlias = tuple[list[tuple[Any, ...]], ...] | None
"""Every row of what a journal holds; None where SQLite can't read it."""


# --- Files -----------------------------------------------------------------------------------------------------------


@contextmanager
def _aside(files: Files) -> Iterator[Path]:
    """A copy that nobody works with."""
    with tempfile.TemporaryDirectory(prefix="sim-aside-") as folder:
        path = Path(folder) / "aside.db"
        write_files(path, files)
        yield path


def _replace(path: Path, files: Files) -> None:
    """Put these in the place of what is there."""
    for ending in (*ENDINGS, SHARED):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    write_files(path, files)


def _journals(process: Process) -> list[tuple[int, Path]]:
    """Return the paths of the journals of a process that is down, by the number of the stream."""
    paths = [(number, process.current_run.path(number)) for number in range(len(process.told_now))]
    return [(number, path) for number, path in paths if path is not None]


def _content(files: Files) -> Content:
    with _aside(files) as path, closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        tables = ("items ORDER BY seq", "meta ORDER BY name", "consumers ORDER BY name")
        try:
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return [], [], []
            return tuple(connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables)
        except (sqlite3.Error, UnicodeDecodeError):  # its words quote what is damaged
            return None


def _is_as_before(before: Content, after: Content) -> bool:
    """
    Return True where no item is missing and none is another one.

    The notes beside the items (how long the stream was whole, how far a consumer is) may be those of a moment earlier:
    the log's last commit is gone. Then a gap begins earlier, and items are given once more.
    """
    if before is None or after is None or before[0] != after[0]:
        return before == after
    noted = {row[0]: row[1] for table in before[1:] for row in table}
    return all(row[1] == noted.get(row[0]) or row[1] < noted[row[0]] for table in after[1:] for row in table)


def _last_seq(content: Content) -> int:
    return content[0][-1][0] if content and content[0] else 0


def _is_whole(files: Files) -> bool:
    """Return what `listenkey journal verify` finds; True for a file that is not there."""
    if not files.get(""):
        return True
    with _aside(files) as path:
        try:
            return verify_journal(path).whole
        except ListenKeyError:
            return False


def _reached(files: Files) -> int:
    """Return the last number of the journal, as it is written down beside it."""
    digits, _, checksum = files.get("-lock", b"")[:29].partition(b" ")
    return int(digits) if digits.isdigit() and checksum == b"%08x" % zlib.crc32(digits) else 0


# --- Streams ---------------------------------------------------------------------------------------------------------


def _keep(process: Process, told: Stream, files: Files) -> None:
    """Put aside what a stream was told from, for the judge."""
    told.journal = process.folder / f"left-{told.number}.db"
    write_files(told.journal, {ending: files[ending] for ending in OWN if ending in files})


def _part(process: Process, number: int, left: Files, last: int, copy_of: Stream, since_us: int | None) -> None:
    """The journal is one of before that ends at `last`; if it had come further, what follows is another stream."""
    told, now_us = process.told_now[number], process.env.now_us
    reached = max([_reached(left), *(each.item.seq for each in told.told[-1:])])
    if reached <= last and told is copy_of:
        return
    kept = {each.item.seq for each in copy_of.told if each.item.seq <= last}
    lost = tuple(each for each in told.told if each.item.seq not in kept)
    first_us = lost[0].at_us if lost else now_us
    loss = Loss(last + 1, reached, first_us if since_us is None else since_us, now_us, lost)
    _keep(process, told, left)
    told.died_us = now_us
    process.goes_on_as(number, copy_of.parted(process.env.next_stream(), loss))


def _begin_anew(process: Process, number: int, path: Path, sound: Files, since_us: int) -> None:
    """Move the journal away, with what is beside it."""
    told, now_us = process.told_now[number], process.env.now_us
    _replace(path, {})
    told.died_us = now_us
    if not told.told or told.told[-1].at_us <= since_us:
        _keep(process, told, sound)
        told.died_us = since_us
    process.forgets()
    process.anew += 1
    process.goes_on_as(number, Stream(process.env.next_stream(), told.process, told.account))


# --- A bit is another one (D6) ---------------------------------------------------------------------------------------


def bit_flipped(injector: Injector, fault: Fault, process: Process) -> None:
    """The process dies, and in its journal a bit is another one, or two rows have changed places, or one is gone."""
    if process.down or process.ends or process.spoilt:
        return
    process.die("kill")
    env, since_us, all_whole = injector.env, injector.env.now_us, True
    injector.scratch[fault] = since_us, {}
    for number, path in _journals(process):
        sound = read_files(path)
        damaged = sound | _damaged(sound, fault.param("what"), process.disk.rng)
        before, after, whole = _content(sound), _content(damaged), _is_whole(damaged)
        env.note(f"{process.number} journal {number} damaged: {'whole' if whole else 'not whole'}")
        if whole and not _is_as_before(before, after):
            process.told_now[number].contradictions.append((since_us, "a changed journal is taken for a whole one"))
        injector.scratch[fault][1][number] = sound
        if before and after:
            process.told_now[number].removed |= {row[0] for row in before[0]} - {row[0] for row in after[0]}
        _replace(path, damaged)
        all_whole = all_whole and whole
        if before and after and after[0] == before[0][: len(after[0])]:
            _part(process, number, sound, _last_seq(after), process.told_now[number], None)
    process.spoilt += 1
    if all_whole or not fault.param("verified"):
        env.at(since_us + DOWN_US, process.rise)


def _damaged(sound: Files, what: str, rng: random.Random) -> Files:
    rows = _content(sound)
    if what != "flip" and rows and len(rows[0]) > 1:
        return _rows_damaged(sound, what, rng.randrange(len(rows[0]) - 1), rng.random() < 0.5)
    # Much of what is in the log is not yet in the file, and what is in both is read from the log alone.
    is_moved = bool(rows) and rng.random() < 0.5
    left = sound | (_log_moved(sound) if is_moved else {})
    ending = "-wal" if left.get("-wal") and rng.random() < 0.7 else ""
    data = bytearray(left.get(ending, b""))
    if data:
        at = rng.randrange(8 * len(data))
        data[at // 8] ^= 1 << at % 8
    return {own: left.get(own, b"") for own in OWN} | {ending: bytes(data)}


def _log_moved(sound: Files) -> Files:
    """Return the files as they are when the last program that has them open ends in order."""
    with _aside({ending: sound[ending] for ending in OWN if ending in sound}) as path:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM items").fetchone()
        return {"": path.read_bytes(), "-wal": b""}


def _rows_damaged(sound: Files, what: str, index: int, second: bool) -> Files:
    with _aside({ending: sound[ending] for ending in OWN if ending in sound}) as path:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            one, other = [row[0] for row in connection.execute("SELECT seq FROM items ORDER BY seq")][index : index + 2]
            if what == "remove":
                connection.execute("DELETE FROM items WHERE seq = ?", (other if second else one,))
            else:
                for old, new in ((one, -1), (other, one), (-1, other)):
                    connection.execute("UPDATE items SET seq = ? WHERE seq = ?", (new, old))
        return {"-wal": b""} | read_files(path)


def end_bit_flipped(injector: Injector, fault: Fault, process: Process) -> None:
    """Verify the journal, and move it away where it is not whole; the stream begins a new one."""
    since_us, sound = injector.scratch.pop(fault, (None, {}))
    if since_us is None:
        return
    process.spoilt -= 1
    if process.down or not all(_is_whole(read_files(path)) for _, path in _journals(process)):
        _note_refusals(process, since_us)
        process.die("kill")
        for number, path in _journals(process):
            if not _is_whole(read_files(path)):
                _begin_anew(process, number, path, sound[number], since_us)
    process.rise()


def _note_refusals(process: Process, since_us: int) -> None:
    """The program was sent away each time that it was started: it did not run."""
    exits = [at_us for told in process.told_now for at_us, _ in told.exits if at_us >= since_us]
    if exits:
        until_us = min(process.env.now_us, max(exits) + TRY_AGAIN_US)
        process.evidence.stalls_us.append((min(exits), until_us))


# --- An older copy (D9) ----------------------------------------------------------------------------------------------


def older_copy(injector: Injector, fault: Fault, process: Process) -> None:
    """Make a copy of the journals. Those known to be damaged, or another release's, are left out."""
    if process.ends or process.spoilt:
        return
    told = process.told_now
    copied = {number: (_copied(path, fault.param("way")), told[number]) for number, path in _journals(process)}
    injector.scratch[fault] = injector.env.now_us, process.anew, copied


def _copied(path: Path, way: str) -> Files:
    files = {ending: data for ending, data in read_files(path).items() if ending in OWN}
    if way == "files" or not files.get(""):
        return files
    # `VACUUM INTO` of a snapshot is that of the file: nobody writes while the simulation does this.
    with _aside(files) as source, contextlib.suppress(sqlite3.Error):
        into = source.with_name("copy.db")
        with closing(sqlite3.connect(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(into),))
        return {"": into.read_bytes()}
    return files


def end_older_copy(injector: Injector, fault: Fault, process: Process) -> None:
    """
    The process ends, the copy is put in its journal's place, and what is beside that stays as it is.

    Unless that is beside another journal by now, or somebody has to mend the one that is there: then nobody does so.
    """
    copied_us, anew, copied = injector.scratch.pop(fault, (0, process.anew, {}))
    if process.spoilt:
        return
    process.die("kill")
    for number, path in _journals(process) if anew == process.anew else ():
        if number in copied:
            left, (files, told) = read_files(path), copied[number]
            _replace(path, {ending: left[ending] for ending in left if ending not in OWN} | files)
            _part(process, number, left, _last_seq(_content(files)), told, copied_us)
    process.rise()


# --- Another machine (G7) --------------------------------------------------------------------------------------------


def takeover(injector: Injector, fault: Fault, process: Process) -> None:
    """The machine is no more."""
    end_run(injector, process, fault.param("how"), in_write=fault.param("in_write"))


def end_takeover(_: Injector, fault: Fault, process: Process) -> None:
    """Another one, with another address and another clock, goes on with a copy of what was left."""
    process.disk.cut = None
    process.die(fault.param("how"))
    first, second, third, last = process.ip.split(".")
    process.ip = f"{first}.{second}.{int(third) + 1}.{last}"
    process.clock.up_s = round(1_000_000 * process.disk.rng.random(), 3)
    # Of a journal whose end is gone, nobody leaves behind what says how far it had come.
    if not fault.param("beside") and not process.spoilt:
        for _number, path in _journals(process):
            _replace(path, {ending: data for ending, data in read_files(path).items() if ending in OWN})
        process.forgets()
    process.rise()


# --- Another release (P8) --------------------------------------------------------------------------------------------


def other_version(injector: Injector, fault: Fault, process: Process) -> None:
    """The program ends in order, and a newer release goes on with its journal; then the older one is started again."""
    process.leave()
    env = injector.env
    env.at(env.now_us + NEWER_AFTER_US, lambda: _older_again(injector, fault, process))


def _older_again(injector: Injector, fault: Fault, process: Process) -> None:
    if not process.down or process.spoilt:
        return
    marked = {number: _of_version(path, VERSION + 1) for number, path in _journals(process)}
    injector.scratch[fault] = injector.env.now_us, marked
    process.spoilt += 1
    process.rise()


def _of_version(path: Path, version: int) -> bytes:
    """Return the contents of the file after a release with this number has used it."""
    files = read_files(path)
    if not files.get(""):
        return b""
    with _aside({ending: files[ending] for ending in OWN if ending in files}) as aside:
        with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA user_version={version}")
        data = aside.read_bytes()
    _replace(path, {ending: files[ending] for ending in files if ending not in OWN} | {"": data})
    return data


def end_other_version(injector: Injector, fault: Fault, process: Process) -> None:
    """The older release has to have refused, clearly, and to have changed nothing; whose journal it is goes on with it."""
    since_us, marked = injector.scratch.pop(fault, (None, {}))
    if since_us is not None:
        process.spoilt -= 1
        _note_refusals(process, since_us)
        process.die("kill")
        for number, path in _journals(process):
            if marked[number]:
                _judge_refusal(process.told_now[number], since_us, path.read_bytes() == marked[number])
                _of_version(path, VERSION)
    process.rise()


def _judge_refusal(told: Stream, since_us: int, is_unchanged: bool) -> None:
    said = [text for at_us, text in told.exits if at_us >= since_us]
    wrong = "" if is_unchanged else "the journal of a newer release was changed"
    if told.told and told.told[-1].at_us > since_us:
        wrong = "the journal of a newer release was used"
    elif said and not all(any(word in text for word in CLEAR) for text in said):
        wrong = f"the journal of a newer release is refused with: {said[0]}"
    if wrong:
        told.contradictions.append((since_us, wrong))


BEGIN: Final[dict[str, Effect]] = {
    "bit_flipped": bit_flipped, "older_copy": older_copy, "takeover": takeover, "other_version": other_version,
}  # fmt: skip
END: Final[dict[str, Effect]] = {
    "bit_flipped": end_bit_flipped, "older_copy": end_older_copy, "takeover": end_takeover,
    "other_version": end_other_version,
}  # fmt: skip
