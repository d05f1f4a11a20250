from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from listenkey.sandbox.websocket.requests import RequestRefused, parse

DOCUMENTED = json.loads((Path(__file__).parents[2] / "fixtures" / "ws_errors.json").read_text())
UNKNOWN_METHOD = '{"id":1,"method":"SUBSCRIBED","params":[]}'

CASES = {
    "SET_PROPERTY or GET_PROPERTY named an unknown property": '{"method":"GET_PROPERTY","params":["other"],"id":1}',
    "SET_PROPERTY value is neither true nor false": '{"method":"SET_PROPERTY","params":["combined",1],"id":1}',
    "property name of the wrong type": '{"method":"SET_PROPERTY","params":[7,true],"id":1}',
    "id is absent or not an unsigned integer": '{"method":"SUBSCRIBE","params":["a"],"id":"1"}',
    "method is not one of the five": UNKNOWN_METHOD,
    "more parameters than the method takes": '{"method":"SET_PROPERTY","params":["combined",true,1],"id":1}',
    "property name absent": '{"method":"GET_PROPERTY","params":[],"id":1}',
    "method absent": json.dumps({"params": ["btc-210630-9000-p@ticker", "btc-210630-9000-p@depth"], "id": 1}),
    "the text is not JSON": "{nonsense",
}


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda each: each["when"])
def test_refusals_are_those_of_the_documentation(documented: Any) -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(CASES[documented["when"]])
    answer = refused.value.answer()
    assert answer["error"]["code"] == documented["error"]["code"]
    # Positions in the text and the text's own words differ; what stands before them does not.
    fixed = documented["error"]["msg"].split(" at line ")[0].split(" variant ")[0]
    assert answer["error"]["msg"].startswith(fixed)
    assert set(answer) == {"error", "id"}


def test_an_unknown_method_is_named_with_its_place() -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(UNKNOWN_METHOD)
    column = UNKNOWN_METHOD.index('"SUBSCRIBED"') + len('"SUBSCRIBED"')
    assert refused.value.message.startswith("Invalid request: unknown variant SUBSCRIBED, expected one of `SUBSCRIBE`")
    assert refused.value.message.endswith(f"line 1 column {column}")
    assert refused.value.id == 1


@pytest.mark.parametrize("request_id", ["null", "true", "-1", "1.5", '"7"', "18446744073709551616"])
def test_ids_are_unsigned_integers(request_id: Any) -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(f'{{"method":"SUBSCRIBE","params":["a"],"id":{request_id}}}')
    assert (refused.value.code, refused.value.id) == (2, None)


@pytest.mark.parametrize("text", ["[]", "7", "null", '"x"', "[" * 100_000, '{"method":[],"id":1}', ""])
def test_whatever_is_sent_gets_a_refusal(text: Any) -> None:
    with pytest.raises(RequestRefused):
        parse(text)


@pytest.mark.parametrize("params", ["[]", "[1]", '[""]', '"a"', "{}"])
def test_subscribe_wants_streams(params: Any) -> None:
    with pytest.raises(RequestRefused) as refused:
        parse(f'{{"method":"SUBSCRIBE","params":{params},"id":1}}')
    assert refused.value.code == 2


def test_the_five() -> None:
    assert parse('{"method":"SUBSCRIBE","params":["a","b"],"id":1}').params == ("a", "b")
    assert parse('{"method":"UNSUBSCRIBE","params":["a"],"id":312}').id == 312
    assert parse('{"method":"LIST_SUBSCRIPTIONS","id":3}').method == "LIST_SUBSCRIPTIONS"
    assert parse('{"method":"SET_PROPERTY","params":["combined",true],"id":5}').params == ("combined", True)
    assert parse('{"method":"GET_PROPERTY","params":["combined"],"id":2}').params == ("combined",)


@pytest.mark.parametrize(
    "text",
    [
        r'{"method":"SUBSCRIBE","params":["\ud800"],"id":1}',
        r'{"method":"SUBSCRIBE","params":["ok","x\udfff"],"id":1}',
        r'{"method":"\udead","id":1}',
        r'{"method":"LIST_SUBSCRIPTIONS","id":1,"\ud800":{}}',
        r'{"method":"GET_PROPERTY","params":["combined","\ud83d\ud83d"],"id":1}',
    ],
)
def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        parse(text)
    assert caught.value.answer() == {
        "error": {"code": 3, "msg": "Invalid JSON: lone surrogate in hex escape"},
        "id": None,
    }


def test_a_whole_pair_is_a_letter_like_any_other() -> None:
    assert parse(r'{"method":"SUBSCRIBE","params":["\ud83d\ude00"],"id":1}').params == ("\U0001f600",)
