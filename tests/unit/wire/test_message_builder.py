"""The slow road: exact, forgiving of what the venue's pages disagree on, and guessing nothing."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    GreekUpdate,
    ListenKeyExpired,
    OrderTradeUpdate,
    RiskLevelChange,
)
from listenkey.wire.frames import UnreadableFrame, read_payload, read_payloads
from listenkey.wire.message_builder import InvalidMessage, Number, build, exact_int, fields, unknown

FIXTURES = Path(__file__).parents[2] / "fixtures"


def tree(name: str) -> Any:
    parsed = json.loads((FIXTURES / f"{name}.json").read_bytes(), parse_float=Number)
    return parsed.get("data", parsed)


EVENTS: list[tuple[str, Any]] = [
    ("account_update", AccountUpdate),
    ("account_update_enveloped", AccountUpdate),
    ("balance_position_update", BalancePositionUpdate),
    ("greek_update", GreekUpdate),
    ("order_trade_update", OrderTradeUpdate),
    ("order_trade_update_expired_in_match", OrderTradeUpdate),
    ("thirdparty_order_trade_update_trade", OrderTradeUpdate),
    ("risk_level_change", RiskLevelChange),
    ("listen_key_expired", ListenKeyExpired),
    ("captured_usdm_listen_key_expired", ListenKeyExpired),
    ("legacy_risk_level_change", RiskLevelChange),
]


NEEDED = {
    "OrderTradeUpdate": {"o", "o.s", "o.i"},
    "BalancePositionUpdate": {"B[0].a", "P[0].s", "P[0].c"},
    "GreekUpdate": {"G", "G[0].u"},
    "RiskLevelChange": {"E", "s"},
    "ListenKeyExpired": {"E", "listenKey"},
}
"""The fields without which a message can't be read; any other may be missing."""

OF_A_FILL = {"o.S", "o.l", "o.L", "o.t", "o.T"}
JUNK: list[Any] = [None, "", [], {}, [1], "x" * 100_000, "1e999999", Number("1e999999"), 10**20, "NaN", float("nan")]


@pytest.mark.parametrize(("name", "kind"), EVENTS, ids=[name for name, _ in EVENTS])
def test_a_message_needs_what_says_which_thing_it_tells_of_and_nothing_else(name: str, kind: Any) -> None:
    whole = tree(name)
    known = {field.letter for field in fields(kind)}
    needed = NEEDED.get(kind.__name__, set()) | (OF_A_FILL if name == "thirdparty_order_trade_update_trade" else set())
    seen, tried = set(), 0
    for path, parent, letter in spots(whole):
        if (parent is whole and letter not in known) or any(path == each for each, _ in unknown(kind, whole)):
            continue
        seen.add(path)
        for broken in (without(whole, path), without(whole, path, null=True)):
            tried += 1
            if path in needed:
                with pytest.raises(InvalidMessage, match="is missing"):
                    build(kind, broken, "event")
                continue
            event = build(kind, broken, "event")
            assert json.dumps(event.to_dict())
            assert build(kind, event.to_dict(), "event", "word") == event
    assert tried >= 2 * len(known)
    assert needed <= seen


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: str(junk)[:12])
def test_a_fill_survives_junk_in_whatever_does_not_say_which_it_is(junk: Any) -> None:
    whole = tree("thirdparty_order_trade_update_trade")
    identity = {"o", "o.s", "o.i", *OF_A_FILL}
    for path, _, letter in spots(whole):
        if path in identity:
            continue
        broken = copy.deepcopy(whole)
        (broken["o"] if path.startswith("o.") else broken)[letter] = junk
        event = build(OrderTradeUpdate, broken, "event")
        assert event.is_fill, path
        assert (event.symbol, event.order_id, event.trade_id) == ("BTC-261030-85000-C", 4611869636869226548, 467)
        assert (event.side, event.last_quantity, event.last_price) == ("SELL", Decimal("0.1"), Decimal(3660))
        assert max(map(len, map(str, event.to_dict().values()))) < 200, "nothing huge is kept"


