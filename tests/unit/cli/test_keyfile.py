"""Key files are read only where nobody else can read or swap them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from listenkey.cli.keyfile import BYTES_MAX, read_key_file, read_private
from listenkey.errors import UsageError


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_names_values_comments_and_quotes(tmp_path: Path) -> None:
    text = "# my key\n\nexport BINANCE_API_KEY='abc'\nBINANCE_API_SECRET = d=e \n"
    assert read_key_file(write(tmp_path / "k", text)) == {"BINANCE_API_KEY": "abc", "BINANCE_API_SECRET": "d=e"}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_open_to_others_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "k", "BINANCE_API_KEY=abc", mode)
    with pytest.raises(UsageError, match=f"chmod 600 {path}"):
        read_key_file(path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(write(tmp_path / "k", "BINANCE_API_KEY=abc"))
    with pytest.raises(UsageError, match="symbolic link"):
        read_key_file(link)


def test_a_folder_that_everybody_writes_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    path = write(folder / "k", "BINANCE_API_KEY=abc")
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="chmod o-w"):
        read_key_file(path)
    folder.chmod(0o1777)
    assert read_key_file(path)


def test_somebody_elses_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "k", "BINANCE_API_KEY=abc")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="another user"):
        read_private(path)


def test_what_is_no_file_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_private(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(UsageError, match="not a file"):
        read_private(tmp_path / "pipe")
    with pytest.raises(UsageError, match="too big"):
        read_private(write(tmp_path / "big", "x" * (BYTES_MAX + 1)))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "bytes").chmod(0o600)
    with pytest.raises(UsageError, match="not text"):
        read_private(tmp_path / "bytes")


@pytest.mark.parametrize("text", ["hunter2", "PASSWORD=hunter2", "BINANCE_API_SECRET=hunter2", "BINANCE_API_KEY="])
def test_a_bad_line_is_told_by_its_number_and_never_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"line 1|holds no line") as told:
        read_key_file(write(tmp_path / "k", text))
    assert "hunter2" not in str(told.value)
