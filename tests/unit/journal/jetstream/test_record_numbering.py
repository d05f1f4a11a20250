from __future__ import annotations

from listenkey.items import GapClosed, GapOpened, Live
from listenkey.journal.jetstream.checkpoint import AccountMemory
from listenkey.journal.jetstream.mark import GapMark
from listenkey.journal.jetstream.record_codec import BEGINNING, link
from listenkey.journal.jetstream.record_numbering import RecordNumbering
from listenkey.journal.sqlite.numbering import EventEntry, NoticeEntry
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, greeks, read


def entry(raw: bytes) -> EventEntry:
    return EventEntry(read(raw), raw, AT_MS)


def told(item: Live | GapOpened | GapClosed) -> NoticeEntry:
    return NoticeEntry(item, AT_MS)


def test_numbers_have_no_holes_and_each_record_is_linked_to_the_one_before() -> None:
    numbering = RecordNumbering(ACCOUNT, AccountMemory())
    records = numbering.number([entry(fill(1)), entry(greeks(1)), told(Live(0, "", 5)), entry(fill(2))]).records
    assert [record.seq for record in records] == [1, 2, 3, 4]
    before = BEGINNING
    for record in records:
        assert record.chain == link(before, record.body)
        before = record.chain
    assert (numbering.seq, numbering.chain) == (4, before)
    assert {record.item.account for record in records} == {ACCOUNT}


def test_a_fill_that_is_known_gets_no_number() -> None:
    numbering = RecordNumbering(ACCOUNT, AccountMemory())
    numbered = numbering.number([entry(fill(1)), entry(fill(1)), entry(fill(2))])
    assert ([record.seq for record in numbered.records], numbered.duplicates) == ([1, 2], 1)
    assert numbering.number([entry(fill(2))]).records == []


def test_the_first_record_behind_lost_items_says_how_many_they_were() -> None:
    numbering = RecordNumbering(ACCOUNT, AccountMemory())
    numbering.seq, numbering.skip = 10, 3
    records = numbering.number([told(Live(0, "", 5)), entry(fill(1))]).records
    assert [record.seq for record in records] == [14, 15]
    assert [b'"skipped":3' in record.body for record in records] == [True, False]
    numbering.skip = 1
    assert b'"skipped":1' in numbering.number([entry(fill(2))]).records[0].body


def test_a_gap_is_followed_for_the_mark() -> None:
    numbering = RecordNumbering(ACCOUNT, AccountMemory())
    order = order_row(1, "CANCELED", "1").order
    recovered = [EventEntry(event, b"{}", AT_MS, "rest") for event in (trade_row(2).fill, order, order)]
    numbered = numbering.number(
        [told(Live(0, "", 3)), told(GapOpened(0, "", 5, "lost")), *recovered, told(GapOpened(0, "", 4, "earlier"))]
    )
    assert numbered.recovered == 3
    followed = [numbering.gap]
    (closed,) = numbering.number([told(GapClosed(0, "", 4, 9, 0))]).records
    assert isinstance(closed.item, GapClosed)
    assert (closed.item.recovered, closed.item.recovered_fills, closed.item.recovered_orders) == (3, 1, 2)
    followed.append(numbering.gap)
    assert followed == [GapMark(4, 3, 1, 2), None]
    numbering.number([told(Live(0, "", 9))])
    assert numbering.began_ms == 3
