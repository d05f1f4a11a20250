"""What every message shares: ids, amounts, and turning into words."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_origin, overload

import msgspec

from listenkey.errors import ProtocolError

if TYPE_CHECKING:
    from listenkey.credentials import Secret

Generation: TypeAlias = Literal["current", "legacy", "unknown"]
Id: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Millis: TypeAlias = Id

AMOUNT: Final = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,18})?")
"""What an amount may look like: no NaN, no exponent, no underscore, no digits of other scripts, and a bounded length."""

NUMBER: Final = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
"""The legacy fields that are JSON numbers: a double may be printed with an exponent and more digits."""

AMOUNTS_REMEMBERED: Final = 2048
"""A few hundred kilobytes for the process."""

FINGERPRINT_PREFIX: Final = "sha256:"
"""What stands before a fingerprint where a listen key stood."""


class Amount(property):
    """
    The `Decimal` of the text field beside it: `price` reads `price_text`.

    The text is checked before `Decimal` sees it, because `Decimal` takes far more than an amount may be. Raises
    ProtocolError where the text is no amount; `body` holds its beginning.
    """

    def __init__(self, pattern: re.Pattern[str] = AMOUNT) -> None:
        super().__init__()
        self.pattern: re.Pattern[str] = pattern

    def __set_name__(self, owner: type, name: str) -> None:
        super().__init__(_getter(f"{name}_text", _known(self.pattern), _Read(self.pattern, f"{owner.__name__}.{name}")))

    if TYPE_CHECKING:

        @overload
        def __get__(self, owner: None, kind: Any = None) -> Amount: ...
        @overload
        def __get__(self, owner: object, kind: Any = None) -> Decimal: ...
        def __get__(self, owner: object | None, kind: Any = None) -> Amount | Decimal: ...


@cache
def _known(_pattern: re.Pattern[str]) -> dict[str, Decimal]:
    """Amounts that were read, by their texts: sizes and prices of one account repeat, and a `Decimal` never changes."""
    return {}


class _Read:
    """Reads an amount that is not among the known ones, and remembers it."""

    __slots__ = ("_known", "_pattern", "_word")

    def __init__(self, pattern: re.Pattern[str], word: str) -> None:
        self._known = _known(pattern)
        self._pattern = pattern
        self._word = word

    def __call__(self, text: str) -> Decimal:
        if self._pattern.fullmatch(text) is None:
            raise ProtocolError(f"{self._word} is not a decimal amount", text[:64].encode("utf-8", "replace"))
        if len(self._known) >= AMOUNTS_REMEMBERED:
            self._known.clear()
        amount = self._known[text] = Decimal(text)
        return amount


def _get(owner: Any, known: dict[str, Decimal], read: Callable[[str], Decimal]) -> Decimal:
    try:
        return known[owner.text]
    except KeyError:
        return read(owner.text)


def _getter(field: str, known: dict[str, Decimal], read: Callable[[str], Decimal]) -> Callable[[Any], Decimal]:
    """
    `_get` for this field in place of `text`.

    Made by putting the field's name into the function's code: a name that is looked up as a value takes as long again
    as all the rest, and every amount that anybody reads goes this way.
    """
    names = tuple(field if name == "text" else name for name in _get.__code__.co_names)
    return FunctionType(_get.__code__.replace(co_names=names), globals(), field, (known, read))


class Words(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """
    What every message can do.

    Unknown keys are forbidden for the decoder alone, so that it tells of them; messages that have some are read all
    the same. See `wire.loose`.
    """

    def to_dict(self) -> dict[str, Any]:
        """Words to plain values, ready for JSON: amounts as the venue's text, ids and times as int."""
        names, lists = _shape(type(self))
        words: dict[str, Any] = dict(zip(names, msgspec.structs.astuple(self), strict=True))
        for name in lists:
            words[name] = [part.to_dict() for part in words[name]]
        return words


@cache
def _shape(message: type[Words]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a message, and which of them are lists. Looked up once: a journal asks for the words of every event."""
    fields = msgspec.structs.fields(message)
    lists = tuple(one.name for one in fields if get_origin(one.type) is tuple)
    return tuple(one.name.removesuffix("_text") for one in fields), lists


def shown_fingerprint(key: Secret) -> str:
    """Eight hex digits of a listen key; of a key that is already a fingerprint, those digits."""
    text = key.reveal()
    if text.startswith(FINGERPRINT_PREFIX):
        return text.removeprefix(FINGERPRINT_PREFIX)
    return key.fingerprint()
