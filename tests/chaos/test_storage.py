"""The disk, as docs/reference/faults.md numbers it: D4 to D7 and D9. D1 is test_power.py, D2 and D3 test_disk_errors.py, D8 test_process.py."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import ListenKeyError
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from listenkey.testing import LocalSandbox
from sim.judge import wrongs
from tests.chaos.processes import until
from tests.chaos.test_process import check, until_whole
from tests.chaos.traced import NoStrace, strace
from tests.chaos.traffic import ledger, patient_exchange, trading
from tests.chaos.victim import Victim, fills_in
from tests.unit.journal.making import ACCOUNT, fill, greeks, group, rows

ENDS = ("", "-wal", "-lock")


@pytest.fixture
def exchange() -> Iterator[LocalSandbox]:
    with patient_exchange() as made:
        yield made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of four mebibytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("2026-11-22: this machine lets us mount no disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_d4_a_full_disk_under_the_command_is_told_and_heals(
    exchange: LocalSandbox, small_disk: Path, tmp_path: Path
) -> None:
    journal, filler = small_disk / "fills.db", small_disk / "filler"
    with Victim(exchange, journal, tmp_path / "shown") as victim:
        victim.until_shown(b'"kind":"live"')
        exchange.burst(10)
        until_whole(exchange, victim, journal)
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        exchange.burst(100)
        until(lambda: b"disk is full" in victim.complaints.read_bytes(), 20, "it says so")
        exchange.burst(20)
        assert exchange.meters()["sockets_open"] == 1
        filler.unlink()
        check(exchange, victim, journal)
        assert exchange.meters()["sockets_opened"] == 1


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, list[int]]:
    """Make the remains of a killed process: a file, its log, and the log's size after each of thirty commits."""
    path, left, sizes = tmp_path / "a.db", tmp_path / "left.db", []
    store = Store(path, ACCOUNT)
    store.open()
    for number in range(1, 31):
        store.write(group(*rows([fill(number)], store)))
        sizes.append(path.with_name("a.db-wal").stat().st_size)
    for end in ENDS[:2]:
        shutil.copy(path.with_name(path.name + end), left.with_name(left.name + end))
    store.close()
    return left, sizes


def recovered(path: Path) -> list[int]:
    """The numbers that a restart finds, in a journal that is whole."""
    store = Store(path, ACCOUNT)
    store.open()
    store.close()
    assert verify_journal(path).whole
    reader = JournalReader(path)
    try:
        return [item.seq for item in reader.read(0, 10_000)]
    finally:
        reader.close()


@pytest.mark.parametrize("step", [2999, pytest.param(101, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])])
def test_d5_a_log_that_ends_anywhere_is_a_prefix(begun: tuple[Path, list[int]], tmp_path: Path, step: int) -> None:
    left, sizes = begun
    log = left.with_name("left.db-wal").read_bytes()
    # The first bytes hold the tables themselves: a process that dies before them has shown nothing.
    for number, at in enumerate(range(sizes[0], len(log) + 1, step)):
        torn = tmp_path / f"torn-{number}.db"
        shutil.copy(left, torn)
        rest = b"" if number % 2 else random.Random(at).randbytes(5000)
        torn.with_name(torn.name + "-wal").write_bytes(log[:at] + rest)
        whole = sum(size <= at for size in sizes)
        assert recovered(torn) == list(range(1, whole + 1)), at
        for end in ENDS:
            torn.with_name(torn.name + end).unlink(missing_ok=True)


def read_all(path: Path) -> bytes:
    """Everything a reader is told, or as far as it comes."""
    reader, told = None, b""
    try:
        reader = JournalReader(path)
        told = b"".join(repr(item).encode() for item in reader.read(0, 10_000))
    except ListenKeyError as error:
        return type(error).__name__.encode()
    finally:
        if reader is not None:
            reader.close()
    return told


@pytest.mark.parametrize("flips", [40, pytest.param(1500, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])])
def test_d6_one_bit_anywhere_in_a_thousand_records(tmp_path: Path, flips: int) -> None:
    path = tmp_path / "a.db"
    store = Store(path, ACCOUNT)
    store.open()
    store.write(group(*rows([fill(n) if n % 2 else greeks(n) for n in range(1, 501)], store), covered_ms=1))
    store.write(group(*rows([fill(n) if n % 2 else greeks(n) for n in range(501, 1001)], store), covered_ms=2))
    store.close()
    right, before, draw, found = path.read_bytes(), read_all(path), random.Random(6), 0
    for _ in range(flips):
        at, bit = draw.randrange(len(right)), 1 << draw.randrange(8)
        path.write_bytes(right[:at] + bytes([right[at] ^ bit]) + right[at + 1 :])
        try:
            result = verify_journal(path)
        except ListenKeyError:  # It is no journal any more, and says so.
            found += 1
            continue
        found += not result.whole
        assert not result.whole or read_all(path) == before, f"byte {at} bit {bit}"
        if f"item {result.first_bad_seq}" in " ".join(result.problems):
            assert 1 <= (result.first_bad_seq or 0) <= 1000
    assert found > flips / 2, "most of the file holds something"


def test_d9_an_older_copy_is_put_back(exchange: LocalSandbox, tmp_path: Path) -> None:
    journal, backup, shown = tmp_path / "fills.db", tmp_path / "backup.db", tmp_path / "shown"
    last: list[int] = []
    for run in range(3):
        with Victim(exchange, journal, shown) as victim:
            victim.until_shown(b'"kind":"live"')
            exchange.burst(10)
            until_whole(exchange, victim, journal)
            told = [json.loads(line) for line in victim.new_lines()]
            victim.ended_after_s()
            assert victim.process.returncode == 0
        last.append(told[-1]["seq"])
        if run == 0:
            shutil.copy(journal, backup)
        elif run == 1:
            shutil.copy(backup, journal)
        else:
            assert told[0]["seq"] > last[1], "no number is used twice"
            assert any(item.get("cause") == "journal_lost" for item in told), "and it is told"
    assert fills_in(journal) == 30
    assert wrongs(ledger(exchange), journal) == []


@pytest.mark.nightly
@pytest.mark.parametrize("slow_ms", [500, 5000])
def test_d7_a_slow_disk_costs_neither_key_nor_socket(exchange: LocalSandbox, tmp_path: Path, slow_ms: int) -> None:
    journal = tmp_path / "fills.db"
    inject = f"inject=fdatasync,fsync:delay_exit={slow_ms * 1000}:when=12+4"
    try:
        before = strace("-e", "trace=fdatasync,fsync", "-e", inject, log=tmp_path / "log")
    except NoStrace as why:
        pytest.skip(f"2026-11-22: {why}")
    with Victim(exchange, journal, tmp_path / "shown", before=before) as victim:
        victim.until_shown(b'"kind":"live"')
        with trading(exchange, 10):
            until(lambda: fills_in(journal) > 100, 90, "it goes on")
        until_whole(exchange, victim, journal)
        meters = exchange.meters()
        pid = victim.process.pid
        traced = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(traced[0]), signal.SIGTERM)
        victim.process.wait(30)
    assert meters["sockets_opened"] == 1
    assert meters["requests"].get("DELETE /eapi/v1/listenKey", 0) == 0
    assert wrongs(ledger(exchange), journal) == []
