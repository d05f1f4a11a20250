"""The limit on open files is raised as far as the system lets it."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator

import pytest

from listenkey.gateway.descriptors import allow_files


@pytest.fixture(autouse=True)
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_becomes_the_hard_one(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, limits[1]))
    allow_files(1)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])


def test_a_limit_that_is_too_low_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    allow_files(100)
    assert not caplog.text
    allow_files(1000)
    assert "may open 1024 files, and 1000 accounts with their readers want 2512" in caplog.text


def test_a_limit_that_can_not_be_raised_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))

    def refused(*_: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refused)
    allow_files(1000)
    monkeypatch.undo()
    assert "may open 1024 files" in caplog.text


def test_a_system_without_such_limits_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    allow_files(1)
