from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from listenkey.journal.sqlite.hash_chain import BEGINNING, SEALED, checksums, fact_checksum, follows, is_whole, seal

VALUES = (1, "update", None, 5, b"\x00", "{}")


def test_a_sealed_row_is_whole_and_follows_the_one_before() -> None:
    first = seal(VALUES, BEGINNING)
    second = seal((2, *VALUES[1:]), first[-1])
    assert is_whole(first)
    assert follows(first, BEGINNING)
    assert follows(second, first[-1])


def test_checksums_of_many_are_those_of_each() -> None:
    sealed = [seal((number, *VALUES[1:], "x" * (300 - number)), BEGINNING) for number in range(300)]
    assert checksums(row[:-SEALED] for row in sealed) == [row[-SEALED] for row in sealed]


def test_a_row_in_another_place_is_whole_and_does_not_follow() -> None:
    first = seal(VALUES, BEGINNING)
    second = seal(VALUES, first[-1])
    assert is_whole(second)
    assert not follows(second, BEGINNING)


@given(st.integers(0, len(VALUES) - 1), st.one_of(st.none(), st.integers(), st.text(), st.binary()))
def test_any_other_value_shows(place: int, value: object) -> None:
    row = list(seal(VALUES, BEGINNING))
    changed = (type(row[place]), row[place]) != (type(value), value)
    row[place] = value
    try:
        assert is_whole(tuple(row)) is not changed
    except OverflowError:
        assert isinstance(value, int)


def test_values_that_would_read_alike_side_by_side_differ() -> None:
    assert seal(("ab", "c"), BEGINNING)[-1] != seal(("a", "bc"), BEGINNING)[-1]
    assert fact_checksum("a", 1) != fact_checksum("a", "1")
