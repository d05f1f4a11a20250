import pytest

from listenkey.errors import UsageError
from listenkey.gateway.names import check_name
from tests.unit.gateway.written import KEY


@pytest.mark.parametrize("name", ["a", "desk-1", "A_b-9", "x" * 64, "0"])
def test_a_name_of_letters_digits_and_dashes(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a/b", "..", "a.b", "x" * 65, "é", "a\n", "٣"])
def test_a_name_that_could_be_an_address_or_a_path_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="account's name"):
        check_name(name)


def test_a_key_in_the_place_of_a_name_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="looks like a key itself") as told:
        check_name(KEY)
    assert KEY not in str(told.value)
