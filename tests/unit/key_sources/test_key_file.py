"""Key files are read only where nobody else can read or swap them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.key_sources import key_file
from listenkey.key_sources.key_file import BYTES_MAX, read_key_file, read_private


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


def test_a_link_is_followed_where_only_we_could_have_made_it(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(write(tmp_path / "k", "BINANCE_API_KEY=abc"))
    assert read_key_file(link) == {"BINANCE_API_KEY": "abc"}
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(UsageError, match="open to others"):
        read_key_file(link)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_link_that_others_could_turn_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "link").symlink_to(write(tmp_path / "k", "BINANCE_API_KEY=abc"))
    (tmp_path / "ours").symlink_to(folder / "link")
    folder.chmod(mode)
    with pytest.raises(UsageError, match="others could turn elsewhere"):
        read_key_file(tmp_path / "ours")
    folder.chmod(0o1777)
    assert read_key_file(tmp_path / "ours")


@pytest.mark.skipif(os.geteuid() != 0, reason="2026-11-30: only root can give a link to somebody else")
def test_a_link_of_somebody_else_is_refused_in_a_sticky_folder(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "link").symlink_to(write(tmp_path / "k", "BINANCE_API_KEY=abc"))
    os.lchown(folder / "link", 12345, 12345)
    with pytest.raises(UsageError, match="others could turn elsewhere"):
        read_key_file(folder / "link")


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError, match="too many links"):
        read_key_file(tmp_path / "a")


@pytest.mark.parametrize("mode", [0o644, 0o440, 0o400])
def test_a_secret_that_kubernetes_mounts_is_read(tmp_path: Path, mode: int) -> None:
    version = tmp_path / "..2026_11_30_06_00_00.1"
    version.mkdir()
    write(version / "key", "BINANCE_API_KEY=abc", mode)
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "key").symlink_to("..data/key")
    tmp_path.chmod(0o1777)
    assert read_key_file(tmp_path / "key") == {"BINANCE_API_KEY": "abc"}
    (version / "key").chmod(0o666)
    with pytest.raises(UsageError, match="open to others"):
        read_key_file(tmp_path / "key")


def test_a_secret_below_a_mount_of_secrets_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "key", "BINANCE_API_KEY=abc", 0o444)
    with pytest.raises(UsageError, match="open to others"):
        read_key_file(path)
    monkeypatch.setattr(key_file, "MOUNTED_AT", (tmp_path,))
    assert read_key_file(path) == {"BINANCE_API_KEY": "abc"}
    path.chmod(0o464)
    with pytest.raises(UsageError, match="open to others"):
        read_key_file(path)


def test_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    assert read_key_file(write(tmp_path / "k", "\ufeffBINANCE_API_KEY=abc")) == {"BINANCE_API_KEY": "abc"}


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


def test_a_folder_is_refused_and_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    before = len(list(Path("/dev/fd").iterdir()))
    for path in (tmp_path / "folder", tmp_path, Path("/")):
        with pytest.raises(UsageError, match="is a folder; give the path of a file"):
            read_private(path)
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize("text", ["hunter2", "PASSWORD=hunter2", "BINANCE_API_SECRET=hunter2", "BINANCE_API_KEY="])
def test_a_bad_line_is_told_by_its_number_and_never_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"line 1|holds no line") as told:
        read_key_file(write(tmp_path / "k", text))
    assert "hunter2" not in str(told.value)
