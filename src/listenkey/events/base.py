"""The base of every message: ids, amounts, and conversion to plain values."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeAlias, get_origin, overload

import msgspec

from listenkey.errors import ProtocolError

if TYPE_CHECKING:
    from listenkey.credentials import Secret

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Millis: TypeAlias = Id

AMOUNT: Final = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
"""
The spellings of an amount: as JSON writes numbers, with or without a sign or leading zeros, and with an exponent, as
Java's BigDecimal prints `0E-8`. No NaN, no underscore, no digits of other scripts. `amount_of` bounds the value.
"""

PLAIN: Final = re.compile(r"-?[0-9]{1,24}(?:\.[0-9]{1,40})?")
"""The documented spelling, which needs no further look."""

WHOLE_DIGITS_MAX: Final = 24
"""The most digits before the point: a million million million times the value of everything."""

DECIMALS_MAX: Final = 40
"""The most digits behind the point. A double prints 17 digits, which for a small one begin late."""

AMOUNT_CHARS_MAX: Final = 96
"""The longest spelling above has 87 characters."""

AMOUNTS_REMEMBERED: Final = 2048
"""A few hundred kilobytes for the process: no text is longer than `AMOUNT_CHARS_MAX`."""

AMOUNTS: Final[dict[str, Decimal]] = {}
"""Amounts that were read, by their texts: sizes and prices of one account repeat, and a `Decimal` never changes."""

SYMBOL_CHARS_MAX: Final = 64
"""`BTC-261225-90000-C` has 18 characters."""

TEXT_CHARS_MAX: Final = 128
"""A client order id of the sibling product has at most 36 characters; statuses and the like have fewer."""

SymbolText: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=SYMBOL_CHARS_MAX)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
AmountText: TypeAlias = Annotated[str, msgspec.Meta(max_length=AMOUNT_CHARS_MAX)]
TradeId: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Bounds for the fast decoder. What exceeds one is read on the slow road, which keeps no long text."""

FINGERPRINT_PREFIX: Final = "sha256:"
"""The text before a fingerprint that stands in a listen key's place."""


def amount_of(text: str) -> Decimal | None:
    """Return the amount that a text spells, exactly; None where it spells none, or one beyond the bounds above."""
    known = AMOUNTS.get(text)
    if known is not None:
        return known
    if PLAIN.fullmatch(text) is not None:
        amount = Decimal(text)
    elif AMOUNT.fullmatch(text) is None:
        return None
    else:
        amount = Decimal(text)
        exponent = int(amount.as_tuple().exponent)
        if abs(exponent) > DECIMALS_MAX or amount.adjusted() >= WHOLE_DIGITS_MAX:
            return None
    if len(AMOUNTS) >= AMOUNTS_REMEMBERED:
        AMOUNTS.clear()
    AMOUNTS[text] = amount
    return amount


class Amount(property):
    """
    The `Decimal` of the text field beside it: `commission` reads `commission_text`.

    None where the venue left the field out, sent null or an empty text, or sent what is no amount. Zero is only what
    the venue sent as zero.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        super().__init__(_getter(f"{name}_text", self._reader(f"{owner.__name__}.{name}")))

    def _reader(self, word: str) -> Callable[[str], Decimal | None]:
        del word
        return amount_of

    if TYPE_CHECKING:

        @overload
        def __get__(self, owner: None, kind: Any = None) -> Self: ...
        @overload
        def __get__(self, owner: object, kind: Any = None) -> Decimal | None: ...
        def __get__(self, owner: object | None, kind: Any = None) -> Self | Decimal | None: ...


class SureAmount(Amount):
    """
    An amount without which its message would not be one: the quantity and the price of a fill.

    The decoder takes no message without it. Of a message that was made by hand it raises ProtocolError where the text
    is no amount; `body` holds its beginning.
    """

    def _reader(self, word: str) -> Callable[[str], Decimal]:
        return _SureReader(word)

    if TYPE_CHECKING:

        @overload
        def __get__(self, owner: None, kind: Any = None) -> Self: ...
        @overload
        def __get__(self, owner: object, kind: Any = None) -> Decimal: ...
        def __get__(self, owner: object | None, kind: Any = None) -> Self | Decimal: ...


class _SureReader:
    """Reads an amount that must be one."""

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def __call__(self, text: str) -> Decimal:
        amount = amount_of(text)
        if amount is None:
            raise ProtocolError(f"{self._word} is not a decimal amount", text[:64].encode("utf-8", "replace"))
        return amount


def _get(owner: Any, known: dict[str, Decimal], read: Callable[[str], Decimal | None]) -> Decimal | None:
    try:
        return known[owner.text]
    except KeyError:
        return read(owner.text)


def _getter(field: str, read: Callable[[str], Decimal | None]) -> Callable[[Any], Decimal | None]:
    """
    `_get` for this field in place of `text`.

    Made by putting the field's name into the function's code: a name that is looked up as a value takes as long again
    as all the rest, and every amount that anybody reads goes this way.
    """
    names = tuple(field if name == "text" else name for name in _get.__code__.co_names)
    return FunctionType(_get.__code__.replace(co_names=names), globals(), field, (AMOUNTS, read))


class Message(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """
    The base class of every message.

    Unknown keys are forbidden for the decoder alone, so that it reports them; messages that have some are read all the
    same. See `wire.lenient_decoder`.
    """

    def to_dict(self) -> dict[str, Any]:
        """Words to plain values, ready for JSON: amounts as the venue's text or None, ids and times as int."""
        names, lists, amounts = _shape(type(self))
        words: dict[str, Any] = dict(zip(names, msgspec.structs.astuple(self), strict=True))
        for name in lists:
            words[name] = [part.to_dict() for part in words[name]]
        for name in amounts:
            text = words[name]
            if text not in AMOUNTS and (text is None or amount_of(text) is None):
                words[name] = None
        return words


@cache
def _shape(message: type[Message]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The words of a message, which of them are lists and which amounts. Looked up once: `to_dict` is called often."""
    fields = msgspec.structs.fields(message)
    lists = tuple(one.name for one in fields if get_origin(one.type) is tuple)
    amounts = tuple(one.name.removesuffix("_text") for one in fields if one.name.endswith("_text"))
    return tuple(one.name.removesuffix("_text") for one in fields), lists, amounts


def shown_fingerprint(key: Secret) -> str:
    """Eight hex digits of a listen key; of a key that is already a fingerprint, those digits."""
    text = key.reveal()
    if text.startswith(FINGERPRINT_PREFIX):
        return text.removeprefix(FINGERPRINT_PREFIX)
    return key.fingerprint()
