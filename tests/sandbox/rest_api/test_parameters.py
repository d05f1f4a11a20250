from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.sandbox.rest_api.parameters import Parameters
from listenkey.sandbox.rest_api.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

ORDER = {"symbol": "BTC-261225-90000-C", "side": "BUY", "type": "LIMIT", "quantity": "0.10", "price": "12.5"}


def test_absent_and_empty_are_the_same() -> None:
    for values in ({}, {"x": ""}):
        asked = Parameters(values)
        assert asked.text("x") is None
        assert asked.integer("x") is None
        assert asked.decimal("x") is None
        assert asked.flag("x") is False
        assert asked.json_list("x") is None
        assert asked.limit(100, 1000) == 100
        with pytest.raises(Refusal, match="'x'"):
            asked.needed("x")


def test_values_are_exact() -> None:
    asked = Parameters({"n": "4611875134427365377", "d": "0.10", "f": "TRUE", "l": '[1.10, "a", 4611875134427365377]'})
    assert asked.integer("n") == 4611875134427365377
    assert str(asked.decimal("d")) == "0.10"
    assert asked.flag("f") is True
    assert asked.json_list("l") == [Decimal("1.10"), "a", 4611875134427365377]


@pytest.mark.parametrize(
    ("read", "value", "code"),
    [
        (lambda asked: asked.integer("x"), "1.5", -1102),
        (lambda asked: asked.integer("x"), "-1", -1102),
        (lambda asked: asked.integer("x"), "١", -1102),
        (lambda asked: asked.integer("x"), "9" * 20, -1102),
        (lambda asked: asked.decimal("x"), "1e9999", -1130),
        (lambda asked: asked.decimal("x"), "NaN", -1130),
        (lambda asked: asked.decimal("x"), "1_000", -1130),
        (lambda asked: asked.flag("x"), "yes", -1130),
        (lambda asked: asked.json_list("x"), "{}", -1130),
        (lambda asked: asked.json_list("x"), "[NaN]", -1130),
        (lambda asked: asked.json_list("x"), "[" * 100_000, -1130),
    ],
)
def test_what_makes_no_sense_is_refused(read: Callable[[Parameters], Any], value: str, code: int) -> None:
    with pytest.raises(Refusal) as refused:
        read(Parameters({"x": value}))
    assert refused.value.code == code


def test_limits_stay_within_the_documented_maximum() -> None:
    assert [Parameters({"limit": text}).limit(100, 1000) for text in ("5", "1", "5000")] == [5, 1, 1000]
    with pytest.raises(Rejected) as caught:
        Parameters({"limit": "0"}).limit(100, 1000)
    assert caught.value.code == -6008


def test_an_order_with_its_defaults() -> None:
    order = Parameters(ORDER).order()
    assert (order.time_in_force, order.stp, order.reduce_only, order.mmp) == ("GTC", "EXPIRE_MAKER", False, False)
    assert (order.quantity, order.price) == (Decimal("0.10"), Decimal("12.5"))
    asked = ORDER | {"timeInForce": "GTX", "isMmp": "true", "reduceOnly": "true", "clientOrderId": "mine"}
    order = Parameters(asked | {"selfTradePreventionMode": "NONE", "postOnly": "true"}).order()
    assert (order.time_in_force, order.stp, order.reduce_only, order.mmp) == ("GTX", "NONE", True, True)
    assert (order.client_order_id, order.post_only) == ("mine", True)


@pytest.mark.parametrize("name", sorted(ORDER))
def test_an_order_lacks_something(name: str) -> None:
    with pytest.raises(Refusal, match=f"'{name}'") as refused:
        Parameters({key: value for key, value in ORDER.items() if key != name}).order()
    assert refused.value.code == -1102
