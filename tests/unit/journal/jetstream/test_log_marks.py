from __future__ import annotations

import asyncio

from listenkey.core.gaps import Watermark
from listenkey.journal.jetstream.fact_cell import FactCell
from listenkey.journal.jetstream.log_marks import CURSOR_EVERY_S, NOTE_EVERY_S, Cursor, cursor_bytes, read_cursor
from listenkey.journal.jetstream.mark import Mark, read_mark
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import NOT_SENT, OneAccount, linked


def test_a_position_that_could_not_be_meant_is_none() -> None:
    assert read_cursor(cursor_bytes(Cursor(1, 2))) == Cursor(1, 2)
    assert read_cursor(None) is None
    assert read_cursor(b"[]") is None


async def test_the_end_of_coverage_is_written_once_in_a_while(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        opened = await account.open()
        marks = account.marks

        async def write(*, final: bool = False) -> Mark:
            await marks.write_due(account.numbering, final=final)
            return read_mark(await FactCell(link, names.names.state, names.mark, lambda _: False).read())

        assert await write() == Mark(opened.token, 0)
        watermark = Watermark(1_000, "boot", 5)
        marks.heard(1_000, watermark)
        assert await write() == Mark(opened.token, 0, 1_000, watermark)
        marks.heard(2_000)
        assert (await write()).covered_ms == 1_000
        account.now_s += NOTE_EVERY_S
        assert (await write()).covered_ms == 2_000
        marks.heard(3_000)
        assert (await write(final=True)).covered_ms == 3_000
        marks.stop()


async def test_a_position_is_written_at_once_for_whoever_waits(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        assert (await account.open("book")).consumed is None
        marks, numbering = account.marks, account.numbering
        marks.done(3, urgent=False)
        assert await marks.write_due(numbering, final=False) == 3
        marks.done(4, urgent=False)
        assert await marks.write_due(numbering, final=False) is None
        marks.done(5, urgent=True)
        assert await marks.write_due(numbering, final=False) == 5
        account.now_s += CURSOR_EVERY_S
        marks.done(6, urgent=False)
        assert await marks.write_due(numbering, final=False) == 6
        marks.done(7, urgent=False)
        assert await marks.write_due(numbering, final=True) == 7
        marks.done(8, urgent=True)
        link.fail("$KV", NOT_SENT)
        assert await marks.write_due(numbering, final=False) is None
        account.now_s += 1
        assert await marks.write_due(numbering, final=False) == 8
        later = OneAccount(link, names, "w2")
        assert (await later.open("book")).consumed == 8
        assert (await OneAccount(link, names, "w3").open("other")).consumed is None


async def test_whoever_writes_is_woken_when_something_is_due(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open("book")
        marks, woken = account.marks, asyncio.Event()
        marks.heard(1)
        assert not woken.is_set()
        marks.on_due = woken.set
        marks.heard(2)
        marks.heard(3)
        await asyncio.wait_for(woken.wait(), 5)
        await marks.write_due(account.numbering, final=False)
        woken.clear()
        marks.done(1, urgent=False)
        await asyncio.wait_for(woken.wait(), 5)
        await marks.write_due(account.numbering, final=False)
        marks.heard(4)
        marks.stop()
        marks.stop()
        marks.heard(5)
        assert marks.on_due is None


async def test_a_mark_that_was_not_taken_is_written_again(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        account = OneAccount(link, names)
        await account.open()
        link.fail("$KV", NOT_SENT)
        account.marks.heard(1_000)
        await account.marks.write_due(account.numbering, final=False)
        await account.marks.write_due(account.numbering, final=True)
        later = OneAccount(link, names, "w2")
        assert (await later.open()).left.covered_until_ms == 1_000
