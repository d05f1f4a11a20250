from __future__ import annotations

import hashlib
import json
import random
import zlib

import msgspec
import pytest

from listenkey.errors import Corrupt
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.journal.jetstream.record_codec import (
    BEGINNING,
    CHAIN_HEADER,
    PACK_ABOVE_BYTES,
    LogRecord,
    read_record,
    record_of,
    told_body,
    update_body,
)
from listenkey.outcomes import GapCause, Loss
from tests.unit.core.making import order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, greeks, read

JSON_NAME = json.dumps(ACCOUNT).encode()


def recorded(item: Item, skipped: int = 0, before: bytes = BEGINNING) -> LogRecord:
    if isinstance(item, Update):
        return record_of(item, update_body(item, JSON_NAME, skipped), before)
    return record_of(item, told_body(item, AT_MS, skipped), before)


def update(raw: bytes, seq: int = 1, **more: object) -> Update:
    return Update(seq, ACCOUNT, read(raw), AT_MS, raw, **more)  # type: ignore[arg-type]


ITEMS: list[Item] = [
    update(fill(1)),
    update(greeks(1), seq=2),
    update(fill(1), provenance="ws+rest", late=True),
    update(fill(1), provenance="rest", late=True),
    Update(3, ACCOUNT, trade_row(1).fill, AT_MS, b'{"id":1}', "rest"),
    Update(4, ACCOUNT, order_row(1, "CANCELED", "1").order, AT_MS, b"", "rest"),
    Update(4, ACCOUNT, read(b'{"e":"NEW_THING","E":5,"raw":{"x":"\\u00fc"}}'), AT_MS, b'{"e":"NEW_THING","E":5}'),
    Live(5, ACCOUNT, 7),
    GapOpened(6, ACCOUNT, 5, 'lost "it"\nü', GapCause.JOURNAL_LOST),
    GapClosed(
        7, ACCOUNT, 5, 6, 3, ("a", "b"), 2, 1, fills_complete=True, lost=frozenset({Loss.DROPPED, Loss.NOT_ASKED})
    ),
]


@pytest.mark.parametrize("item", ITEMS)
def test_what_is_written_is_read_back_equal(item: Item) -> None:
    record = recorded(item, skipped=2)
    found = read_record(record.headers(), record.body, 99, BEGINNING)
    if isinstance(item, Update) and item.event.type == "NEW_THING":
        assert isinstance(found.item, Update)
        assert found.item.raw == item.raw
    else:
        assert found.item == item
    assert (found.chain, found.stream_seq, found.told_ms, found.skipped) == (record.chain, 99, AT_MS, 2)


def test_a_body_is_json_that_any_language_reads_and_the_chain_is_simple() -> None:
    record = recorded(update(fill(1)), before=b"x" * 16)
    words = json.loads(record.body)
    assert words["kind"] == "update"
    assert words["raw"] == json.loads(fill(1))
    assert "skipped" not in words
    assert record.headers() == {
        "Listenkey-Seq": "1",
        CHAIN_HEADER: hashlib.blake2b(b"x" * 16 + record.body, digest_size=16).hexdigest(),
    }


def test_a_long_item_is_compressed() -> None:
    raw = msgspec.json.encode({"e": "NEW_THING", "E": 5, "x": "long " * (PACK_ABOVE_BYTES // 4)})
    record = recorded(update(raw))
    assert len(record.body) < PACK_ABOVE_BYTES
    assert record.headers()["Listenkey-Encoding"] == "zlib"
    assert read_record(record.headers(), record.body, 1, BEGINNING).item == update(raw)


def test_each_change_is_found() -> None:
    record = recorded(update(fill(1)))
    headers = record.headers()
    cases = [
        (headers, record.body.replace(b"0.1000", b"0.2000"), BEGINNING, "was changed"),
        (headers, record.body, b"y" * 16, "was changed"),
        (headers, record.body.replace(b"update", b"upgrade"), None, "can't be read"),
        (headers, record.body[:-1], None, "can't be read"),
        (headers, record.body.replace(fill(1), b'{"x":1}'), None, "can't be read"),
        (headers | {"Listenkey-Seq": "2"}, record.body, None, "says that it is item 1"),
        ({}, record.body, None, "without the headers"),
        (headers | {"Listenkey-Seq": "x"}, record.body, None, "without the headers"),
        (headers | {"Listenkey-Encoding": "zlib"}, record.body, None, "damaged"),
        (headers | {"Listenkey-Encoding": "zlib"}, zlib.compress(record.body)[:-9], None, "is cut"),
    ]
    for changed, data, before, why in cases:
        with pytest.raises(Corrupt, match=why):
            read_record(changed, data, 1, before)


def test_a_body_that_grows_without_end_is_refused() -> None:
    record = recorded(update(fill(1)))
    bomb = zlib.compress(bytes(64 << 20), 9)
    with pytest.raises(Corrupt, match="longer than any"):
        read_record(record.headers() | {"Listenkey-Encoding": "zlib"}, bomb, 1, None)


def test_random_bytes_are_never_an_item() -> None:
    rng = random.Random(1)
    record = recorded(update(fill(1)))
    for _ in range(500):
        body = bytearray(record.body)
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
        with pytest.raises(Corrupt):
            read_record(record.headers(), bytes(body), 1, BEGINNING)
