from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import Pit, fixture_code

SAMPLE = {
    "underlyingId": 2,
    "underlying": "BTCUSDT",
    "windowTimeInMilliseconds": 3000,
    "frozenTimeInMilliseconds": 300000,
    "qtyLimit": "2",
    "deltaLimit": "2.3",
    "lastTriggerTime": 0,
}
"""[O market-maker-endpoints/Get-Market-Maker-Protection-Config]"""


def protect(pit: Pit, **changes: Any) -> dict[str, Any]:
    """The sample's protection, of an account that is a market maker."""
    if "mm" not in pit.exchange.account_names():
        pit.exchange.add_account("mm", pit.now_ms, market_maker=True)
    asked: dict[str, Any] = {
        "account": "mm",
        "window_ms": 3_000,
        "frozen_ms": 300_000,
        "quantity_limit": Decimal(2),
        "delta_limit": Decimal("2.3"),
        "underlying": "BTCUSDT",
    }
    asked |= changes
    return pit.exchange.set_protection(now_ms=pit.now_ms, **asked)


def quote(pit: Pit, *, mmp: bool = True, quantity: str = "1", price: str = "100") -> dict[str, Any]:
    return pit.buy("mm", quantity, price, symbol=pit.btc, mmp=mmp)


def test_it_reads_as_it_was_set() -> None:
    pit = Pit()
    assert protect(pit) == SAMPLE
    assert list(SAMPLE) == list(pit.exchange.protection("mm", "BTCUSDT", pit.now_ms))


def test_too_much_in_a_window_cancels_protected_orders_of_the_underlying_and_refuses_more() -> None:
    pit = Pit()
    protect(pit)
    for _ in range(3):
        quote(pit)
    plain = quote(pit, mmp=False, price="99")
    other = pit.buy("mm", "1", "1", mmp=True)
    pit.events()
    pit.sell("alice", "1", "100", symbol=pit.btc)
    assert pit.story("mm")[0] == "TRADE/FILLED"
    assert len(pit.exchange.open_orders("mm")) == 4
    pit.sell("alice", "1", "100", symbol=pit.btc)
    assert pit.story("mm")[-1] == "CANCELED/CANCELED"
    assert [each["orderId"] for each in pit.exchange.open_orders("mm")] == [plain["orderId"], other["orderId"]]
    assert pit.exchange.protection("mm", "BTCUSDT", pit.now_ms)["lastTriggerTime"] == pit.now_ms
    with pytest.raises(Rejected) as caught:
        quote(pit)
    assert (caught.value.code, caught.value.message) == fixture_code("error_6058")
    protect(pit)
    with pytest.raises(Rejected):
        quote(pit)
    quote(pit, mmp=False)
    pit.buy("mm", "1", "1", mmp=True)
    pit.now_ms += 300_000
    assert quote(pit)["status"] == "NEW"


def test_what_is_spread_over_time_is_not_too_much() -> None:
    pit = Pit()
    protect(pit)
    for _ in range(4):
        quote(pit)
        pit.sell("alice", "1", "100", symbol=pit.btc)
        pit.now_ms += 3_000
    assert pit.exchange.protection("mm", "BTCUSDT", pit.now_ms)["lastTriggerTime"] == 0


def test_net_delta_is_a_limit_of_its_own_and_a_frozen_time_of_zero_waits_for_a_reset() -> None:
    pit = Pit()
    protect(pit, quantity_limit=Decimal(100), delta_limit=Decimal("0.0001"), frozen_ms=0)
    quote(pit, quantity="0.01")
    pit.sell("alice", "0.01", "100", symbol=pit.btc)
    pit.now_ms += 10**9
    pit.exchange.advance(pit.now_ms)
    pit.btc = next(each for each in reversed(pit.exchange.symbols()) if each.startswith("BTC"))
    with pytest.raises(Rejected):
        quote(pit)
    pit.exchange.protection("mm", "BTCUSDT", pit.now_ms, reset=True)
    assert quote(pit)["status"] == "NEW"


def test_a_taker_is_cancelled_in_the_middle_of_its_fills() -> None:
    pit = Pit()
    protect(pit)
    for price in ("50", "51", "52"):
        pit.sell("alice", "1", price, symbol=pit.btc)
    taken = quote(pit, quantity="3")
    assert (taken["status"], taken["executedQty"]) == ("CANCELED", "2.00")
    pit.exchange.protection("mm", "BTCUSDT", pit.now_ms, reset=True)
    assert quote(pit)["status"] == "FILLED"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": "alice"}, -6005),
        ({"underlying": "DOGEUSDT"}, -6003),
        ({"window_ms": 0}, -6001),
        ({"window_ms": 5_001}, -6001),
        ({"frozen_ms": 10**15}, -6002),
        ({"quantity_limit": Decimal(0)}, -1130),
        ({"delta_limit": Decimal(-1)}, -1130),
    ],
)
def test_what_can_not_be_set(changes: dict[str, Any], code: int) -> None:
    with pytest.raises(Rejected) as caught:
        protect(Pit(), **changes)
    assert caught.value.code == code


def test_what_was_never_set_can_not_be_read() -> None:
    pit = Pit()
    protect(pit)
    with pytest.raises(Rejected) as caught:
        pit.exchange.protection("mm", "ETHUSDT", pit.now_ms)
    assert caught.value.code == -6006
