"""A file is there whole, old or new, and for its owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from listenkey.gateway.whole_file import write_whole


def test_a_file_is_put_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    old = os.umask(0)
    try:
        write_whole(path, b"one")
        write_whole(path, b"two")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    write_whole(tmp_path / "f", b"one")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fails)  # type: ignore[call-overload]
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "f", b"two")
    monkeypatch.undo()
    assert (tmp_path / "f").read_bytes() == b"one"
    assert len(list(tmp_path.iterdir())) == 1


def test_it_is_synchronised_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synchronise(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def put(self: Path, target: Path) -> Path:
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synchronise)
    monkeypatch.setattr(Path, "replace", put)
    write_whole(tmp_path / "f", b"one")
    assert steps == ["file", "name", "folder"]


def test_the_rest_of_a_killed_process_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("not ours")
    (tmp_path / ".f.new").symlink_to("target")
    write_whole(tmp_path / "f", b"one")
    assert (tmp_path / "target").read_text() == "not ours"
    assert not (tmp_path / ".f.new").is_symlink()
