"""kill -9 at any instant: what a reader was given is in the journal afterwards, once, and the journal goes on."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from pathlib import Path

from listenkey.errors import Fenced
from listenkey.events import OrderTradeUpdate
from listenkey.items import Update
from listenkey.journal.sqlite.lock import Lock
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.verify import verify_journal

CHILD = Path(__file__).with_name("journal_child.py")
KILLS = 20
FOLLOW_WITHIN_S = 30.0


def killed(path: Path, first: int, after_s: float) -> list[tuple[int, int]]:
    """Let a process write for so long, kill it, and answer what it was given."""
    with subprocess.Popen([sys.executable, str(CHILD), str(path), str(first)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = b""
        ends_s = time.monotonic() + FOLLOW_WITHIN_S
        while b"open\n" not in told:
            assert time.monotonic() < ends_s
            told += os.read(process.stdout.fileno(), 65536)
        ends_s = time.monotonic() + after_s
        while (left_s := ends_s - time.monotonic()) > 0:
            if select.select([process.stdout], [], [], left_s)[0]:
                told += os.read(process.stdout.fileno(), 65536)
        process.kill()
        while more := os.read(process.stdout.fileno(), 65536):
            told += more
    whole, _, _ = told.rpartition(b"\n")
    pairs = (line.split() for line in whole.split(b"\n") if line != b"open")
    return [(int(seq), int(trade_id)) for seq, trade_id in pairs]


def recovered(path: Path) -> list[tuple[int, int]]:
    reader = JournalReader(path)
    found: list[tuple[int, int]] = []
    while items := reader.read(found[-1][0] if found else 0):
        for item in items:
            assert isinstance(item, Update)
            assert isinstance(item.event, OrderTradeUpdate)
            found.append((item.seq, item.event.trade_id))
    reader.close()
    return found


def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    path, draw = tmp_path / "a.db", random.Random(20261122)
    given: list[tuple[int, int]] = []
    there: list[tuple[int, int]] = []
    for _ in range(KILLS):
        first = there[-1][1] + 1 if there else 1
        given += killed(path, first, draw.choice([0.0, 0.005, 0.02, 0.1]) * draw.random() * 2)
        there = recovered(path)
        assert set(given) <= set(there)
        assert [seq for seq, _ in there] == list(range(1, len(there) + 1))
        assert len({trade_id for _, trade_id in there}) == len(there)
        assert verify_journal(path).whole
    assert len(given) > KILLS


def test_a_second_process_is_refused_within_a_second(tmp_path: Path) -> None:
    held = Lock(tmp_path / "a.db")
    began_s = time.monotonic()
    process = subprocess.run(
        [sys.executable, str(CHILD), str(tmp_path / "a.db"), "1"], capture_output=True, check=False, timeout=30
    )
    took_s = time.monotonic() - began_s
    assert process.returncode != 0
    assert Fenced.__name__.encode() in process.stderr
    assert b"open" not in process.stdout
    assert took_s < 5, "the start of Python included"
    held.release()
