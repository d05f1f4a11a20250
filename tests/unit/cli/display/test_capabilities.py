"""Test if a person looks, and if colours are welcome."""

from __future__ import annotations

import pytest

from listenkey.cli.display.capabilities import colours_allowed, stdout_is_terminal


def test_a_pipe_is_no_terminal_and_neither_is_a_dumb_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert not stdout_is_terminal()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert stdout_is_terminal()
    monkeypatch.setenv("TERM", "dumb")
    assert not stdout_is_terminal()


def test_no_color_counts_when_it_holds_anything() -> None:
    assert colours_allowed({})
    assert colours_allowed({"NO_COLOR": ""})
    assert not colours_allowed({"NO_COLOR": "1"})
