"""
Errors of the disk under a program that writes a journal: the k-th fsync fails, or the k-th write, for every k.

    python -m tests.chaos.disk_errors --count 200 --out DIR

strace puts the error in and tells what was written; a model of a disk (`lying_disk.py`) tells what a cut of the power at
any later moment would leave. What had been shown by then must be there, and the journal be whole.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from listenkey.errors import ListenKeyError
from listenkey.items import Update
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from tests.chaos import traced
from tests.chaos.campaign import Found, run
from tests.chaos.lying_disk import LyingDisk
from tests.chaos.traced import CutOff, Happened, Shown, Synced, TakenAway, Wrote
from tests.unit.journal.making import ACCOUNT

BEFORE: Final = 5
"""Items that are in the journal at the beginning, so that opening it is behind us."""

GROUPS_AFTER: Final = 8
"""The groups that the program writes after its error."""

CUTS_EACH: Final = 6
ERRORS: Final = {
    "fsync": "fsync,fdatasync:error=EIO:when={k}",
    "fsync twice": "fsync,fdatasync:error=EIO:when={k}..{k1}",
    "fsync four times": "fsync,fdatasync:error=EIO:when={k}..{k3}",
    "write": "pwrite64:error=EIO:when={k}",
    "no room": "pwrite64:error=ENOSPC:when={k}",
    "interrupted": "pwrite64:error=EINTR:when={k}",
}


def one(folder: Path, kind: str, k: int, draw: random.Random, groups: int, cuts_each: int = CUTS_EACH) -> Found:
    """
    One error, and several cuts of the power after it.

    Args:
        folder: For everything.
        kind: Of the error; one of `ERRORS`.
        k: Which call fails.
        draw: Chance.
        groups: How many commits the program makes.
        cuts_each: How many moments after the error are drawn.
    """
    found, there = Found(), folder / "disk"
    there.mkdir()
    path = there / "a.db"
    _plain(path, 1, BEFORE)
    began = LyingDisk(there)
    inject = ERRORS[kind].format(k=k, k1=k + 1, k3=k + 3)
    process, happened = traced.run(there, _program(path, BEFORE + 1, groups), inject)
    failed = [at for at, what in enumerate(happened) if isinstance(what, Synced) and not what.done]
    found.counts["errors"] += 1
    found.counts[f"{kind} met"] += bool(failed) or "fsync" not in kind
    if process.returncode != 0:
        found.counts["ended by it"] += 1
    first = failed[0] if failed else 0
    cuts = sorted({*failed[:2], len(happened) - 1, *(draw.randrange(first, len(happened)) for _ in range(cuts_each))})
    found.wrongs += _after_cuts(folder, began, happened, cuts, draw)
    found.counts["power cuts"] += len(cuts)
    found.wrongs += synchronised_again(happened)
    # The next process goes on, whatever became of this one.
    shown = _shown(happened)
    _plain(path, (max(shown.values()) if shown else BEFORE) + 1, 2)
    found.wrongs += _wrong(path, shown)
    found.wrongs = [f"{kind}, k = {k}: {wrong}" for wrong in found.wrongs]
    return found


def _program(path: Path, first: int, count: int) -> list[str]:
    return ["-m", "tests.chaos.writer", str(path), str(first), str(count)]


def _plain(path: Path, first: int, count: int) -> None:
    """The same program, left in peace."""
    subprocess.run([sys.executable, *_program(path, first, count)], check=True, capture_output=True, timeout=60)


def _after_cuts(
    folder: Path, disk: LyingDisk, happened: Sequence[Happened], cuts: Sequence[int], draw: random.Random
) -> list[str]:
    wrongs: list[str] = []
    for at, what in enumerate(happened):
        disk.take(what)
        if at in cuts:
            image = folder / f"cut-{at}"
            image.mkdir()
            disk.cut_power(image, draw)
            wrongs += [f"cut after {at}: {wrong}" for wrong in _wrong(image / "a.db", _shown(happened[: at + 1]))]
            shutil.rmtree(image)
    return wrongs


def synchronised_again(happened: Sequence[Happened]) -> list[str]:
    """
    Files that were synchronised again after that had failed, with bytes in them that were not written anew before.

    The kernel takes these for clean, and answers that all is well.
    """
    wrongs: list[str] = []
    fresh: defaultdict[str, set[range]] = defaultdict(set)  # written since the last synchronisation
    doubtful: defaultdict[str, bytearray] = defaultdict(bytearray)  # a flag a byte
    for at, what in enumerate(happened):
        match what:
            case Wrote(name, start, data):
                fresh[name].add(range(start, start + len(data)))
                doubtful[name][start : start + len(data)] = bytes(len(data[: max(0, len(doubtful[name]) - start)]))
            case CutOff(name, size):
                del doubtful[name][size:]
            case TakenAway(name):
                doubtful.pop(name, None)
            case Synced(name, done):
                if any(doubtful[name]):
                    wrongs.append(f"{name or 'the folder'} was synchronised again as it was, at {at}")
                for part in fresh.pop(name, set()) if not done else ():
                    doubtful[name].extend(bytes(max(0, part.stop - len(doubtful[name]))))
                    doubtful[name][part.start : part.stop] = b"\1" * len(part)
                fresh.pop(name, None)
    return wrongs


def _shown(happened: Sequence[Happened]) -> dict[int, int]:
    """Number -> fill, of what was shown whole."""
    text = b"".join(what.data for what in happened if isinstance(what, Shown))
    pairs = [line.split() for line in text.split(b"\n")[:-1]]
    return {int(seq): int(fill) for seq, fill in pairs}


def _wrong(path: Path, shown: dict[int, int]) -> list[str]:
    """Return the errors that a restart would find."""
    try:
        store = Store(path, ACCOUNT)
        store.open()
        skipped = store.skip
        store.close()
        kept = _read(path)
    except ListenKeyError as error:
        return [f"it does not open: {error}"]
    found = [f"item {seq} was shown and is not there" for seq, fill in shown.items() if kept.get(seq) != fill]
    doubles = [fill for fill, count in Counter(kept.values()).items() if count > 1]
    if doubles:
        found.append(f"the fills {doubles} are there twice")
    if skipped:
        found.append(f"it believes that {skipped} items were lost")
    return [*found, *verify_journal(path).problems]


def _read(path: Path) -> dict[int, int]:
    reader, kept = JournalReader(path), dict[int, int]()
    try:
        while items := reader.read(max(kept, default=0)):
            for item in items:
                assert isinstance(item, Update)
                kept[item.seq] = item.event.order.trade_id  # type: ignore[union-attr]
    finally:
        reader.close()
    return kept


def session(draw: random.Random, folder: Path, errors: int, first: int = 0) -> Found:
    """The next numbers k: for each the k-th fsync fails, and then, in another run, something else that is drawn."""
    found = Found()
    for k in range(first + 1, first + errors + 1):
        for kind in ["fsync", draw.choice([kind for kind in ERRORS if kind != "fsync"])]:
            here = folder / f"{k}-{kind.replace(' ', '-')}"
            here.mkdir()
            more = one(here, kind, k, draw, k + GROUPS_AFTER if "fsync" in kind else k // 3 + GROUPS_AFTER)
            found.counts += more.counts
            found.wrongs += more.wrongs
            shutil.rmtree(here)
    return found


if __name__ == "__main__":
    sys.exit(run("disk_errors", session, 10))
