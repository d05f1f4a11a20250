"""Test the choice of the event loop where nobody else has chosen one."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest

from listenkey.blocking.event_loop import CHOICE, new_event_loop


def kind_of_loop() -> str:
    with closing(new_event_loop()) as loop:
        return type(loop).__module__.partition(".")[0]


def test_uvloop_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE)
    assert kind_of_loop() == "uvloop"


def test_not_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "asyncio")
    assert kind_of_loop() == "asyncio"


def test_not_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert kind_of_loop() == "asyncio"
