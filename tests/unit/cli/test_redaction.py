"""Nothing that is secret, and nothing a terminal would obey, gets through."""

from __future__ import annotations

import json

import pytest

from listenkey.cli.redaction import escaped, printable, redact
from listenkey.key_sources.remembered import remember

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


def test_what_looks_like_a_key_is_masked() -> None:
    assert redact(f"POST with {KEY} failed") == "POST with [hidden] failed"


def test_given_secrets_are_masked_whatever_they_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.key_sources.remembered.REMEMBERED", {})
    assert redact("my dog") == "my dog"
    remember("dog!")
    assert redact("my dog! barks") == "my [hidden] barks"
    monkeypatch.setenv("BINANCE_API_SECRET", "p w d")
    assert redact("p w d") == "[hidden]"


@pytest.mark.parametrize("evil", ["\x1b[2Jx", "\x9b2Jx", "\rx", "\x07x", "\u202ex", "\u2028x", "\x7fx"])
def test_nothing_a_terminal_obeys_is_left(evil: str) -> None:
    assert printable(evil) in ("x", "[2Jx", "2Jx")


def test_plain_text_is_one_line_and_has_an_end() -> None:
    assert printable("a\nb\tc") == "a b c"
    assert printable("x" * 500, 10) == "x" * 9 + "…"


def test_an_escaped_line_of_json_means_the_same() -> None:
    text = "a\x1b[2J\x07\x7f\x9b\u202eb\nä"
    line = json.dumps(text, ensure_ascii=False)
    shown = escaped(line)
    assert json.loads(shown) == text
    assert not any(one in shown for one in "\x1b\x07\x7f\x9b\u202e")
    assert "ä" in shown
