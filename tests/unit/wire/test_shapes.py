"""The slow road: exact, forgiving of what the venue's pages disagree on, and guessing nothing."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    GreekUpdate,
    LegacyAccountUpdate,
    LegacyOrderTradeUpdate,
    ListenKeyExpired,
    OrderTradeUpdate,
    RiskLevelChange,
)
from listenkey.wire.shapes import Misfit, Number, build, event_class, exact_int, fields, unknown

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
    ("legacy_account_update", LegacyAccountUpdate),
    ("legacy_order_trade_update", LegacyOrderTradeUpdate),
    ("legacy_risk_level_change", RiskLevelChange),
]


@pytest.mark.parametrize(("name", "kind"), EVENTS, ids=[name for name, _ in EVENTS])
def test_the_class_is_told_from_the_message_alone(name: str, kind: type) -> None:
    found = tree(name)
    assert event_class(found["e"], found) is kind


MAY_BE_MISSING = {
    "OrderTradeUpdate": {"o.V"},
    "BalancePositionUpdate": {"P"},
    "LegacyAccountUpdate": {"G", "P"},
    "LegacyOrderTradeUpdate": {"o[0].stp", "o[0].fi"},
}


@pytest.mark.parametrize(("name", "kind"), EVENTS, ids=[name for name, _ in EVENTS])
def test_a_documented_field_that_is_missing_or_null_is_never_guessed(name: str, kind: Any) -> None:
    whole = tree(name)
    known = {field.letter for field in fields(kind)}
    tried = 0
    for path, parent, letter in spots(whole):
        if (parent is whole and letter not in known) or any(path == each for each, _ in unknown(kind, whole)):
            continue
        for broken in (without(whole, path), without(whole, path, null=True)):
            tried += 1
            if path in MAY_BE_MISSING.get(kind.__name__, set()) or quiet_commission(kind, whole, letter):
                assert build(kind, broken, "event")
            else:
                with pytest.raises(Misfit, match="is missing"):
                    build(kind, broken, "event")
    assert tried >= 2 * len(known)


def quiet_commission(kind: type, whole: Any, letter: str) -> bool:
    return kind is OrderTradeUpdate and letter in {"N", "n"} and whole["o"]["x"] != "TRADE"


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


def test_a_fill_without_its_commission_is_unreadable_and_a_resting_order_without_one_is_not() -> None:
    order = tree("order_trade_update")
    del order["o"]["N"], order["o"]["n"]
    event = build(OrderTradeUpdate, order, "event")
    assert (event.commission, event.commission_asset) == (Decimal(0), "")
    order["o"]["x"] = "TRADE"
    with pytest.raises(Misfit, match=r"event\.o\.N is missing"):
        build(OrderTradeUpdate, order, "event")


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
    with pytest.raises(Misfit, match=r"at is (not an integer|beyond 64 bits)"):
        exact_int(value, "at")


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), str(2**63 - 1), 0, "0", "-5"])
def test_ids_are_exact_to_the_last_bit(value: Any) -> None:
    assert exact_int(value, "at") == int(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("o", []),
        ("o", "text"),
        ("o.m", "true"),
        ("o.m", 1),
        ("o.s", True),
        ("o.s", {}),
        ("o.q", 10**19),
        ("E", 1.5),
        ("T", [1]),
    ],
)
def test_what_does_not_fit_says_where_and_never_what(path: str, value: Any) -> None:
    found = tree("order_trade_update")
    place = found["o"] if path.startswith("o.") else found
    place[path.removeprefix("o.")] = value
    with pytest.raises(Misfit) as raised:
        build(OrderTradeUpdate, found, "event")
    assert f"event.{path} is " in str(raised.value)


@pytest.mark.parametrize(("letter", "value"), [("B", {}), ("B", [1]), ("P", "x"), ("P", [[]])])
def test_lists_are_lists_of_objects(letter: str, value: Any) -> None:
    found = tree("balance_position_update") | {letter: value}
    with pytest.raises(Misfit, match=rf"event\.{letter}"):
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
