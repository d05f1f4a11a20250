"""
A decoder for messages that have more than the documented keys: it skips what it does not know.

The classes of `events` refuse unknown keys, so a message that they take holds nothing that nobody has looked at, and the
decoder need not be checked. What they refuse is read into copies of them that don't, and handed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from listenkey.events.base import Message, Text

W = TypeVar("W", bound=Message)


def loose_decoder(*messages: type[Message]) -> Callable[[bytes], Any]:
    """
    JSON to one of these messages, whatever other keys it has.

    The function raises what msgspec raises.
    """
    converters = {_copy(message): _converter(message) for message in messages}
    decode = msgspec.json.Decoder(Union[tuple(converters)]).decode  # noqa: UP007 - made of what is only known here

    def read(payload: bytes) -> Message:
        found = decode(payload)
        return converters[type(found)](found)

    return read


def _copy(message: type[Message]) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for field in msgspec.structs.fields(message):
        kind = field.type
        if get_origin(kind) is tuple:
            kind = tuple[_copy(get_args(kind)[0]), ...]  # type: ignore[misc]
        elif isinstance(kind, type) and issubclass(kind, Message):
            kind = _copy(kind)
        else:
            kind = _any_word(kind)
        fields.append((field.name, kind) if field.required else (field.name, kind, field.default))
    config = message.__struct_config__
    names = {field.name: field.encode_name for field in msgspec.structs.fields(message)}
    return msgspec.defstruct(
        message.__name__, fields, tag_field=config.tag_field, tag=config.tag, rename=names, gc=False, frozen=True
    )


def _any_word(kind: Any) -> Any:
    """Return the type of a field, but any text of bounded length where the class lists words."""
    listed = [each for each in (kind, *get_args(kind)) if get_origin(each) is Literal]
    if not listed:
        return kind
    return Text if kind is listed[0] else Text | None


def _converter(message: type[W]) -> Callable[[Any], W]:
    """The copy to the message itself."""
    parts: list[tuple[int, Callable[[Any], Any]]] = []
    for place, field in enumerate(msgspec.structs.fields(message)):
        if get_origin(field.type) is tuple:
            parts.append((place, _each(_converter(get_args(field.type)[0]))))
        elif isinstance(field.type, type) and issubclass(field.type, Message):
            parts.append((place, _converter(field.type)))
    astuple = msgspec.structs.astuple

    def convert(found: Any) -> W:
        values = list(astuple(found))
        for place, part in parts:
            values[place] = part(values[place])
        return message(*values)

    return convert


def _each(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda found: tuple([convert(one) for one in found])
