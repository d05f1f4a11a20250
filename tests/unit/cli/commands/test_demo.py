"""The command `demo`; its parts are tested in tests/unit/cli/demo, the whole as a process in tests/promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from listenkey.cli.main import run


def test_a_short_demo_pulls_the_plug_and_ends_with_the_truth(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--json", "--seconds", "3"]) == 0
    *items, last = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    fills = [item for item in items if item["kind"] == "update" and item["event"].get("execution_type") == "TRADE"]
    assert last["kind"] == "summary"
    assert (last["ledger_equals_stream"], last["ledger_equals_journal"], last["journal_whole"]) == (True, True, True)
    assert last["fills"] == last["ledger_fills"] == len(fills) > 0
    assert [one["what"] for one in last["broken"]] == ["plug"]
    assert last["broken"][0]["whole_after_s"] is not None
    assert [item["kind"] for item in items if item["kind"].startswith("gap")] == ["gap_opened", "gap_closed"]


def test_a_demo_keeps_its_items_in_a_new_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "demo.db")
    assert run(["demo", "--json", "--seconds", "1", "--journal", path]) == 0
    shown = capfd.readouterr().out.splitlines()[:-1]
    assert run(["replay", path]) == 0
    assert capfd.readouterr().out.splitlines()[: len(shown)] == shown
    assert run(["demo", "--seconds", "1", "--journal", path]) == 2
    assert "name a new file" in capfd.readouterr().err
