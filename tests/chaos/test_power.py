"""A few power cuts at every commit, and both controls; `python -m tests.chaos.power --count 300` is the long run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import power
from tests.chaos.power import Disk, NoDisk, disk


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Disk]:
    try:
        with disk(tmp_path) as one:
            yield one
    except NoDisk as why:
        pytest.skip(f"2026-11-22: {why}")


def test_what_was_only_written_is_lost_and_what_was_synchronised_is_not(made: Disk) -> None:
    assert power.left_after_cut(made, synchronised=False) == 0
    assert power.left_after_cut(made, synchronised=True) == 10_000


def test_cuts_lose_nothing_that_was_shown(made: Disk, tmp_path: Path) -> None:
    found = power.under(made, random.Random(5), tmp_path, 3)
    assert found.wrongs == []
    assert found.counts["strikes"] == 3
    assert found.counts["items shown"] > 50


CARELESS = """
from listenkey.cli import main
from listenkey.journal.sqlite import store

open_writer = store.open_writer

def careless(path):
    connection = open_writer(path)
    connection.execute("PRAGMA synchronous=OFF")
    return connection

store.open_writer = careless
main()
"""


def test_a_journal_that_is_not_synchronised_is_found(made: Disk, tmp_path: Path) -> None:
    """The harness itself: the same cuts under a command that shows items before they are on the disk."""
    found = power.under(made, random.Random(6), tmp_path, 1, ("-c", CARELESS))
    assert any("is gone" in wrong or "no journal" in wrong for wrong in found.wrongs), found
