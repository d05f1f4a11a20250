from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.exchange.test_payloads import traded


def test_equity_is_the_streams_and_the_samples_sums_hold() -> None:
    pit, told = traded("current")
    asset: dict[str, Any] = pit.exchange.margin_account("bob", pit.now_ms)["asset"][0]
    event = told["ACCOUNT_UPDATE"][-1]
    assert (asset["equity"], asset["unrealizedPNL"], asset["adjustedEquity"]) == (event["eq"], event["u"], event["aeq"])
    assert (asset["initialMargin"], asset["maintMargin"]) == (event["i"], event["M"])
    total = float(asset["marginBalance"]) + float(asset["unrealizedPNL"])
    assert float(asset["equity"]) == pytest.approx(total)