def test_a_commission_that_does_not_apply_is_none_and_says_so() -> None:
    for name in ("order_trade_update", "thirdparty_order_trade_update_trade"):
        order = tree(name)
        del order["o"]["N"], order["o"]["n"]
        event = build(OrderTradeUpdate, order, "event")
        assert (event.commission, event.commission_asset) == (None, "")
        assert (event.to_dict()["commission"], event.to_dict()["commission_asset"]) == (None, "")


def test_a_time_takes_the_nearest_other_time() -> None:
    order = tree("thirdparty_order_trade_update_trade")
    del order["E"], order["T"]
    event = build(OrderTradeUpdate, order, "event")
    assert event.event_ms == event.transaction_ms == event.trade_time_ms == 1762917544206
    step = tree("order_trade_update")
    del step["o"]["T"]
    assert build(OrderTradeUpdate, step, "event").trade_time_ms == step["E"]
    with pytest.raises(InvalidMessage, match=r"event\.E is missing"):
        build(RiskLevelChange, {"s": "NORMAL"}, "event")


@pytest.mark.parametrize(
    "step",
    [
        {"x": "NEW", "t": None, "l": None, "L": None, "S": None},
        {"x": "CANCELED", "t": -1, "l": "0", "L": ""},
        {"x": "CANCELED", "t": 0, "l": "0.1"},
        {"x": "EXPIRED", "t": 5, "l": None},
        {"x": "NEW", "t": [], "l": "0"},
        {"x": "NEW", "t": 0, "l": "none"},
        {"x": None, "t": None, "l": None},
        {"x": "CALCULATED", "t": 0, "l": "0"},
    ],
)
def test_a_step_without_a_trade_reads_as_one(step: dict[str, Any]) -> None:
    order = tree("thirdparty_order_trade_update_trade")
    order["o"].update(step)
    event = build(OrderTradeUpdate, order, "event")
    assert not event.is_fill
    assert event.last_quantity >= 0
    assert event.last_price >= 0


@pytest.mark.parametrize(
    "order",
    [
        {"t": None},
        {"t": -1},
        {"t": "x"},
        {"l": ""},
        {"L": "1e999999"},
        {"S": "HOLD"},
        {"T": None},
        {"x": "CALCULATED", "L": None},
        {"x": "CALCULATED", "t": None},
        {"x": "CALCULATED", "l": None},
        {"x": None, "l": None},
        {"x": "NEW", "t": [], "l": "0.1"},
        {"x": "NEW", "t": 5, "l": []},
        {"x": "NEW", "t": [], "l": []},
    ],
)
def test_what_may_be_a_fill_and_does_not_say_which_is_unreadable(order: dict[str, Any]) -> None:
    fill = tree("thirdparty_order_trade_update_trade")
    fill["o"].update(order)
    with pytest.raises(InvalidMessage, match="fill"):
        build(OrderTradeUpdate, fill, "event")


def test_a_message_that_tells_of_nothing_is_unreadable() -> None:
    for kind, found in (
        (AccountUpdate, {"E": 1, "T": 1}),
        (AccountUpdate, {"E": 1, "T": 1, "eq": "none"}),
    ):
        with pytest.raises(InvalidMessage, match="event has no total"):
            build(kind, found, "event")


def test_booleans_and_times_have_other_spellings() -> None:
    order = tree("thirdparty_order_trade_update_trade")
    order["o"].update(m="True", R=0, S="sell", T=Number("1762917544206.0"))
    order["E"] = Number("1.762917544216E12")
    event = build(OrderTradeUpdate, order, "event")
    assert (event.maker, event.reduce_only, event.side) == (True, False, "SELL")
    assert (event.event_ms, event.trade_time_ms) == (1762917544216, 1762917544206)
    order["o"].update(m="perhaps", R=2, T="1762917544206.5")
    with pytest.raises(InvalidMessage, match=r"event\.o\.T is missing"):
        build(OrderTradeUpdate, order, "event")


def spots(whole: Any, prefix: str = "") -> list[tuple[str, Any, str]]:
    found = []
    for key, value in whole.items():
        if prefix or key != "e":
            found.append((prefix + key, whole, key))
        if isinstance(value, dict):
            found += spots(value, f"{prefix}{key}.")
        if isinstance(value, list):
            found += spots(value[0], f"{prefix}{key}[0].")
    return found


