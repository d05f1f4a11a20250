"""Test when portions are taken away; which ones is shown in test_retention.py."""

from __future__ import annotations

from pathlib import Path

from listenkey.journal.sqlite.pruner import PRUNE_EVERY_S, Pruner
from listenkey.journal.sqlite.retention import Retention
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, Wall


def test_pruning_rests_when_there_is_nothing_to_take(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    assert not Pruner(store, Retention(), Wall(), lambda: 0).is_due(100.0)
    pruner = Pruner(store, Retention(keep_bytes=1), Wall(), lambda: 0)
    assert pruner.is_due(100.0)
    assert not pruner.take_some(100.0)
    assert [pruner.is_due(now_s) for now_s in (100.0, 100.0 + PRUNE_EVERY_S)] == [False, True]
    store.close()
