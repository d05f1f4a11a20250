from __future__ import annotations

import io
import sys
import time

import pytest

from listenkey.cli.display.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_it_now_and_then_and_not_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, now_s = Terminal(), [100.0]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    made = Progress("copied")
    made(1, 4)
    made(2, 4)
    now_s[0] += 1
    made(3, 4)
    made.end()
    assert terminal.getvalue() == "\rcopied 25 % \rcopied 75 % \r\x1b[K"


def test_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    made = Progress("copied")
    made(1, 0)
    made.end()
    assert pipe.getvalue() == ""
