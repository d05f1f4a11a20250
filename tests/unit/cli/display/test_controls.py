"""Each key does what the help says."""

from __future__ import annotations

import pytest

from listenkey.cli.display.controls import KEYS, Controls


def pressed(*keys: bytes) -> Controls:
    controls = Controls()
    for key in keys:
        controls.press(key)
    return controls


@pytest.mark.parametrize("key", [b"q", b"Q", b"\x04"])
def test_the_end_can_be_asked_for(key: bytes) -> None:
    assert pressed(key).quit


def test_help_comes_and_goes() -> None:
    assert pressed(b"?").help
    assert not pressed(b"?", b"?").help
    assert not pressed(b"?", b"\x1b").help


def test_pausing_and_filtering_begin_at_the_newest() -> None:
    assert (pressed(b"j", b" ").paused, pressed(b"j", b" ").skipped) == (True, 0)
    assert not pressed(b"p", b"p").paused
    assert [pressed(*[b"f"] * count).kinds for count in range(4)] == ["all", "fills", "gaps", "all"]
    assert pressed(b"j", b"f").skipped == 0


def test_scrolling_never_goes_above_the_newest() -> None:
    assert pressed(b"j", b"\x1b[B", b"\x1b[6~").skipped == 12
    assert pressed(b"j", b"k", b"\x1b[A", b"\x1b[5~").skipped == 0
    assert pressed(b"j", b"j", b"g").skipped == 0


@pytest.mark.parametrize("key", [b"", b"x", b"\xff", b"\x1b[24~", b"\x00"])
def test_an_unknown_key_does_nothing(key: bytes) -> None:
    assert vars(pressed(key)) == vars(Controls())
    assert key not in KEYS
