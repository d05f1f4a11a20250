from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.journal.place import journal_path


def test_a_path_and_both_forms_of_an_address() -> None:
    assert journal_path("fills.db") == Path("fills.db")
    assert journal_path(Path("a") / "fills.db") == Path("a/fills.db")
    assert journal_path("sqlite:///a/fills%20b.db") == Path("a/fills b.db")
    assert journal_path("sqlite:////var/fills.db") == Path("/var/fills.db")
    assert journal_path("~/fills.db") == Path.home() / "fills.db"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nats://localhost", "not in this release"),
        ("redis://x", "no journal of the kind redis"),
        ("sqlite://fills.db", "three slashes"),
        ("", "path of a file"),
        ("sqlite:///", "path of a file"),
        (":memory:", "leave it out"),
        ("a\0b", "path of a file"),
    ],
)
def test_what_is_no_file_is_refused_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        journal_path(text)


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        journal_path(tmp_path)
