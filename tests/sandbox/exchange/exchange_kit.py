"""Common code of the trading world's tests: a world with two customers, and short words for orders."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from listenkey.sandbox.exchange.exchange import Exchange, OrderRequest
from listenkey.sandbox.switches import Switches

NOW_MS = 1_795_330_000_123
"""2026-11-22, a good hour before the nearest contracts expire."""

DAY_MS = 24 * 3600 * 1000
FIXTURES = Path(__file__).parents[2] / "fixtures"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def fixture_code(name: str) -> tuple[int, str]:
    body = fixture(name)
    return body["code"], body["msg"]


class Pit:
    """An exchange with alice and bob, and orders in one line."""

    def __init__(self, *, seed: int = 1, **switches: Any) -> None:
        self.now_ms = NOW_MS
        self.exchange = Exchange(NOW_MS, seed=seed, switches=Switches(**switches))
        for name in ("alice", "bob"):
            self.exchange.add_account(name, NOW_MS)
        # The farthest expiry: no test runs into it by accident.
        self.symbol = self.exchange.symbols()[-1]
        self.btc = next(each for each in self.exchange.symbols() if each.startswith("BTC"))

    def order(self, account: str, side: str, quantity: str, price: str, **more: Any) -> dict[str, Any]:
        self.now_ms += 1
        answer = more.pop("answer", "RESULT")
        request = OrderRequest(
            symbol=more.pop("symbol", self.symbol),
            side=side,
            quantity=Decimal(quantity),
            price=Decimal(price),
            **more,
        )
        return self.exchange.place_order(account, request, self.now_ms, answer=answer)

    def buy(self, account: str, quantity: str, price: str, **more: Any) -> dict[str, Any]:
        return self.order(account, "BUY", quantity, price, **more)

    def sell(self, account: str, quantity: str, price: str, **more: Any) -> dict[str, Any]:
        return self.order(account, "SELL", quantity, price, **more)

    def cancel(self, account: str, order_id: int, **more: Any) -> dict[str, Any]:
        self.now_ms += 1
        return self.exchange.cancel_order(account, self.symbol, self.now_ms, order_id=order_id, **more)

    def events(self, account: str | None = None) -> list[dict[str, Any]]:
        return [each.payload for each in self.exchange.take_events() if account in {None, each.account}]

    def story(self, account: str) -> list[str]:
        """An account's events as words: `NEW/NEW`, `TRADE/FILLED`, `ACCOUNT_UPDATE`..."""
        words = []
        for event in self.events(account):
            order = event.get("o")
            words.append(f"{order['x']}/{order['X']}" if isinstance(order, dict) else event["e"])
        return words
