"""`tail` shows the stream and ends with the right code."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
from pathlib import Path

import pytest

from listenkey.cli.commands.tail import form_of_items, tell_of_waiting
from listenkey.cli.main import run
from listenkey.errors import Fenced, Refused
from listenkey.health import Health
from listenkey.journal.sqlite.lock import Lock
from listenkey.testing import LocalSandbox
from tests.unit.cli.samples import FakeStream, healthy, live, order_event, update
from tests.unit.journal.making import BadDisk


def given(monkeypatch: pytest.MonkeyPatch, stream: FakeStream) -> FakeStream:
    monkeypatch.setenv("BINANCE_API_KEY", "abc")
    monkeypatch.setattr("listenkey.cli.config.stream.open_stream", lambda *_, **__: stream)
    return stream


def test_lines_of_json_and_a_summary(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    stream = given(monkeypatch, FakeStream([live(), update(order_event())]))
    assert run(["tail", "--seconds", "0.05"]) == 0
    told = capfd.readouterr()
    assert [json.loads(line)["kind"] for line in told.out.splitlines()] == ["live", "update"]
    assert told.err == "listenkey: 1 event, 1 fill, no gaps, no duplicates removed\n"
    assert stream.exited


def test_never_live_is_not_reachable(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    given(monkeypatch, FakeStream(health=healthy(status="CONNECTING", why="refused \x1b[2J")))
    assert run(["tail", "--json", "--seconds", "0.05"]) == 4
    assert "it was never live: refused [2J" in capfd.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(Refused(401, -2015, "no"), 3), (Fenced("held"), 6)])
def test_what_ends_the_stream_is_the_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stream = given(monkeypatch, FakeStream([live()], error=error))
    assert run(["tail", "--json"]) == code
    assert stream.exited
    assert len(capfd.readouterr().err.splitlines()) == 2


def test_without_a_key_it_is_wrong_use(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["tail"]) == 2
    assert "set BINANCE_API_KEY" in capfd.readouterr().err


def test_a_journal_keeps_what_was_shown(
    exchange: LocalSandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fills.db"
    assert run(["tail", "--journal", str(path), "--json", "--seconds", "3"]) == 0
    shown = capfd.readouterr().out
    assert run(["replay", str(path)]) == 0
    assert capfd.readouterr().out == shown
    assert json.loads(shown)["kind"] == "live"


def test_a_journal_that_somebody_writes_is_held(
    exchange: LocalSandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    held = Lock(tmp_path / "fills.db")
    assert run(["tail", "--journal", str(tmp_path / "fills.db")]) == 6
    assert "another stream of this process writes" in capfd.readouterr().err
    held.release()


def test_a_journal_in_no_folder_is_told_with_the_folder(
    exchange: LocalSandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["tail", "--journal", str(tmp_path / "no" / "fills.db")]) == 5
    err = capfd.readouterr().err
    assert f"the folder {tmp_path / 'no'} does not exist; make it, or give another path" in err
    assert "lock" not in err


def test_a_journal_in_nats_needs_the_name_of_the_account(
    exchange: LocalSandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["tail", "--journal", "nats://localhost"]) == 2
    assert "give --account 'desk-1'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("as_json", "is_terminal", "term", "form"),
    [
        (False, True, "xterm", "dashboard"),
        (False, True, "dumb", "text"),
        (False, False, "xterm", "json"),
        (True, True, "xterm", "json"),
    ],
)
def test_a_person_gets_words_where_there_is_no_full_screen(
    *, as_json: bool, is_terminal: bool, term: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout", Terminal(is_terminal=is_terminal))
    assert form_of_items(as_json=as_json) == form


class Terminal(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


async def test_what_a_stream_waits_for_is_told_until_it_is_live(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("listenkey.cli.commands.tail.TOLD_AFTER_S", (0.001, 0.001))
    went_live = asyncio.Event()
    waiting = healthy(status="CONNECTING", why="asking for a listen key \x1b[2J")
    await tell_of_waiting(lambda: waiting, went_live, "json")
    assert capfd.readouterr().err == "listenkey: not live yet: asking for a listen key [2J\n" * 2
    await tell_of_waiting(lambda: waiting, went_live, "dashboard")
    went_live.set()
    await tell_of_waiting(lambda: waiting, went_live, "text")
    assert capfd.readouterr().err == ""


def test_keep_days_without_a_journal_is_told_by_the_names_of_the_options(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "abc")
    assert run(["tail", "--keep-days", "3"]) == 2
    assert capfd.readouterr().err.splitlines() == [
        "listenkey: --keep-days needs a journal",
        "  what to do: name one with --journal, or leave --keep-days out",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--journal", "j.db", "--keep-days", "99999"], "--keep-days is 36,525 at most"),
        (["--journal", "kafka://x"], "there is no journal of the kind kafka://"),
        (["--rest-url", "ftp://x", "--ws-url", "ws://x"], "--rest-url must look like https://host"),
    ],
    ids=["keep_days", "journal", "rest_url"],
)
def test_no_argument_of_the_library_is_named(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "abc")
    monkeypatch.chdir(tmp_path)
    assert run(["tail", *arguments]) == 2
    told = capfd.readouterr().err
    assert said in told
    assert not re.search(r"keep_days|journal=|rest_url", told)


def test_metrics_are_served_beside_the_stream(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, FakeStream([live()]))
    assert run(["tail", "--json", "--seconds", "0.05", "--metrics-port", "0"]) == 0
    assert "listenkey: metrics: http://127.0.0.1:" in capfd.readouterr().err


def test_account_and_keep_days_reach_the_stream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, object] = {}

    def opened(*_: object, **options: object) -> FakeStream:
        asked.update(options)
        return FakeStream([live()])

    monkeypatch.setenv("BINANCE_API_KEY", "x" * 64)
    monkeypatch.setattr("listenkey.cli.config.stream.open_stream", opened)
    path = str(tmp_path / "a.db")
    assert run(["tail", "--json", "--seconds", "0.05", "--journal", path, "--account", "desk", "--keep-days", "7"]) == 0
    assert asked == {"journal": path, "account": "desk", "keep_days": 7.0}


FULL = "the journal a.db can't grow: the disk is full"


@pytest.mark.parametrize(
    ("problem", "backlog", "told"),
    [
        (
            FULL,
            155,
            f"  {FULL}\n  it ended while the journal could not be written: 155 events are not in it; make room, ",
        ),
        (FULL, 1, f"  {FULL}\n  it ended while the journal could not be written: 1 event is not in it; make room, "),
        (
            "it was moved",
            0,
            "  it was moved\n  it ended while the journal could not be written: no event waited; put that",
        ),
        (
            None,
            2,
            "  the disk did not answer\n  it ended while the journal could not be written: 2 events are not in it; ",
        ),
    ],
)
def test_an_end_while_the_journal_cant_be_written_is_told_and_has_its_code(
    problem: str | None,
    backlog: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    left = healthy(status="DEGRADED", why="x", journal_problem=problem, backlog=backlog)
    given(monkeypatch, FakeStream([live()], health=left))
    assert run(["tail", "--json", "--seconds", "0.05", "--journal", str(tmp_path / "a.db")]) == 5
    err = capfd.readouterr().err
    assert told in err
    assert err.endswith(", then start again: with the secret, REST is asked for their fills\n")


def test_a_journal_that_was_written_at_the_close_is_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Healing(FakeStream):
        def health(self) -> Health:
            return healthy() if self.exited else healthy(status="DEGRADED", journal_problem=FULL, backlog=3)

    given(monkeypatch, Healing([live()]))
    assert run(["tail", "--json", "--seconds", "0.05", "--journal", str(tmp_path / "a.db")]) == 0
    assert "could not be written" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE"])
def test_a_disk_that_failed_to_the_end_is_told_with_what_the_journal_lacks(
    name: str,
    exchange: LocalSandbox,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path, disk = tmp_path / "fills.db", BadDisk(monkeypatch, name)

    def fail() -> None:
        exchange.wait_for_listeners(1)
        exchange.wait_for(lambda: path.exists() and disk.count > 0)
        disk.dead = True
        exchange.burst(5)

    failing = threading.Thread(target=fail)
    failing.start()
    assert run(["tail", "--json", "--seconds", "3", "--journal", str(path)]) == 5
    failing.join()
    told = re.search(r"could not be written: (\d+) events are not in it", capfd.readouterr().err)
    assert told is not None
    assert int(told[1]) >= 5


def test_a_folder_that_was_moved_away_to_the_end_is_told(
    exchange: LocalSandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()

    def move() -> None:
        exchange.wait_for_listeners(1)
        folder.rename(tmp_path / "there")
        exchange.burst(5)

    moving = threading.Thread(target=move)
    moving.start()
    assert run(["tail", "--json", "--seconds", "3", "--journal", str(folder / "fills.db")]) == 5
    moving.join()
    assert re.search(r"could not be written: \d+ events are not in it; put that right", capfd.readouterr().err)