def without(whole: Any, path: str, *, null: bool = False) -> Any:
    broken = copy.deepcopy(whole)
    *parents, last = path.replace("[0]", ".[0]").split(".")
    place = broken
    for step in parents:
        place = place[0] if step == "[0]" else place[step]
    if null:
        place[last] = None
    else:
        del place[last]
    return broken


def test_numbers_where_strings_are_documented_and_the_reverse() -> None:
    found = tree("thirdparty_order_trade_update_trade")
    expected = build(OrderTradeUpdate, copy.deepcopy(found), "event")
    found["E"] = str(found["E"])
    found["o"].update(i=str(found["o"]["i"]), p=Number("3660.000"), t="467", z=Number("0.1000"), ap=Number("3.660E3"))
    drifted = build(OrderTradeUpdate, found, "event")
    assert drifted.price == expected.price
    assert drifted.order.price_text == "3660.000"
    assert (drifted.event_ms, drifted.order_id, drifted.trade_id) == (expected.event_ms, expected.order_id, 467)
    assert drifted.average_price == 3660
    found["o"]["q"] = 2
    assert build(OrderTradeUpdate, found, "event").quantity == 2


@pytest.mark.parametrize(
    "value",
    [2**63, -(2**63) - 1, 10**19, str(2**63), "1" * 20, True, None, "1.0", "", "1_0", "１", " 1", [], Number("1.0")],
)
def test_what_is_no_64_bit_integer_is_refused(value: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"at is (not an integer|beyond 64 bits)"):
        exact_int(value, "at")


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), str(2**63 - 1), 0, "0", "-5"])
def test_ids_are_exact_to_the_last_bit(value: Any) -> None:
    assert exact_int(value, "at") == int(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("o", []),
        ("o", "text"),
        ("o.s", True),
        ("o.s", {}),
        ("o.s", "x" * 65),
        ("o.i", 10**19),
        ("o.i", 1.5),
    ],
)
def test_what_does_not_fit_says_where_and_never_what(path: str, value: Any) -> None:
    found = tree("order_trade_update")
    place = found["o"] if path.startswith("o.") else found
    place[path.removeprefix("o.")] = value
    with pytest.raises(InvalidMessage) as raised:
        build(OrderTradeUpdate, found, "event")
    assert f"event.{path} is " in str(raised.value)


@pytest.mark.parametrize(("letter", "value"), [("B", {}), ("B", [1]), ("P", "x"), ("P", [[]])])
def test_lists_are_lists_of_objects(letter: str, value: Any) -> None:
    found = tree("balance_position_update") | {letter: value}
    with pytest.raises(InvalidMessage, match=rf"event\.{letter}"):
        build(BalancePositionUpdate, found, "event")


def test_unknown_keys_are_told_by_their_path() -> None:
    found = tree("balance_position_update")
    found["new"] = {"deep": [1]}
    found["P"][0]["e"] = "not the type"
    assert dict(unknown(BalancePositionUpdate, found)) == {"new": {"deep": [1]}, "P[0].e": "not the type"}


def test_words_are_read_back_like_letters() -> None:
    for name, kind in EVENTS:
        event = build(kind, tree(name), "event")
        assert build(kind, json.loads(json.dumps(event.to_dict())), "event", "word") == event, name


@pytest.mark.parametrize("trade_id", [0, -1])
def test_a_fill_without_a_trade_id_is_unreadable_alone_and_among_others(trade_id: int) -> None:
    """Each one of an order would be taken for the same fill: it must be reported, and REST asked."""
    whole = msgspec.json.decode((FIXTURES / "thirdparty_order_trade_update_trade.json").read_bytes())["data"]
    whole["o"]["t"] = trade_id
    payload = msgspec.json.encode(whole)
    assert isinstance(read_payload(payload), UnreadableFrame)
    assert read_payloads([payload, payload]) is None
    whole["o"] |= {"x": "NEW", "l": "0"}
    assert not isinstance(read_payload(msgspec.json.encode(whole | {"o": whole["o"] | {"t": 0}})), UnreadableFrame)
