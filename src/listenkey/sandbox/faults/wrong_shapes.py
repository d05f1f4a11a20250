"""
Answers and events of a wrong shape: the fault `wrong_shape`. Pure.

A field is named by a JSON pointer (RFC 6901): `/rateLimits/0/intervalNum`, empty for the whole value. A `*` stands for
every element of an array, or every field of an object.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ABSENT: Final = object()
"""The mark of a field that is taken out."""


def check(params: Mapping[str, Any]) -> None:
    """Raise ValueError saying what is wrong with the parameters of such a fault."""
    if ("value" in params) == bool(params.get("remove", False)):
        raise ValueError("wrong_shape takes either 'value', which is any JSON, or \"remove\": true")
    pointer = params.get("field", "")
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise ValueError("wrong_shape: 'field' is a JSON pointer, like \"/rateLimits/0/intervalNum\", or empty")
    if not pointer and "value" not in params:
        raise ValueError("wrong_shape: the whole value can't be removed; give 'value'")
    if "event" in params and not pointer:
        raise ValueError("wrong_shape: a whole event is malformed_frame with 'texts'; name a field")


def applied(value: Any, params: Mapping[str, Any]) -> tuple[Any, bool]:
    """
    Change a JSON value as the fault says.

    Returns:
        The value, changed in place where it could be, and whether anything was there to be changed.
    """
    new = ABSENT if params.get("remove", False) else params.get("value")
    pointer = params.get("field", "")
    if not pointer:
        return deepcopy(new), True
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    changed = False
    for parent in _reached([value], parts[:-1]):
        changed = _put(parent, parts[-1], new) or changed
    return value, changed


def _reached(values: list[Any], parts: list[str]) -> list[Any]:
    for part in parts:
        values = [child for value in values for child in _children(value, part)]
    return values


def _children(value: Any, part: str) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values()) if part == "*" else [value[part]] if part in value else []
    if isinstance(value, list):
        return list(value) if part == "*" else [value[index] for index in _indexes(value, part)]
    return []


def _put(parent: Any, part: str, new: Any) -> bool:
    """Change, add or take out one field; an array's element must be there."""
    if isinstance(parent, dict):
        names = list(parent) if part == "*" else [part]
        if new is not ABSENT:
            parent.update({name: deepcopy(new) for name in names})
            return bool(names)
        there = [name for name in names if name in parent]
        for name in there:
            del parent[name]
        return bool(there)
    if isinstance(parent, list):
        indexes = range(len(parent)) if part == "*" else _indexes(parent, part)
        for index in reversed(indexes):
            if new is ABSENT:
                del parent[index]
            else:
                parent[index] = deepcopy(new)
        return bool(indexes)
    return False


def _indexes(values: list[Any], part: str) -> range:
    """The one index that a part of a pointer names, as a range; an empty one when it names none."""
    if not (part.isascii() and part.isdigit() and len(part) <= 9 and int(part) < len(values)):
        return range(0)
    return range(int(part), int(part) + 1)
