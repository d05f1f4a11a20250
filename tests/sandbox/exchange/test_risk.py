from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import Pit


def test_a_market_maker_is_told_when_it_may_only_reduce_and_when_no_more() -> None:
    pit = Pit()
    pit.exchange.add_account("mm", pit.now_ms, deposit=Decimal(20_000), market_maker=True)
    symbol = pit.btc
    pit.buy("bob", "1", "100", symbol=symbol)
    pit.sell("mm", "1", "100", symbol=symbol)
    pit.events()
    pit.exchange.state.prices.set_index("BTCUSDT", 110_000)
    pit.exchange.advance(pit.now_ms + 10_000)
    pit.now_ms += 10_000
    event = pit.events("mm")[-1]
    assert (event["e"], event["s"]) == ("RISK_LEVEL_CHANGE", "REDUCE_ONLY")
    assert Decimal(event["mb"]) < Decimal(event["mm"])
    assert pit.exchange.margin_account("mm", pit.now_ms)["reduceOnly"] is True
    with pytest.raises(Rejected) as caught:
        pit.buy("mm", "0.01", "1", symbol=pit.symbol)
    assert caught.value.code == -2027
    pit.buy("mm", "0.5", "1", symbol=symbol)
    pit.exchange.transfer("mm", Decimal(100_000), pit.now_ms)
    assert [each["s"] for each in pit.events("mm") if each["e"] == "RISK_LEVEL_CHANGE"] == ["NORMAL"]
