"""The three calls by hand, against a sandbox."""

from __future__ import annotations

import json

import pytest

from listenkey.cli.main import run
from listenkey.testing import LocalSandbox


def test_start_keepalive_close(exchange: LocalSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["key", "start"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert set(first) == {"listenKey", "expiration"}
    assert run(["key", "start"]) == 0
    assert json.loads(capsys.readouterr().out)["listenKey"] == first["listenKey"]
    assert run(["key", "keepalive"]) == 0
    assert json.loads(capsys.readouterr().out) == {}
    assert run(["key", "close"]) == 0
    assert json.loads(capsys.readouterr().out) == {}
    assert run(["key", "keepalive"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "listenkey key start" in told.err


def test_the_websockets_address_is_not_needed(exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTENKEY_WS_URL")
    assert run(["key", "start"]) == 0


def test_a_key_the_venue_does_not_know_is_refused(
    exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "x" * 64
    monkeypatch.setenv("BINANCE_API_KEY", wrong)
    assert run(["key", "start"]) == 3
    told = capsys.readouterr()
    assert wrong not in told.err + told.out


def test_nobody_there_is_not_reachable(exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENKEY_REST_URL", "http://127.0.0.1:9")
    assert run(["key", "start"]) == 4
