"""Rows X13 and X14 of docs/reference/faults.md, which take a kernel: the journal's folder, mounts and working directory; children."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.testing import LocalSandbox
from tests.chaos.processes import until
from tests.chaos.test_process import check, until_whole
from tests.chaos.traffic import patient_exchange
from tests.chaos.victim import Victim

LIVE = b'"kind":"live"'
USAGE = 2

FORKS = """
import os, sys, threading, time
from listenkey.cli import main

def fork():
    while not os.path.exists(sys.argv[-1] + ".fork"):
        time.sleep(0.05)
    child = os.fork()
    if not child:
        time.sleep(600)
        os._exit(0)
    with open(sys.argv[-1] + ".child~", "w") as file:
        file.write(str(child))
    os.rename(sys.argv[-1] + ".child~", sys.argv[-1] + ".child")

threading.Thread(target=fork, daemon=True).start()
sys.exit(main())
"""
"""The command, which forks a child when it is told to; a child that outlives it and does nothing."""

MOVES_ON = """
import os, sys, threading, time
from listenkey.cli import main

def move():
    while not os.path.exists(sys.argv[-1] + ".go"):
        time.sleep(0.05)
    os.chdir("/")

threading.Thread(target=move, daemon=True).start()
sys.exit(main())
"""
"""The command, which goes to another folder when it is told to."""


@pytest.fixture
def exchange() -> Iterator[LocalSandbox]:
    with patient_exchange() as made:
        yield made


def test_x13_another_file_in_the_journals_place_is_left_as_it_is(exchange: LocalSandbox, tmp_path: Path) -> None:
    journal, away, foreign = tmp_path / "fills.db", tmp_path / "away.db", tmp_path / "older.db"
    with Victim(exchange, journal, tmp_path / "shown") as victim:
        victim.until_shown(LIVE)
        exchange.burst(5)
        until_whole(exchange, victim, journal)
        shutil.copy(journal, foreign)
        before = foreign.read_bytes()
        journal.rename(away)
        foreign.rename(journal)
        exchange.burst(5)
        until(lambda: b"stands in its place" in victim.complaints.read_bytes(), 20, "it says so")
        assert journal.read_bytes() == before
        away.rename(journal)
        check(exchange, victim, journal)


def test_x13_a_journal_that_is_mounted_alone_is_refused(exchange: LocalSandbox, tmp_path: Path) -> None:
    source, journal = tmp_path / "source.db", tmp_path / "folder" / "fills.db"
    journal.parent.mkdir()
    for each in (source, journal):
        each.touch(0o600)
    command = ["mount", "--bind", str(source), str(journal)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("2026-11-30: this machine lets us mount no file")
    try:
        with Victim(exchange, journal, tmp_path / "shown") as victim:
            assert victim.process.wait(30) == USAGE
            assert b"mounted by itself" in victim.complaints.read_bytes()
    finally:
        subprocess.run(["umount", "-l", str(journal)], check=True)


def test_x13_a_process_that_changes_its_folder_keeps_its_journal(
    exchange: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, journal = tmp_path / "moves_on.py", tmp_path / "fills.db"
    script.write_text(MOVES_ON)
    monkeypatch.chdir(tmp_path)
    with Victim(exchange, Path("fills.db"), tmp_path / "shown", program=[str(script)]) as victim:
        victim.until_shown(LIVE)
        exchange.burst(5)
        until_whole(exchange, victim, journal)
        journal.with_name("fills.db.go").touch()
        link = Path(f"/proc/{victim.process.pid}/cwd")
        until(lambda: link.readlink() == Path("/"), 20, "it is elsewhere")
        exchange.burst(5)
        check(exchange, victim, journal)


def test_x14_a_child_that_outlives_its_parent_holds_no_lock(exchange: LocalSandbox, tmp_path: Path) -> None:
    script, journal = tmp_path / "forks.py", tmp_path / "fills.db"
    script.write_text(FORKS)
    child: int | None = None
    try:
        with Victim(exchange, journal, tmp_path / "shown", program=[str(script)]) as parent:
            parent.until_shown(LIVE)
            journal.with_name("fills.db.fork").touch()
            number = journal.with_name("fills.db.child")
            until(number.exists, 20, "it has a child")
            child = int(number.read_text())
            exchange.burst(5)
            until_whole(exchange, parent, journal)
            parent.kill()
        exchange.burst(5)
        os.kill(child, 0)  # it lives
        with Victim(exchange, journal, tmp_path / "shown") as victim:
            check(exchange, victim, journal)
    finally:
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
