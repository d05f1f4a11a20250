from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listenkey.credentials import Secret
from listenkey.errors import UsageError
from listenkey.events import UnknownEvent
from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.outcomes import GapCause, Loss
from listenkey.wire.frames import Received, read
from listenkey.wire.json_lines import event_of, from_line, to_line
from tests.unit.wire.test_frames import mutants

FIXTURES = Path(__file__).parents[2] / "fixtures"
ONE_FILL = json.dumps(json.loads((FIXTURES / "thirdparty_order_trade_update_trade.json").read_bytes())).encode()
NAMES = [each["file"] for each in json.loads((FIXTURES / "index.json").read_bytes()) if each["kind"] == "event"]
EVENTS = [name for name in NAMES if isinstance(read((FIXTURES / name).read_bytes()), Received)]


def update_of(frame: bytes, **changes: Any) -> Update:
    one = read(frame)
    assert isinstance(one, Received)
    return Update(17, "a3f1", one.event, 5, one.raw, **changes)


def test_a_fill_is_the_line_that_is_promised() -> None:
    frame = (FIXTURES / "thirdparty_order_trade_update_trade.json").read_bytes()
    line = to_line(update_of(frame))
    assert b"\n" not in line
    told = json.loads(line)
    assert list(told) == [
        "seq",
        "kind",
        "account",
        "type",
        "provenance",
        "late",
        "received_ms",
        "event_ms",
        "event",
        "raw",
    ]
    assert {key: told[key] for key in list(told)[:8]} == {
        "seq": 17,
        "kind": "update",
        "account": "a3f1",
        "type": "ORDER_TRADE_UPDATE",
        "provenance": "ws",
        "late": False,
        "received_ms": 5,
        "event_ms": 1762917544216,
    }
    fill = {
        "execution_type": "TRADE",
        "symbol": "BTC-261030-85000-C",
        "trade_id": 467,
        "order_id": 4611869636869226548,
        "side": "SELL",
        "last_quantity": "0.1000",
        "last_price": "3660.000",
        "filled_quantity": "0.1000",
        "commission": "-0.07320000",
        "commission_asset": "USDT",
        "trade_time_ms": 1762917544206,
        "maker": True,
        "realized_profit": "1.5",
    }
    assert fill.items() <= told["event"].items()
    assert told["raw"] == json.loads(frame)["data"]


OTHERS: list[tuple[Item, dict[str, Any]]] = [
    (Live(1, "a", 5), {"seq": 1, "kind": "live", "account": "a", "since_ms": 5}),
    (
        GapOpened(2, "a", 5, 'the "socket" ended', GapCause.DISCONNECTED),
        {
            "seq": 2,
            "kind": "gap_opened",
            "account": "a",
            "from_ms": 5,
            "why": 'the "socket" ended',
            "cause": "disconnected",
        },
    ),
    (
        GapClosed(
            3, "a", 5, 9, 2, ("x", "y"), 1, 1, fills_complete=True, lost=frozenset({Loss.TOTALS, Loss.ORDER_STEPS})
        ),
        {
            "seq": 3,
            "kind": "gap_closed",
            "account": "a",
            "from_ms": 5,
            "to_ms": 9,
            "recovered": 2,
            "recovered_fills": 1,
            "recovered_orders": 1,
            "fills_complete": True,
            "unrecoverable": ["x", "y"],
            "lost": ["order_steps", "totals"],
        },
    ),
]


@pytest.mark.parametrize(("item", "told"), OTHERS, ids=[str(told["kind"]) for _, told in OTHERS])
def test_the_other_items(item: Item, told: dict[str, Any]) -> None:
    assert json.loads(to_line(item)) == told
    assert from_line(to_line(item)) == item


def test_a_line_of_another_release_comes_back_without_what_it_does_not_say_or_we_have_no_name_for() -> None:
    opened = b'{"seq":2,"kind":"gap_opened","account":"a","from_ms":5,"why":"ended"%s}'
    for cause in (b"", b',"cause":"unheard_of"'):
        assert from_line(opened % cause) == GapOpened(2, "a", 5, "ended", GapCause.UNKNOWN)
    closed = b'{"seq":3,"kind":"gap_closed","account":"a","from_ms":5,"to_ms":9,"recovered":0,"unrecoverable":["x"]%s}'
    assert from_line(closed % b"") == GapClosed(3, "a", 5, 9, 0, ("x",))
    lost = frozenset({Loss.UNKNOWN, Loss.ORDERS})
    assert from_line(closed % b',"lost":["unheard_of","orders"]') == GapClosed(3, "a", 5, 9, 0, ("x",), lost=lost)
    with pytest.raises(UsageError):
        from_line(opened % b',"cause":5')


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("provenance", ["ws", "rest", "ws+rest"])
def test_an_update_comes_back_equal(name: str, provenance: str) -> None:
    # The fixtures are written over many lines; what a socket brings is on one.
    frame = json.dumps(json.loads((FIXTURES / name).read_bytes()), separators=(",", ":")).encode()
    item = update_of(frame, provenance=provenance, late=True)
    again = from_line(to_line(item) + b"\n")
    assert again == item
    assert type(again) is Update
    assert type(again.event) is type(item.event)


