"""The model of a disk: what may be there after a cut, and what must."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.lying_disk import PAGE, LyingDisk
from tests.chaos.traced import CutOff, Happened, Synced, TakenAway, Wrote, happened

ONE, TWO = b"1" * PAGE, b"2" * PAGE


def left(folder: Path, *what: Happened, begin: dict[str, bytes] | None = None) -> set[tuple[tuple[str, bytes], ...]]:
    """All that fifty cuts after this have left: names and contents."""
    for name, content in (begin or {}).items():
        (folder / name).write_bytes(content)
    disk, found = LyingDisk(folder), set()
    for one in what:
        disk.take(one)
    for seed in range(50):
        image = folder / f"image-{seed}"
        image.mkdir()
        disk.cut_power(image, random.Random(seed))
        found.add(tuple(sorted((path.name, path.read_bytes()) for path in image.iterdir())))
    return found


def test_what_was_synchronised_is_there(tmp_path: Path) -> None:
    assert left(tmp_path, Wrote("a", 0, ONE), Synced("a", done=True)) == {(("a", ONE),)}


def test_what_was_not_may_be_there_page_by_page(tmp_path: Path) -> None:
    found = left(tmp_path, Wrote("a", 0, TWO + TWO), begin={"a": ONE + ONE})
    assert found == {(("a", first + second),) for first in (ONE, TWO) for second in (ONE, TWO)}


def test_a_failed_synchronisation_is_not_mended_by_the_next(tmp_path: Path) -> None:
    failed: list[Happened] = [Wrote("a", 0, TWO), Synced("a", done=False), Synced("a", done=True)]
    assert left(tmp_path, *failed, begin={"a": ONE}) == {(("a", ONE),)}


def test_it_is_mended_by_writing_once_more(tmp_path: Path) -> None:
    again: list[Happened] = [Wrote("a", 0, TWO), Synced("a", done=False), Wrote("a", 5, b"2"), Synced("a", done=True)]
    assert left(tmp_path, *again, begin={"a": ONE}) == {(("a", TWO),)}


def test_names_and_lengths_come_in_order(tmp_path: Path) -> None:
    changes: list[Happened] = [TakenAway("a"), CutOff("b", 1)]
    begin = {"a": b"a", "b": b"bb"}
    assert left(tmp_path, *changes, begin=begin) == {
        (("a", b"a"), ("b", b"bb")), (("b", b"bb"),), (("b", b"b"),)
    }  # fmt: skip


def test_a_file_that_was_taken_away_and_made_anew_is_another(tmp_path: Path) -> None:
    what: list[Happened] = [TakenAway("a"), Wrote("a", 0, TWO), Synced("a", done=True)]
    assert left(tmp_path, *what, begin={"a": ONE + ONE}) == {(("a", TWO),)}


@pytest.mark.parametrize("name", ["a.db"])
def test_a_log_of_strace_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "disk"
    path = "".join(f"\\x{byte:02x}" for byte in str(folder / name).encode())
    (tmp_path / "log").write_text(
        f'7 pwrite64(3<{path}>, "\\x41\\x42", 2, 10 <unfinished ...>\n'
        '8 write(1<\\x2f\\x78>, "\\x31\\x0a", 2) = 2\n'
        "7 <... pwrite64 resumed>) = 2\n"
        f"7 fdatasync(3<{path}>) = -1 EIO (Input/output error) (INJECTED)\n"
        f"7 ftruncate(3<{path}>, 5) = 0\n"
        f'7 unlink("{path}") = 0\n'
        '7 pwrite64(4<\\x2f\\x79>, "\\x41", 1, 0) = 1\n'
        "7 +++ exited with 0 +++\n"
    )
    assert [str(one) for one in happened(tmp_path / "log", folder)] == [
        "Shown(data=b'1\\n')",
        f"Wrote(name='{name}', at=10, data=b'AB')",
        f"Synced(name='{name}', done=False)",
        f"CutOff(name='{name}', size=5)",
        f"TakenAway(name='{name}')",
    ]
