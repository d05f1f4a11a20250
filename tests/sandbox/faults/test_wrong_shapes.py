"""Answers of a wrong shape, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from listenkey.sandbox.faults.wrong_shapes import applied, check

VALUE = {"rows": [{"id": 1, "a/b": {"~": 2}}, {"id": 3}], "n": None}


@pytest.mark.parametrize(
    ("params", "becomes"),
    [
        ({"value": []}, []),
        ({"field": "/n", "value": {"x": 1}}, VALUE | {"n": {"x": 1}}),
        ({"field": "/new", "value": 0}, VALUE | {"new": 0}),
        ({"field": "/n", "remove": True}, {"rows": VALUE["rows"]}),
        ({"field": "/rows/1/id", "value": "3"}, VALUE | {"rows": [VALUE["rows"][0], {"id": "3"}]}),  # type: ignore[index]
        ({"field": "/rows/0", "remove": True}, VALUE | {"rows": [{"id": 3}]}),
        ({"field": "/rows/*", "remove": True}, VALUE | {"rows": []}),
        ({"field": "/rows/*", "value": None}, VALUE | {"rows": [None, None]}),
        ({"field": "/rows/*/id", "remove": True}, VALUE | {"rows": [{"a/b": {"~": 2}}, {}]}),
        ({"field": "/rows/0/a~1b/~0", "value": 5}, VALUE | {"rows": [{"id": 1, "a/b": {"~": 5}}, {"id": 3}]}),
        ({"field": "/*", "value": 1}, {"rows": 1, "n": 1}),
        ({"field": "/*/0", "value": 1}, VALUE | {"rows": [1, {"id": 3}]}),
        ({"field": "/*", "remove": True}, {}),
    ],
)
def test_one_field_is_changed_and_the_rest_is_not(params: dict[str, Any], becomes: Any) -> None:
    check(params)
    assert applied(_copy(VALUE), params) == (becomes, True)


@pytest.mark.parametrize(
    "field", ["/rows/7", "/rows/-1", "/rows/x/id", "/n/a", "/nothing/a", "/rows/0/id/x", "/rows/\u0661"]
)
@pytest.mark.parametrize("change", [{"value": 1}, {"remove": True}])
def test_a_field_that_is_not_there_changes_nothing(field: str, change: dict[str, Any]) -> None:
    assert applied(_copy(VALUE), {"field": field, **change}) == (VALUE, False)


def test_what_is_put_in_belongs_to_one_answer() -> None:
    params = {"field": "/rows/*", "value": {"deep": []}}
    value, _ = applied(_copy(VALUE), params)
    value["rows"][0]["deep"].append(1)
    assert value["rows"][1] == params["value"] == {"deep": []}


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "either"),
        ({"value": None, "remove": True}, "either"),
        ({"value": 1, "field": "rows"}, "JSON pointer"),
        ({"remove": True}, "can't be removed"),
        ({"value": 1, "event": "ACCOUNT_UPDATE"}, "name a field"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check(params)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
