"""A few errors of the disk at every commit; `python -m tests.chaos.disk_errors --count 200` is every k up to 200."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos import disk_errors
from tests.chaos.campaign import Found
from tests.chaos.traced import CutOff, NoStrace, Synced, TakenAway, Wrote


def one(folder: Path, kind: str, k: int, cuts_each: int = 10) -> Found:
    try:
        return disk_errors.one(folder, kind, k, random.Random(k), 12, cuts_each)
    except NoStrace as why:
        pytest.skip(f"2026-11-22: {why}")


@pytest.mark.parametrize(("kind", "k"), [("fsync", 6), ("write", 20), ("no room", 25), ("interrupted", 20)])
def test_d2_d3_what_was_shown_outlives_an_error_of_the_disk(tmp_path: Path, kind: str, k: int) -> None:
    found = one(tmp_path, kind, k)
    assert found.wrongs == []
    assert found.counts[f"{kind} met"] == 1


def test_d2_a_log_whose_fsync_failed_is_written_anew_before_it_is_moved_into_the_journal(tmp_path: Path) -> None:
    """Two failures in a row leave a log that the kernel has and the disk has not."""
    found = one(tmp_path, "fsync twice", 5, cuts_each=150)
    assert found.wrongs == []
    assert found.counts["fsync twice met"] == 1


def test_what_counts_as_synchronised_again() -> None:
    wrote, failed, done = Wrote("a", 10, b"xyz"), Synced("a", False), Synced("a", True)
    assert disk_errors.synchronised_again([wrote, failed, done]) != []
    assert disk_errors.synchronised_again([wrote, failed, Wrote("a", 11, b"yz"), done]) != []
    assert disk_errors.synchronised_again([wrote, failed, Wrote("a", 0, bytes(20)), done]) == []
    assert disk_errors.synchronised_again([wrote, done, done, Synced("b", True)]) == []
    for gone in (CutOff("a", 10), TakenAway("a")):
        assert disk_errors.synchronised_again([wrote, failed, gone, done]) == []
