"""An account's keys are remembered by fingerprint, and whatever is not known is doubted."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.credentials import Secret
from listenkey.gateway.known_keys import FILE, KnownKeys

OURS, OTHER = Secret("a" * 64), Secret("b" * 64)


async def test_a_key_that_was_noted_is_known_also_to_the_next_process(tmp_path: Path) -> None:
    known = KnownKeys(tmp_path)
    known.read()
    assert known.doubt("desk", OURS, 0) == "", "there is nothing to mix up"
    assert "another API key" in known.doubt("desk", OURS, 7)
    known.note("desk", OURS)
    known.note("desk", OURS)
    known.note("lab", OTHER)
    await known.aclose()
    again = KnownKeys(tmp_path)
    again.read()
    assert again.doubt("desk", OURS, 7) == ""
    assert "another API key" in again.doubt("desk", OTHER, 7)
    content = (tmp_path / FILE).read_text()
    assert OURS.reveal() not in content
    assert OURS.fingerprint() in content


@pytest.mark.parametrize("content", [b"", b"[]", b'{"desk":1}', b"\xff"])
def test_a_file_that_can_not_be_read_makes_every_key_doubted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    known = KnownKeys(tmp_path)
    known.read()
    assert known.doubt("desk", OURS, 1)


async def test_a_file_that_can_not_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = KnownKeys(tmp_path / "gone")
    known.note("desk", OURS)
    await known.aclose()
    assert "can't be noted" in caplog.text
    assert known.doubt("desk", OURS, 1) == ""
    await known.aclose()


async def test_what_another_process_found_out_is_known(tmp_path: Path) -> None:
    known = KnownKeys(tmp_path)
    known.read()
    assert known.known("desk") == ""
    known.learn("desk", "")
    assert known.doubt("desk", OURS, 7)
    known.learn("desk", OURS.fingerprint())
    assert known.known("desk") == OURS.fingerprint()
    assert known.doubt("desk", OURS, 7) == ""
    assert known.doubt("desk", OTHER, 7)
    await known.aclose()
    again = KnownKeys(tmp_path)
    again.read()
    assert again.known("desk") == OURS.fingerprint()
