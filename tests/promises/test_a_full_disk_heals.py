"""A real disk without room: the journal waits and tells, and is whole again when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.items import GapClosed, GapOpened, Item, Update
from listenkey.journal.shared.account_view import account_access
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import AT_MS, Wall, append, fill, journal, read


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of one mebibyte."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("2026-11-22: mounting a small disk needs root")
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("2026-11-22: this machine lets not even root mount a disk")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


async def test_it_waits_tells_and_goes_on(small_disk: Path) -> None:
    path, filler = small_disk / "a.db", small_disk / "filler"
    made = journal(path, queue_bytes_max=400_000)
    await made.open()
    append(made, fill(1))
    assert (await made.next()).seq == 1
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    number = 1
    async with asyncio.timeout(20):
        while made.overflow.dropped < 100:
            append(made, *(fill(number := number + 1) for _ in range(20)))
            await asyncio.sleep(0.001)
    assert "disk is full" in str(made.problem)
    filler.unlink()
    items = [await asyncio.wait_for(made.next(), 10)]
    async with asyncio.timeout(20):
        while not isinstance(items[-1], GapClosed):
            items.append(await made.next())
    assert made.problem is None
    append(made, fill(number + 1))
    items.append(await made.next())
    kept = [item.event.trade_id for item in items if isinstance(item, Update)]  # type: ignore[union-attr]
    lost = made.overflow.dropped
    assert kept == [*range(2, number - lost + 1), number + 1]
    assert sum(isinstance(item, GapOpened) for item in items) == 1
    assert [item.seq for item in items] == list(range(2, len(items) + 2))
    await made.aclose()
    assert verify_journal(path).whole


async def test_all_accounts_of_a_file_wait_in_order_and_go_on(small_disk: Path) -> None:
    filler = small_disk / "filler"
    journals = SharedJournals(small_disk, Wall())
    await journals.open()
    loud = journals.journal("loud", queue_bytes_max=400_000)
    quiet = journals.journal("quiet")
    for made in (loud, quiet):
        await made.open()
        made.append_event(read(fill(1)), fill(1), AT_MS)
        assert (await made.next()).seq == 1
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    number = 1
    async with asyncio.timeout(20):
        while loud.overflow.dropped < 100:
            for _ in range(20):
                number += 1
                loud.append_event(read(fill(number)), fill(number), AT_MS)
            await asyncio.sleep(0.001)
    quiet.append_event(read(fill(2)), fill(2), AT_MS)
    assert "disk is full" in str(loud.problem)
    assert "disk is full" in str(quiet.problem)
    assert quiet.take_ready(9) == []
    filler.unlink()
    assert (await asyncio.wait_for(quiet.next(), 10)).seq == 2
    items: list[Item] = []
    async with asyncio.timeout(20):
        while not items or not isinstance(items[-1], GapClosed):
            items.append(await loud.next())
    assert (loud.problem, quiet.overflow.dropped) == (None, 0)
    kept = [item.event.trade_id for item in items if isinstance(item, Update)]  # type: ignore[union-attr]
    assert kept == list(range(2, number - loud.overflow.dropped + 1))
    assert [item.seq for item in items] == list(range(2, len(items) + 2))
    await journals.aclose()
    for name in ("loud", "quiet"):
        assert verify_journal(journals.path, None, account_access(name)).whole
