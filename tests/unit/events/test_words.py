from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.credentials import Secret, fingerprint
from listenkey.errors import ProtocolError
from listenkey.events.words import NUMBER, Amount, Words, shown_fingerprint


class Bag(Words, frozen=True):
    price_text: str
    name: str = "n"
    parts: tuple[Bag, ...] = ()

    price: ClassVar[Amount] = Amount()


class Loose(Words, frozen=True):
    price_text: str

    price: ClassVar[Amount] = Amount(NUMBER)


@given(st.from_regex(r"-?[0-9]{1,24}(\.[0-9]{1,18})?", fullmatch=True).filter(str.isascii))
def test_an_amount_is_exact(text: str) -> None:
    price = Bag(text).price
    assert price == Decimal(text)
    assert f"{price:f}" == f"{Decimal(text):f}"
    assert type(price) is Decimal


BAD = [
    "",
    "NaN",
    "sNaN",
    "Infinity",
    "1e5",
    "1e999999",
    "1_000",
    "٣",
    "１",
    "+1",
    " 1",
    "1 ",
    "1\n",
    ".5",
    "5.",
    "--1",
    "0x1",
]
BAD += ["1" * 25, "1." + "0" * 19]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_amount_raises_when_asked_for_and_not_before(text: str) -> None:
    bag = Bag(text)
    with pytest.raises(ProtocolError, match=r"Bag\.price is not a decimal amount") as raised:
        _ = bag.price
    assert bag.price_text == text
    assert raised.value.body == text.encode()


def test_a_long_text_is_not_kept_whole_by_the_error() -> None:
    with pytest.raises(ProtocolError) as raised:
        _ = Bag("9" * 10_000).price
    assert len(raised.value.body) == 64


@pytest.mark.parametrize(("text", "value"), [("-1.5E-7", "-0.00000015"), ("35.5926375", "35.5926375"), ("2e2", "200")])
def test_a_legacy_number_may_have_an_exponent(text: str, value: str) -> None:
    assert Loose(text).price == Decimal(value)


@pytest.mark.parametrize("text", ["1e999999", "1e100", "NaN", "1" * 25])
def test_a_legacy_number_is_bounded_too(text: str) -> None:
    with pytest.raises(ProtocolError):
        _ = Loose(text).price


def test_words_keep_texts_and_nest() -> None:
    assert Bag("1.50", "a", (Bag("2"),)).to_dict() == {
        "price": "1.50",
        "name": "a",
        "parts": [{"price": "2", "name": "n", "parts": []}],
    }


def test_the_fingerprint_of_a_fingerprint_is_itself() -> None:
    key = Secret("k" * 64)
    assert shown_fingerprint(key) == fingerprint("k" * 64)
    assert shown_fingerprint(Secret("sha256:" + shown_fingerprint(key))) == shown_fingerprint(key)


def test_the_class_itself_shows_the_descriptor() -> None:
    assert isinstance(Bag.price, Amount)
