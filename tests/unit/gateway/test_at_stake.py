"""The stakes of accounts are remembered from one start to the next, and nothing depends on them but an order."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.gateway.at_stake import FILE, note_stakes, read_stakes


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    assert read_stakes(tmp_path) == {}
    note_stakes(tmp_path, {"desk-1": (2, 1_795_330_000_000), "desk-2": ()})
    assert read_stakes(tmp_path) == {"desk-1": (2, 1_795_330_000_000), "desk-2": ()}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a":1}', b'{"a":["x"]}', b"\xff"])
def test_a_note_that_can_not_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert read_stakes(tmp_path) == {}


def test_a_note_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        note_stakes(tmp_path / "gone", {})
