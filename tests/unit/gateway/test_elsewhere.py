from __future__ import annotations

from listenkey.gateway.elsewhere import Elsewhere, is_with_another


def test_it_is_told_for_people() -> None:
    assert str(Elsewhere("w1", "http://10.0.0.1:8780")) == "w1 at http://10.0.0.1:8780"
    assert str(Elsewhere()) == "nobody"


def test_an_account_that_nobody_holds_is_with_nobody() -> None:
    assert [is_with_another(where) for where in (None, Elsewhere(), Elsewhere("w1", "x"))] == [False, False, True]
