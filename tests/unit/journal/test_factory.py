from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import UsageError
from listenkey.items import Update
from listenkey.journal.base import Journal
from listenkey.journal.factory import make_journal
from listenkey.journal.item_buffer import DECODED_MAX
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.memory import MemoryJournal
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.transport.runtime import Runtime
from listenkey.wire.frames import UnreadableFrame, read_payload


def made(journal: str | Path | None, *options: Any, auto_commit: bool = False) -> Journal:
    consumer, after, days, size = (*options, None, None, None, None)[:4]
    return make_journal(journal, "a3f1", Runtime(), consumer, after, days, size, auto_commit=auto_commit)


def test_without_a_place_items_are_kept_in_memory(tmp_path: Path) -> None:
    assert isinstance(made(None), MemoryJournal)
    kept = made(f"sqlite:///{tmp_path}/a.db", "book", None, 1.5, auto_commit=True)
    assert isinstance(kept, SqliteJournal)
    assert not list(tmp_path.iterdir()), "nothing is opened yet"


@pytest.mark.parametrize("options", [("book",), (None, 0), (None, None, 1.0), (None, None, None, 1)])
def test_what_needs_a_file_is_refused_without_one(options: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="need a journal in a file"):
        made(None, *options)
    with pytest.raises(UsageError, match="need a journal in a file"):
        made(None, auto_commit=True)


def test_an_address_in_nats_is_a_journal_there_and_opens_nothing() -> None:
    kept = made("nats://a:4222,b:4222", "book", 7, auto_commit=True)
    assert isinstance(kept, JetStreamJournal)
    assert kept.account == "a3f1"
    with pytest.raises(UsageError, match="leave keep_days and keep_bytes out"):
        made("nats://a", None, None, 1.0)
    with pytest.raises(UsageError, match="leave keep_days and keep_bytes out"):
        made("nats://a", None, None, None, 1)
    with pytest.raises(UsageError, match="found by its account's name"):
        make_journal(
            "nats://a", "0123abcd", Runtime(), None, None, None, None, auto_commit=False, account_is_named=False
        )


async def test_what_waits_long_in_memory_is_read_again_from_its_json() -> None:
    kept = made(None)
    raws = [b'{"e":"GREEK_UPDATE","E":%d,"T":%d,"G":[]}' % (number, number) for number in range(DECODED_MAX + 2)]
    for raw in raws:
        event = read_payload(raw)
        assert not isinstance(event, UnreadableFrame)
        kept.append_event(event, raw, 5)
    items = [await kept.next() for _ in raws]
    assert [item.event.event_ms for item in items if isinstance(item, Update)] == list(range(DECODED_MAX + 2))


async def test_items_carry_the_name_of_the_account_that_the_journal_has(tmp_path: Path) -> None:
    assert made(None).account == "a3f1"
    first = made(tmp_path / "a.db")
    await first.open()
    await first.aclose()
    other = make_journal(
        tmp_path / "a.db", "0123abcd", Runtime(), None, None, None, None, auto_commit=False, account_is_named=False
    )
    assert other.account == "0123abcd"
    await other.open()
    assert other.account == "a3f1"
    await other.aclose()
