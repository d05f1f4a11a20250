"""`doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listenkey.cli.commands import doctor as module
from listenkey.cli.commands.doctor import glyph_of, weight_finding
from listenkey.cli.main import run
from listenkey.testing import LocalSandbox


def checks(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["check"]: line for line in lines}


def test_all_is_well(exchange: LocalSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    found = checks(capsys)
    assert list(found) == ["credentials", "clock", "key", "weight", "socket"]
    assert all(line["ok"] for line in found.values())
    assert abs(found["clock"]["ahead_ms"]) < 1000
    assert found["key"]["was_active"] is False
    assert found["weight"]["used_weight_1m"] > 0


def test_words_for_people(exchange: LocalSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["✓"] * 5
    assert exchange.api_key not in "".join(lines)


def test_a_wrong_key_is_refused_and_the_socket_is_not_tried(
    exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "x" * 64)
    assert run(["doctor", "--json"]) == 3
    found = checks(capsys)
    assert (found["key"]["ok"], found["key"]["error"]) == (False, "Refused")
    assert "permissions" in found["key"]["advice"]
    assert "socket" not in found


def test_a_wrong_secret_is_refused_and_the_socket_is_not_tried(
    exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", exchange.api_secret)
    assert run(["doctor"]) == 0
    assert "✓ secret       accepted" in capsys.readouterr().out
    monkeypatch.setenv("BINANCE_API_SECRET", "x" * 64)
    assert run(["doctor", "--json"]) == 3
    found = checks(capsys)
    assert (found["secret"]["ok"], found["secret"]["error"]) == (False, "Refused")
    assert "not the one of this API key" in found["secret"]["advice"]
    assert "socket" not in found


def test_a_wrong_clock_is_told_by_how_much(exchange: LocalSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    exchange.advance(60_000)
    assert run(["doctor", "--json"]) == 1
    clock = checks(capsys)["clock"]
    assert -61_000 < clock["ahead_ms"] < -59_000
    assert "NTP" in clock["advice"]


def test_nobody_there(
    exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LISTENKEY_REST_URL", "http://127.0.0.1:9")
    assert run(["doctor"]) == 4
    text = capsys.readouterr().out
    assert "✗ clock" in text
    assert "what to do:" in text


def test_a_socket_that_does_not_come_is_told(
    exchange: LocalSandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LIVE_WITHIN_S", 0.3)
    monkeypatch.setenv("LISTENKEY_WS_URL", "ws://127.0.0.1:9")
    assert run(["doctor", "--json"]) == 4
    assert checks(capsys)["socket"]["ok"] is False


def test_weight_near_the_limit_is_told() -> None:
    assert weight_finding(None).ok
    assert weight_finding(12).ok
    near = weight_finding(390)
    assert near.ok, "a recovery of our own may use more, and the limit may be 2,400"
    assert "some addresses have 400" in near.found
    assert not weight_finding(1_950).ok


@pytest.mark.parametrize(
    ("encoding", "marks"), [("utf-8", ("✓", "✗")), ("latin-1", ("ok", "NO")), ("nonsense", ("ok", "NO"))]
)
def test_a_mark_that_the_terminal_lacks_is_a_word(encoding: str, marks: tuple[str, str]) -> None:
    assert (glyph_of(ok=True, encoding=encoding), glyph_of(ok=False, encoding=encoding)) == marks
