from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.credentials import Secret, fingerprint
from listenkey.errors import ProtocolError
from listenkey.events import base
from listenkey.events.base import Amount, Message, SureAmount, shown_fingerprint


class Bag(Message, frozen=True):
    price_text: str
    fee_text: str = ""
    name: str = "n"
    parts: tuple[Bag, ...] = ()

    price: ClassVar[SureAmount] = SureAmount()
    fee: ClassVar[Amount] = Amount()


@given(st.from_regex(r"-?[0-9]{1,24}(\.[0-9]{1,18})?", fullmatch=True).filter(str.isascii))
def test_an_amount_is_exact(text: str) -> None:
    price = Bag(text).price
    assert price == Decimal(text)
    assert f"{price:f}" == f"{Decimal(text):f}"
    assert type(price) is Decimal


SPELLINGS = {
    "0E-8": "0",
    "0E+3": "0",
    "-0": "0",
    "-0.00": "0",
    "1e5": "100000",
    "1E+3": "1000",
    "-1.5E-7": "-0.00000015",
    "1e-007": "0.0000001",
    "+1": "1",
    ".5": "0.5",
    "5.": "5",
    "007.50": "7.5",
    "1." + "0" * 40: "1",
    "9" * 24: "9" * 24,
    "1e-40": "0." + "0" * 39 + "1",
}


@pytest.mark.parametrize(("text", "value"), SPELLINGS.items())
def test_an_amount_has_many_spellings(text: str, value: str) -> None:
    bag = Bag(text, text)
    assert bag.price == bag.fee == Decimal(value)
    assert bag.to_dict()["fee"] == text, "the venue's own text is kept"


BAD = [
    "",
    "NaN",
    "sNaN",
    "Infinity",
    "1e999999",
    "1e100",
    "1e24",
    "1e-41",
    "0e999",
    "0e-999",
    "1_000",
    "٣",
    "１",
    " 1",
    "1 ",
    "1\n",
    ".",
    "e5",
    "--1",
    "0x1",
    "1,5",
]
BAD += ["1" * 25, "1." + "0" * 41, "9" * 1_000_000]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:12] or "nothing")
def test_what_is_no_amount_is_none_and_in_a_fill_an_error(text: str) -> None:
    bag = Bag(text, text)
    assert bag.fee is None
    assert bag.to_dict()["fee"] is None
    with pytest.raises(ProtocolError, match=r"Bag\.price is not a decimal amount") as raised:
        _ = bag.price
    assert bag.price_text == text
    assert raised.value.body == text[:64].encode()
    assert text not in base.AMOUNTS, "nothing is kept that is no amount"


def test_amounts_are_remembered_up_to_a_bound() -> None:
    for number in range(3 * base.AMOUNTS_REMEMBERED):
        assert base.amount_of(f"{number}.125") == Decimal(f"{number}.125")
    assert len(base.AMOUNTS) <= base.AMOUNTS_REMEMBERED
    assert max(map(len, base.AMOUNTS)) <= base.AMOUNT_CHARS_MAX


def test_words_keep_texts_and_nest() -> None:
    assert Bag("1.50", "0.1", "a", (Bag("2"),)).to_dict() == {
        "price": "1.50",
        "fee": "0.1",
        "name": "a",
        "parts": [{"price": "2", "fee": None, "name": "n", "parts": []}],
    }


def test_the_fingerprint_of_a_fingerprint_is_itself() -> None:
    key = Secret("k" * 64)
    assert shown_fingerprint(key) == fingerprint("k" * 64)
    assert shown_fingerprint(Secret("sha256:" + shown_fingerprint(key))) == shown_fingerprint(key)


def test_the_class_itself_shows_the_descriptor() -> None:
    assert isinstance(Bag.price, SureAmount)
    assert type(Bag.fee) is Amount
