"""One gateway holds a folder, and a killed one holds it no longer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from listenkey.errors import Fenced, JournalError
from listenkey.gateway.held_folder import FILE, HeldFolder


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    first = HeldFolder(tmp_path / "new/folder")
    assert (tmp_path / "new/folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new/folder" / FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(Fenced, match=f"process {os.getpid()}"):
        HeldFolder(tmp_path / "new/folder")
    first.release()
    HeldFolder(tmp_path / "new/folder").release()


def test_a_killed_process_holds_it_no_longer(tmp_path: Path) -> None:
    program = "import sys, time; from pathlib import Path; from listenkey.gateway.held_folder import HeldFolder\n"
    program += "held = HeldFolder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    line = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Fenced, match=f"process {process.pid}"):
            HeldFolder(tmp_path)
        process.kill()
        process.wait()
    HeldFolder(tmp_path).release()


def test_a_folder_that_cant_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(JournalError, match="can't be made or written"):
            HeldFolder(folder)
    (tmp_path / FILE).symlink_to("elsewhere")
    with pytest.raises(JournalError, match="symbolic link"):
        HeldFolder(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_holder_that_wrote_nothing_is_unknown(tmp_path: Path) -> None:
    held = HeldFolder(tmp_path)
    (tmp_path / FILE).write_bytes(b"\xffx")
    with pytest.raises(Fenced, match="process unknown"):
        HeldFolder(tmp_path)
    held.release()
