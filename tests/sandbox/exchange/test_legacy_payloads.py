from __future__ import annotations

from tests.sandbox.exchange.exchange_kit import fixture
from tests.sandbox.exchange.test_payloads import keys, shape, traded


def test_legacy_events() -> None:
    told = traded("legacy")[1]
    assert set(told) == {"ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE", "RISK_LEVEL_CHANGE"}
    filled, beat = told["ACCOUNT_UPDATE"]
    sample = fixture("legacy_account_update")
    assert keys(filled) == keys(sample)
    del sample["P"]
    assert keys(beat) == keys(sample)
    new, fill = told["ORDER_TRADE_UPDATE"]
    assert shape(fill) == shape(fixture("legacy_order_trade_update"))
    assert new["o"][0]["fi"] == []
    assert (new["o"][0]["S"], new["o"][0]["q"], fill["o"][0]["fi"][0]["f"]) == ("ACCEPTED", "-1.00", "5.00000000")
    assert shape(told["RISK_LEVEL_CHANGE"][0]) == shape(fixture("legacy_risk_level_change"))
