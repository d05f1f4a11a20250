"""Events, items, a stream and a terminal for the tests of the command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from listenkey.cli.display.annotation import Annotation
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    GreekUpdate,
    OrderTradeUpdate,
    RecoveredFill,
)
from listenkey.health import Health
from listenkey.items import Item, Live, Update
from listenkey.wire.frames import read_payload

FIXTURES = Path(__file__).parents[2] / "fixtures"

AT_MS = 1_795_330_000_000  # 06:46:40 UTC


def fixture(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return value


def order_event(**letters: Any) -> OrderTradeUpdate:
    """A fill; `letters` change the order's fields by the venue's letters."""
    payload = fixture("thirdparty_order_trade_update_trade")["data"]
    payload["o"] |= {"s": "BTC-261225-90000-C", "S": "BUY", "X": "FILLED", "x": "TRADE", "t": 41, "m": False}
    payload["o"] |= {"q": "0.30", "z": "0.30", "l": "0.10", "L": "1234.50", "n": "-0.02874000", "rp": "0"} | letters
    payload["E"] = AT_MS
    event = read_payload(json.dumps(payload).encode())
    assert isinstance(event, OrderTradeUpdate)
    return event


def recovered_event(**words: Any) -> RecoveredFill:
    """A fill that only REST told; `words` change the row by REST's names."""
    row = {"symbol": "BTC-261225-90000-C", "tradeId": 41, "orderId": 7, "side": "BUY", "quantity": "0.10"}
    row |= {"price": "1234.50", "fee": "-0.02874000", "quoteAsset": "USDT", "time": AT_MS, "liquidity": False}
    row |= {"realizedProfit": "0"}
    return msgspec.json.decode(json.dumps(row | words), type=RecoveredFill)


def resting_event(**letters: Any) -> OrderTradeUpdate:
    """An order that was accepted and rests."""
    return order_event(
        **({"x": "NEW", "X": "NEW", "l": "0", "L": "0", "z": "0", "n": "0", "t": 0, "p": "1200"} | letters)
    )


def greek_event(**letters: Any) -> GreekUpdate:
    payload = fixture("greek_update")
    payload["G"][0] |= letters
    return msgspec.json.decode(json.dumps(payload), type=GreekUpdate)


def account_event() -> AccountUpdate:
    return msgspec.json.decode(json.dumps(fixture("account_update")), type=AccountUpdate)


def position_event(symbol: str = "BTC-261225-90000-C", quantity: str = "-0.1") -> BalancePositionUpdate:
    payload = fixture("balance_position_update")
    payload["P"] = [{"s": symbol, "c": quantity, "p": "-120", "a": "1200.00"}]
    return msgspec.json.decode(json.dumps(payload), type=BalancePositionUpdate)


def update(event: Event, seq: int = 1, received_ms: int = AT_MS) -> Update:
    return Update(seq, "alice", event, received_ms, b"{}")


def live(seq: int = 1) -> Live:
    return Live(seq, "alice", AT_MS)


def healthy(**changed: Any) -> Health:
    words: dict[str, Any] = {"status": "LIVE", "why": "", "key_fingerprint": "1a2b3c4d", "key_age_s": 723.0}
    words |= {"key_left_s": 2877.0, "renewals": 1, "last_renewal_ok": True, "sockets": 1, "socket_age_s": 723.0}
    words |= {"round_trip_s": 0.0123, "events": 1203, "fills": 401}
    return Health(**(words | changed))


class FakeStream:
    """Gives the items it holds, then ends with `error`, or waits for ever."""

    def __init__(
        self, items: Iterable[Item] = (), *, error: Exception | None = None, health: Health | None = None
    ) -> None:
        self.account = "a3f1"
        self.items = list(items)
        self.error = error
        self.said = health or healthy()
        self.exited = False
        self.idle = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.exited = True

    def __aiter__(self) -> AsyncIterator[Item]:
        return self._all()

    async def _all(self) -> AsyncIterator[Item]:
        while self.items:
            yield self.items.pop(0)
        self.idle.set()
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()

    def take_ready(self, most: int = 1024) -> list[Item]:
        taken, self.items = self.items[:most], self.items[most:]
        return taken

    def health(self) -> Health:
        return self.said


class ListRenderer:
    """A show that keeps what it was given."""

    def __init__(self, *, full: bool = False) -> None:
        self.items: list[Item] = []
        self.notes: list[Annotation] = []
        self.is_full = full
        self.waited = 0

    def add(self, item: Item) -> None:
        self.items.append(item)

    def annotate(self, annotation: Annotation) -> None:
        self.notes.append(annotation)

    async def room(self) -> None:
        self.waited += 1
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
