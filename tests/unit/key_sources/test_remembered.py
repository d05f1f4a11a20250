"""Secrets that were read are hidden; those that the pattern finds anyhow take no room."""

from __future__ import annotations

import base64
import random

import pytest

from listenkey.key_sources import remembered
from listenkey.key_sources.remembered import REMEMBERED_CHARS_MAX, REMEMBERED_MAX, hide, remember

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


def test_their_letters_have_a_bound_as_well() -> None:
    for number in range(10):
        remember(f"{number}-" * (REMEMBERED_CHARS_MAX // 8))
    assert [secret[0] for secret in remembered.REMEMBERED] == ["6", "7", "8", "9"]


@pytest.mark.parametrize(
    "path",
    [
        "/run/secrets/listenkey/accounts/alice",
        "/var/lib/listenkey2/desks/Tokyo3/keys",
        "etc/listenkey/keys/desk1/a/b/c/d/e",
    ],
)
def test_a_path_is_shown(path: str) -> None:
    assert len(path) >= 32
    assert hide(f"{path}: can't be read") == f"{path}: can't be read"


@pytest.mark.parametrize(
    "key", [KEY, f"/run/{KEY}", f"{KEY}/x", f"/secrets/{KEY[:20]}/and/some/more", KEY[:30] + "/" + KEY[30:]]
)
def test_a_key_within_a_path_is_not(key: str) -> None:
    assert "[hidden]" in hide(f"{key}: can't be read")
    assert KEY[:12] not in hide(f"{key}: can't be read")


@pytest.mark.parametrize(
    "run",
    ["abc+def/ghi/jkl/mno/pqr/stu/vwx/yza", "/run/abcdefghijklmnopqrstuv/abcdef", "/run/aB3dE5gH/abcdefghij/klmnopqr"],
)
def test_a_part_that_is_no_name_is_hidden(run: str) -> None:
    assert hide(run) == "[hidden]"


def test_base64_with_slashes_is_hidden() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        line = base64.b64encode(chance.randbytes(48)).decode()
        assert hide(f" {line} ") == " [hidden] ", line


def test_a_secret_that_looks_like_a_path_is_remembered() -> None:
    remember("/a/secret/that/looks/like/a/path/of/mine")
    assert hide("it is /a/secret/that/looks/like/a/path/of/mine") == "it is [hidden]"