@pytest.mark.parametrize("name", ["order_trade_update", "account_update", "greek_update"])
def test_what_came_over_rest_has_another_raw_or_none(name: str) -> None:
    item = update_of((FIXTURES / f"{name}.json").read_bytes(), provenance="rest")
    for raw in (b'{"tradeId":1}', b""):
        rest = Update(1, "a", item.event, 5, raw, "rest")
        assert from_line(to_line(rest)) == rest


def test_a_line_stays_one_line_whatever_the_raw() -> None:
    frame = (FIXTURES / "order_trade_update.json").read_bytes().replace(b"\n", b"\r\n")
    item = update_of(frame)
    line = to_line(item)
    assert b"\n" in item.raw
    assert not {b"\n", b"\r"} & {bytes([each]) for each in line}
    again = from_line(line)
    assert isinstance(again, Update)
    assert json.loads(again.raw) == json.loads(item.raw)


def test_no_line_holds_a_listen_key() -> None:
    line = to_line(update_of((FIXTURES / "listen_key_expired.json").read_bytes()))
    assert b"WsCMN0a4KHUPTQuX6IUnqEZfB1inxmv1qR4kbf1LuEjur5VdbzqvyxqG9TSjVVxv" not in line
    assert set(json.loads(line)["event"]) == {"event_ms", "fingerprint"}


@settings(max_examples=300)
@given(mutants())
def test_whatever_was_read_makes_one_line_and_comes_back(frame: bytes) -> None:
    one = read(frame)
    if isinstance(one, Received):
        item = Update(1, "a", one.event, 5, one.raw)
        line = to_line(item)
        assert b"\n" not in line
        again = from_line(line)
        assert isinstance(again, Update)
        assert again.event.to_dict() == item.event.to_dict()
        assert type(again.event) is type(item.event)


@given(st.integers(-(10**40), 10**40), st.decimals(allow_nan=False, allow_infinity=False, places=30))
def test_an_unknown_event_loses_nothing(number: int, fraction: object) -> None:
    frame = b'{"e":"NEW_THING","E":5,"n":[%d,%s]}' % (number, format(fraction, "f").encode())
    item = update_of(frame)
    line = to_line(item)
    assert from_line(line) == item
    told = json.loads(line)
    assert json.dumps(told["raw"]["n"][0]) == str(number)
    assert str(told["event"]["n"][0]) == str(number)
    assert frame in line


def test_the_raw_says_what_the_event_is_and_our_words_where_it_can_not() -> None:
    item = update_of(ONE_FILL)
    told = json.loads(to_line(item))
    raws: tuple[Any, ...] = (told["raw"], {})
    for raw in raws:
        again = from_line(json.dumps(told | {"raw": raw}).encode())
        assert isinstance(again, Update)
        assert again.event == item.event
    del told["event"]["symbol"]
    again = from_line(json.dumps(told).encode())
    assert isinstance(again, Update)
    assert again.event == item.event
    told["raw"] = {}
    with pytest.raises(UsageError, match="ORDER_TRADE_UPDATE lacks"):
        from_line(json.dumps(told).encode())


@pytest.mark.parametrize(
    ("letter", "text", "word"),
    [
        ("n", '"0E-8"', "0E-8"),
        ("n", '"1e999999"', None),
        ("rp", '"none"', None),
        ("ap", "null", None),
        ("N", "null", ""),
    ],
)
def test_an_amount_that_is_none_is_null(letter: str, text: str, word: str | None) -> None:
    raw = re.sub(rb'"%s": ?"[^"]*"' % letter.encode(), f'"{letter}":{text}'.encode(), ONE_FILL)
    assert raw != ONE_FILL
    item = update_of(raw)
    names = {"n": "commission", "rp": "realized_profit", "ap": "average_price", "N": "commission_asset"}
    assert json.loads(to_line(item))["event"][names[letter]] == word
    assert from_line(to_line(item)) == item


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind":"live"}',
        b'{"kind":"other","seq":1}',
        b"\xff",
        b'{"kind":"live","x":' + b"[" * 50_000,
        b'{"kind":"update","seq":1}',
    ],
)
def test_what_is_no_line_of_ours_is_the_callers_mistake(line: bytes) -> None:
    with pytest.raises(UsageError, match="not a line of JSON"):
        from_line(line)


def test_an_event_of_a_later_release_is_unknown_here() -> None:
    item = Update(1, "a", UnknownEvent("LATER", None, b'{"e":"LATER"}'), 5, b'{"e":"LATER"}')
    assert from_line(to_line(item)) == item
    assert read(b'{"e":"LATER"}', [Secret("k" * 40)]) == Received(item.event, item.raw)


def test_a_message_from_before_2026_that_an_earlier_build_kept_is_an_unknown_event() -> None:
    raw = (FIXTURES / "legacy_order_trade_update.json").read_bytes()
    event = event_of("ORDER_TRADE_UPDATE", 5, {"event_ms": 5, "orders": []}, raw)
    assert event == UnknownEvent("ORDER_TRADE_UPDATE", 5, raw)
