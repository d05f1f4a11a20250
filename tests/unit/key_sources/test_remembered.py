"""Secrets that were read are hidden; those that the pattern finds anyhow take no room."""

from __future__ import annotations

import pytest

from listenkey.key_sources import remembered
from listenkey.key_sources.remembered import REMEMBERED_MAX, hide, remember

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "REMEMBERED", {})


def test_what_was_read_is_hidden_whatever_it_looks_like() -> None:
    assert hide("my dog! barks") == "my dog! barks"
    remember("dog!")
    assert hide("my dog! barks") == "my [hidden] barks"


def test_short_texts_are_not_remembered() -> None:
    remember("a")
    assert hide("a banana") == "a banana"


def test_a_key_of_the_venues_form_is_hidden_and_takes_no_room() -> None:
    remember(KEY)
    assert remembered.REMEMBERED == {}
    assert hide(f"POST with {KEY} failed") == "POST with [hidden] failed"


def test_the_newest_are_kept() -> None:
    for number in range(REMEMBERED_MAX + 2):
        remember(f"pass-{number}")
    assert len(remembered.REMEMBERED) == REMEMBERED_MAX
    assert hide(f"pass-{REMEMBERED_MAX + 1}") == "[hidden]"
