"""`replay` shows a journal as it was."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from listenkey.cli.commands.replay import read, say_other, show_all
from listenkey.cli.main import run
from listenkey.cli.running import Stop
from listenkey.journal import opened
from listenkey.journal.files import ENDINGS, beside
from listenkey.journal.opened import OpenJournal
from listenkey.wire.json_lines import to_line
from tests.unit.cli.samples import ListRenderer
from tests.unit.journal.making import append, fill, journal, take, written


def test_lines_from_a_number_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    items = asyncio.run(written(tmp_path / "a.db", [fill(number) for number in range(1, 2001)]))
    assert run(["replay", str(tmp_path / "a.db"), "--from", "2", "--json"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines == [to_line(item).decode() for item in items[1:]]


def test_words_in_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(written(tmp_path / "a.db", [fill(1)]))
    monkeypatch.setattr("listenkey.cli.commands.replay.stdout_is_terminal", lambda: True)
    assert run(["replay", str(tmp_path / "a.db")]) == 0
    assert "0.1 @ 3,660" in capfd.readouterr().out


async def test_it_follows_what_is_written(tmp_path: Path) -> None:
    made, renderer = journal(tmp_path / "a.db"), ListRenderer(full=True)
    await made.open()
    reader = OpenJournal(tmp_path / "a.db")
    reading = asyncio.create_task(read(reader, 0, renderer, follow=True))
    given = []
    for number in range(1, 4):
        append(made, fill(number))
        given += await take(made, 1)
        async with asyncio.timeout(5):
            while renderer.items != given:  # noqa: ASYNC110 - the show is a list
                await asyncio.sleep(0.001)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    reader.close()
    await made.aclose()
    assert renderer.waited >= 3


async def test_it_follows_the_journal_that_takes_its_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody moves a journal away and starts a stream anew: its numbers begin with one again."""
    monkeypatch.setattr(opened, "NAME_EVERY_LOOKS", 2)
    path, renderer = tmp_path / "a.db", ListRenderer()
    items = await written(path, [fill(1), fill(2)])
    reader = OpenJournal(path, say_other)
    reading = asyncio.create_task(read(reader, 0, renderer, follow=True))
    move_journal(path, tmp_path / "away.db")
    items += await written(path, [fill(3)])
    async with asyncio.timeout(5):
        while renderer.items != items:  # noqa: ASYNC110 - the show is a list
            await asyncio.sleep(0.001)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    reader.close()
    assert [item.seq for item in renderer.items] == [1, 2, 3, 1, 2]
    assert "another journal has the name" in capfd.readouterr().err


def move_journal(path: Path, away: Path) -> None:
    for ending in ENDINGS:
        if beside(path, ending).exists():
            beside(path, ending).rename(beside(away, ending))


async def test_following_ends_when_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    await written(tmp_path / "a.db", [fill(1)])
    reader, stop = OpenJournal(tmp_path / "a.db"), Stop()
    asyncio.get_running_loop().call_later(0.05, stop.ask, "signal")
    assert await asyncio.wait_for(show_all(stop, reader, 0, follow=True, words=False), 5) == 0
    reader.close()
    assert [json.loads(line)["kind"] for line in capfd.readouterr().out.splitlines()] == ["live", "update"]


def test_damage_ends_it_with_its_code_after_what_is_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asyncio.run(written(tmp_path / "a.db", [fill(number) for number in range(1, 601)]))
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("UPDATE items SET why = 'x' WHERE seq = 550")
    connection.close()
    assert run(["replay", str(tmp_path / "a.db")]) == 5
    told = capfd.readouterr()
    assert "item 550" in told.err
    assert len(told.out.splitlines()) == 549


def test_a_journal_that_is_not_there_is_wrong_use(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", str(tmp_path / "a.db")]) == 2
    assert "no journal at" in capfd.readouterr().err
