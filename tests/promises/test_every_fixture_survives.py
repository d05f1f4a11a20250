"""
Every documented sample can be read, and every key of it survives.

There are 108: events (both generations, raw and enveloped), answers of the socket, requests to it, REST answers, error
bodies, and tables.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from listenkey.credentials import fingerprint
from listenkey.events import ListenKeyExpired
from listenkey.events.base import Message
from listenkey.wire.frames import Control, Received, Several, read, unknown_fields
from listenkey.wire.message_builder import fields
from listenkey.wire.strict_json import parse

FIXTURES = Path(__file__).parents[1] / "fixtures"
INDEX: list[dict[str, Any]] = json.loads((FIXTURES / "index.json").read_bytes())
COUNTS = {"response": 43, "error": 36, "event": 13, "ws_request": 6, "ws_response": 6, "data": 4}


def of_kind(*kinds: str) -> list[str]:
    return [entry["file"] for entry in INDEX if entry["kind"] in kinds]


def test_there_are_108_and_each_is_held_against_one_of_the_promises_below() -> None:
    assert len(INDEX) == 108 == sum(COUNTS.values())
    assert Counter(entry["kind"] for entry in INDEX) == COUNTS
    assert {entry["file"] for entry in INDEX} == {path.name for path in FIXTURES.glob("*.json")} - {"index.json"}
    assert sum(map(len, (EVENTS, TRANSLATED, ANSWERS, DOCUMENTS))) == 108


TRANSLATED = ["legacy_account_update.json", "legacy_order_trade_update.json"]
"""Messages from before January 2026; `tests/unit/wire/test_legacy.py` holds each of their words."""

EVENTS = [name for name in of_kind("event") if name not in TRANSLATED]
ANSWERS = of_kind("ws_response")
DOCUMENTS = of_kind("response", "error", "data", "ws_request")


# --- 13 events --------------------------------------------------------------------------------------------------------


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value at the end of a path, as its text: `("o.s", "BTC-...")`."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, tree if isinstance(tree, str) else json.dumps(tree)


def told(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a typed event, at the path of the venue's letters."""
    for field in fields(type(message)):
        value = getattr(message, field.name)
        if isinstance(value, Message):
            yield from told(value, f"{path}{field.letter}.")
        elif isinstance(value, tuple):
            for index, part in enumerate(value):
                yield from told(part, f"{path}{field.letter}[{index}].")
        elif isinstance(message, ListenKeyExpired) and field.kind == "secret":
            yield path + field.letter, f"sha256:{message.fingerprint}"
        elif value is not None:
            yield path + field.letter, value if isinstance(value, str) else json.dumps(value)


def with_fingerprint(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: f"sha256:{fingerprint(value)}" if key == "listenKey" else value for key, value in tree.items()}


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_message_from_before_2026_is_events_of_today(name: str) -> None:
    several = read((FIXTURES / name).read_bytes())
    assert isinstance(several, Several)
    assert all(isinstance(part, Received) for part in several.parts)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_its_words_and_its_unknown_keys_and_nothing_is_lost(name: str) -> None:
    frame = (FIXTURES / name).read_bytes()
    # Numbers stay their text on both sides, so that "survives" means every digit of it.
    whole = json.loads(frame, parse_float=str, parse_int=str)
    sample = with_fingerprint(whole["data"] if "stream" in whole else whole)
    one = read(frame)
    assert isinstance(one, Received), one
    known = {"e": one.event.type, **dict(told(one.event))}
    beyond = dict(leaves(unknown_fields(one.raw, one.event)))
    assert known.keys().isdisjoint(beyond)
    assert known | beyond == dict(leaves(sample))
    assert json.loads(one.raw, parse_float=str, parse_int=str) == sample


def test_the_sample_with_keys_its_page_does_not_list_keeps_all_eleven() -> None:
    one = read((FIXTURES / "order_trade_update_expired_in_match.json").read_bytes())
    assert isinstance(one, Received)
    assert len(unknown_fields(one.raw, one.event)) == 11


@pytest.mark.parametrize("name", EVENTS)
def test_every_amount_of_an_event_is_a_decimal_with_every_digit(name: str) -> None:
    one = read((FIXTURES / name).read_bytes())
    assert isinstance(one, Received)
    pending: list[Message] = [one.event]
    while pending:
        message = pending.pop()
        for field in fields(type(message)):
            value = getattr(message, field.name)
            pending += value if isinstance(value, tuple) else [value] if isinstance(value, Message) else []
            if field.name.endswith("_text"):
                amount = getattr(message, field.name.removesuffix("_text"))
                assert isinstance(amount, Decimal)
                assert f"{amount:f}" == value


# --- 6 answers of the socket ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_the_socket_is_understood_whole(name: str) -> None:
    frame = (FIXTURES / name).read_bytes()
    one = read(frame)
    assert isinstance(one, Control)
    again: dict[str, Any] = {"id": one.id}
    if one.error is None:
        again["result"] = one.result
    else:
        again["error"] = {"code": one.error.code, "msg": one.error.message}
    assert again == json.loads(frame)


def test_every_documented_refusal_is_understood_with_and_without_its_frame() -> None:
    refusals = json.loads((FIXTURES / "ws_errors.json").read_bytes())
    for refusal in refusals:
        inner = refusal["error"]
        for frame, number in ((inner, None), ({"error": inner, "id": 7}, 7)):
            one = read(json.dumps(frame).encode())
            assert isinstance(one, Control)
            assert one.id == number
            assert one.error is not None
            assert (one.error.code, one.error.message) == (inner["code"], inner["msg"])
    assert len(refusals) == 9


# --- 89 documents: REST answers, errors, requests, tables -------------------------------------------------------------


def plain(tree: Any, number: Callable[[Any], Any]) -> Any:
    if isinstance(tree, dict):
        return {key: plain(value, number) for key, value in tree.items()}
    if isinstance(tree, list):
        return [plain(value, number) for value in tree]
    return number(tree) if isinstance(tree, (int, Decimal)) and not isinstance(tree, bool) else tree


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_read_without_loss(name: str) -> None:
    body = (FIXTURES / name).read_bytes()
    exact = json.loads(body, parse_float=str, parse_int=str)
    assert plain(parse(body, len(body)), str) == exact
