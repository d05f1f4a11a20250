from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.journal.url import ACCOUNTS_FILE, accounts_path, journal_path


def test_a_path_and_both_forms_of_an_address() -> None:
    here = Path.cwd()
    assert journal_path("fills.db") == here / "fills.db"
    assert journal_path(Path("a") / "fills.db") == here / "a/fills.db"
    assert journal_path("sqlite:///a/fills%20b.db") == here / "a/fills b.db"
    assert journal_path("sqlite:////var/fills.db") == Path("/var/fills.db")
    assert journal_path("~/fills.db") == Path.home() / "fills.db"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nats://localhost", "needs a journal in a file"),
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


def test_it_stays_the_same_when_the_program_goes_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "link.db").symlink_to("one/fills.db")
    monkeypatch.chdir(tmp_path / "one")
    assert journal_path("../link.db") == journal_path("fills.db") == tmp_path / "one" / "fills.db"
    (tmp_path / "two" / "round.db").symlink_to("round.db")
    assert journal_path(tmp_path / "two" / "round.db") == tmp_path / "two" / "round.db", "opening it will tell"


def test_a_folder_that_is_gone_has_no_place_for_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="does not exist any more; give a path from the root"):
        journal_path("fills.db")
    monkeypatch.chdir(tmp_path)


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(UsageError, match="has no home folder; write the whole path"):
        journal_path("~/fills.db")


def test_a_folder_of_many_accounts_is_named_by_itself_or_by_its_file(tmp_path: Path) -> None:
    assert accounts_path(tmp_path) is None
    (tmp_path / ACCOUNTS_FILE).touch()
    (tmp_path / "fills.db").touch()
    for text in (tmp_path, tmp_path / ACCOUNTS_FILE, f"sqlite:///{tmp_path}"):
        assert accounts_path(text) == tmp_path / ACCOUNTS_FILE
    assert accounts_path(tmp_path / "fills.db") is None
    with pytest.raises(UsageError, match="has the journals of many accounts; name a journal of one account"):
        journal_path(tmp_path)
