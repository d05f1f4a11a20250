"""What every message shares: ids, amounts, and turning into words."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_origin, overload

import msgspec

from listenkey.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Amount:
    """
    The `Decimal` of the text field beside it: `price` reads `price_text`.

    The text is checked before `Decimal` sees it, because `Decimal` takes far more than an amount may be.
    """

    __slots__ = ("_decimal", "_field", "_text", "pattern")

    def __init__(self, pattern: re.Pattern[str] = AMOUNT) -> None:
        self.pattern: re.Pattern[str] = pattern
        self._decimal = _reader(pattern)
        self._field = ""
        self._text: Callable[[object], str]

    def __set_name__(self, owner: object, name: str) -> None:
        self._field = f"{name}_text"
        self._text = attrgetter(self._field)

    @overload
    def __get__(self, owner: None, kind: Any = None) -> Amount: ...
    @overload
    def __get__(self, owner: object, kind: Any = None) -> Decimal: ...
    def __get__(self, owner: object | None, kind: Any = None) -> Amount | Decimal:
        """Raises ProtocolError where the text is no amount; `body` holds its beginning."""
        if owner is None:
            return self
        text = self._text(owner)
        try:
            return self._decimal(text)
        except ValueError:
            word = f"{type(owner).__name__}.{self._field.removesuffix('_text')}"
            raise ProtocolError(f"{word} is not a decimal amount", text[:64].encode("utf-8", "replace")) from None


@cache
def _reader(pattern: re.Pattern[str]) -> Callable[[str], Decimal]:
    """
    Text to amount, remembered: sizes and prices of one account repeat, and a `Decimal` never changes.

    The function raises ValueError where the text does not fit.
    """

    @lru_cache(maxsize=AMOUNTS_REMEMBERED)
    def read(text: str) -> Decimal:
        if pattern.fullmatch(text) is None:
            raise ValueError("not a decimal amount")
        return Decimal(text)

    return read


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
