"""The names of the package, and that docs/reference/events.md tells of every field and of no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from listenkey import events
from listenkey.events import Event, Fill, UnknownEvent
from listenkey.events.base import Message, SureAmount
from listenkey.wire.message_builder import Field, fields

DOC = Path(__file__).parents[2] / "docs" / "reference" / "events.md"
ROW = re.compile(r"^\| `(?P<letter>\w+)` \| `(?P<word>\w+)` \| (?P<type>[^|]+) \| (?P<meaning>[^|]+) \|$", re.MULTILINE)
MESSAGES = [
    value
    for name in events.__all__
    if isinstance(value := getattr(events, name), type)
    and issubclass(value, Message)
    and value not in (UnknownEvent, Fill)
]


def type_in_words(message: type[Message], field: Field) -> str:
    match field.kind:
        case "amount":
            always = isinstance(getattr(message, field.name.removesuffix("_text")), SureAmount)
            return "Decimal" if always else "Decimal or None"
        case "text":
            return "str" if field.required else "str or None"
        case "many":
            assert field.part is not None
            return f"tuple of {field.part.__name__}"
        case "one":
            assert field.part is not None
            return field.part.__name__
        case "secret":
            return "Secret"
        case "bool":
            return "bool or None"
        case _:
            return "int or None" if field.name == "user_id" else "int"


def test_the_list_of_names_is_whole() -> None:
    public = {
        name for name, value in vars(events).items() if getattr(value, "__module__", "").startswith(events.__name__)
    }
    assert public <= set(events.__all__)
    assert len(set(events.__all__)) == len(events.__all__)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_has_what_all_events_have(kind: type[Event]) -> None:
    assert callable(kind.to_dict)
    assert {"type", "event_ms"} <= {name for base in kind.__mro__ for name in vars(base)}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_the_page_lists_every_field_and_no_other(message: type[Message]) -> None:
    page = DOC.read_text("utf-8")
    section = re.search(rf"^### `{message.__name__}`\n(.*?)(?=^##)", page, re.MULTILINE | re.DOTALL)
    assert section is not None, f"docs/reference/events.md has no section for {message.__name__}"
    told = {(row["letter"], row["word"], row["type"]) for row in ROW.finditer(section[1])}
    expected = {
        (field.letter, field.name.removesuffix("_text"), type_in_words(message, field)) for field in fields(message)
    }
    if hasattr(message, "type"):
        expected.add(("e", "type", "str"))
        assert f"| `e` | `type` | str | `{message.type}` |" in section[1]
    assert told == expected


def test_the_page_has_no_section_for_what_does_not_exist() -> None:
    sections = set(re.findall(r"^### `(\w+)`$", DOC.read_text("utf-8"), re.MULTILINE))
    assert sections == {message.__name__ for message in MESSAGES} | {"UnknownEvent"}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_a_docstring_tells_the_letter_of_every_field(message: type[Message]) -> None:
    for field in fields(message):
        word = field.name.removesuffix("_text")
        if message is events.Order:
            doc = getattr(events.OrderTradeUpdate, word).__doc__
            assert doc.startswith(f"`{field.letter}`"), word
        else:
            assert f"{word}: `{field.letter}`" in (message.__doc__ or ""), word


def test_the_order_in_the_event_has_every_word_of_the_order() -> None:
    words = {field.name.removesuffix("_text") for field in fields(events.Order)}
    assert words <= set(vars(events.OrderTradeUpdate))
