"""Market streams: what is pushed, when, in which room, and that it adds up to what REST says."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.websocket.addresses import Address
from listenkey.sandbox.world import World

T0 = 1_795_330_020_000
MINUTE_MS = 60_000


class Floor:
    """A world with alice and a combined socket in each room."""

    def __init__(self) -> None:
        self.world = World(T0, market=False)
        for name in ("alice", "bob"):
            self.world.add_account(name, T0)
        self.now_ms = T0
        self.sid = {room: self.open(f"/{room}/stream") for room in ("public", "market")}
        self.symbol = self.world.exchange.symbols()[-1]
        self.lower = self.symbol.lower()

    def open(self, path: str, query: str = "") -> int:
        address = self.world.admit(path, query, "127.0.0.1", self.now_ms)
        assert isinstance(address, Address)
        return self.world.open_socket(address, "127.0.0.1", self.now_ms)

    def subscribe(self, room: str, *names: str, method: str = "SUBSCRIBE") -> None:
        self.now_ms += 1_000  # ten messages a second are allowed
        text = json.dumps({"method": method, "params": names, "id": 1})
        self.world.advance(self.now_ms)
        self.world.hub.receive_text(self.sid[room], text, self.now_ms)
        self.world.advance(self.now_ms)

    def order(self, account: str, side: str, quantity: str, price: str, **more: Any) -> int:
        from listenkey.sandbox.exchange.orders import OrderRequest

        request = OrderRequest(symbol=self.symbol, side=side, quantity=Decimal(quantity), price=Decimal(price), **more)
        placed = self.world.exchange.place_order(account, request, self.now_ms)
        self.world.drain(self.now_ms)
        return int(placed["orderId"])

    def trade(self, quantity: str = "1", price: str = "100") -> None:
        self.order("bob", "SELL", quantity, price)
        self.order("alice", "BUY", quantity, price)

    def pass_ms(self, ms: int) -> None:
        self.now_ms += ms
        self.world.advance(self.now_ms)

    def heard(self) -> list[tuple[str, Any]]:
        """Stream and payload of what was pushed."""
        frames = [json.loads(action) for _, action in self.world.take_actions() if isinstance(action, bytes)]
        return [(frame["stream"], frame["data"]) for frame in frames if "stream" in frame]


def test_trades_come_at_once_to_their_contract_and_their_underlying() -> None:
    floor = Floor()
    names = [f"{floor.lower}@optionTrade", "ethusdt@optionTrade", "btcusdt@optionTrade"]
    floor.trade()
    floor.subscribe("public", *names)
    assert floor.heard() == [], "nothing from before"
    floor.trade("0.5", "101")
    floor.order("alice", "BUY", "2", "90")
    floor.order("bob", "SELL", "1", "90")
    heard = floor.heard()
    assert [name for name, _ in heard] == [names[0], names[1], names[0], names[1]]
    first, second = heard[0][1], heard[2][1]
    assert first == {
        "e": "trade",
        "E": floor.now_ms,
        "T": floor.now_ms,
        "s": floor.symbol,
        "t": 2,
        "p": "101.0",
        "q": "0.50",
        "X": "MARKET",
        "S": "BUY",
        "m": False,
    }
    assert (second["S"], second["m"], second["q"]) == ("SELL", True, "1.00")


def test_the_best_prices_come_at_once_and_only_when_they_change() -> None:
    floor = Floor()
    name = f"{floor.lower}@bookTicker"
    floor.subscribe("public", name)
    [(_, empty)] = floor.heard()
    assert (empty["b"], empty["B"], empty["a"], empty["A"]) == ("0.0", "0.00", "0.0", "0.00")
    floor.order("alice", "BUY", "1", "90")
    floor.order("alice", "BUY", "1", "89")
    floor.order("bob", "SELL", "2", "120")
    told = [(data["b"], data["B"], data["a"], data["A"]) for _, data in floor.heard()]
    assert told == [("90.0", "1.00", "0.0", "0.00"), ("90.0", "1.00", "120.0", "2.00")]


def keep(sides: dict[str, dict[str, str]], data: dict[str, Any]) -> None:
    """Apply a change of a book, as a client does."""
    for side, levels in sides.items():
        levels |= dict(data[side])
        for price in [price for price, quantity in data[side] if quantity == "0"]:
            del levels[price]


@pytest.mark.parametrize("speed", ["@100ms", "@500ms", ""])
def test_a_local_book_kept_from_changes_equals_the_exchanges(speed: str) -> None:
    floor = Floor()
    floor.order("alice", "BUY", "1", "90")
    floor.subscribe("public", f"{floor.lower}@depth{speed}")
    snapshot = floor.world.exchange.depth(floor.symbol, 1000)
    sides = {"b": dict(map(tuple, snapshot["bids"])), "a": dict(map(tuple, snapshot["asks"]))}
    last = snapshot["lastUpdateId"]
    resting = [floor.order("alice", "BUY", "1", str(price)) for price in (91, 92)]
    floor.order("bob", "SELL", "1", "120")
    assert floor.heard() == [], "not at once"
    every_ms = 100 if speed == "@100ms" else 500
    pushes = 0
    for step in range(6):
        floor.pass_ms(every_ms)
        if step == 1:
            floor.order("bob", "SELL", "1.5", "91")
        if step == 3:
            floor.world.exchange.cancel_order("alice", floor.symbol, floor.now_ms, client_order_id=f"auto-{resting[0]}")
        for _, data in floor.heard():
            pushes += 1
            assert (data["e"], data["pu"], data["U"]) == ("depthUpdate", last, last + 1)
            last = data["u"]
            keep(sides, data)
    assert pushes == 3
    book = floor.world.exchange.depth(floor.symbol, 1000)
    assert last == book["lastUpdateId"]
    assert sorted(sides["b"].items(), reverse=True) == [tuple(level) for level in book["bids"]]
    assert sorted(sides["a"].items()) == [tuple(level) for level in book["asks"]]


def test_the_best_levels_come_whole() -> None:
    floor = Floor()
    for price in range(80, 90):
        floor.order("alice", "BUY", "1", str(price))
    floor.subscribe("public", f"{floor.lower}@depth5@100ms")
    floor.pass_ms(100)
    [(_, data)] = floor.heard()
    assert data["b"] == floor.world.exchange.depth(floor.symbol, 5)["bids"]
    assert len(data["b"]) == 5
    floor.pass_ms(1_000)
    assert floor.heard() == []


def test_tickers_of_one_contract_and_of_a_day_when_they_change() -> None:
    floor = Floor()
    day = floor.symbol.split("-")[1]
    names = [f"{floor.lower}@optionTicker", f"ethusdt@optionTicker@{day}"]
    floor.subscribe("public", *names)
    floor.pass_ms(1_000)
    heard = floor.heard()
    assert [name for name, _ in heard].count(names[1]) == 10, "at first all of the day"
    floor.pass_ms(5_000)
    assert floor.heard() == []
    floor.trade("2", "100")
    floor.trade("1", "110")
    floor.pass_ms(1_000)
    heard = floor.heard()
    assert [(name, data["s"]) for name, data in heard] == [(name, floor.symbol) for name in names]
    data = heard[0][1]
    told = {name: data[name] for name in "poPwcQhlvqn"}
    assert told == {
        "p": "10.0",
        "P": "10.00",
        "w": "103.3",
        "c": "110.0",
        "Q": "1.00",
        "o": "100.0",
        "h": "110.0",
        "l": "100.0",
        "v": "3.00",
        "q": "310.00000000",
        "n": 2,
    }


def test_marks_and_the_index_come_every_second_as_rest_has_them() -> None:
    floor = Floor()
    floor.order("alice", "BUY", "1", "90")
    floor.subscribe("market", "ethusdt@optionMarkPrice", "!index@arr")
    floor.pass_ms(999)
    floor.heard()
    floor.pass_ms(1_000)
    heard = dict(floor.heard())
    rest = {row["symbol"]: row for row in floor.world.exchange.marks(None, floor.now_ms)}
    marks = {data["s"]: data for data in heard["ethusdt@optionMarkPrice"]}
    assert len(marks) == 30
    mine = marks[floor.symbol]
    assert (mine["mp"], mine["d"], mine["vo"], mine["b"]) == tuple(
        rest[floor.symbol][name] for name in ("markPrice", "delta", "markIV", "bidIV")
    )
    assert (mine["bo"], mine["bq"], mine["ao"]) == ("90.0", "1.00", "0.0")
    index = {data["s"]: data["p"] for data in heard["!index@arr"]}
    assert index == {name: f"{floor.world.exchange.index_price(name):f}" for name in ("BTCUSDT", "ETHUSDT")}


def test_a_candle_grows_and_is_closed_once() -> None:
    floor = Floor()
    floor.subscribe("market", f"{floor.lower}@kline_1m")
    floor.trade("1", "100")
    floor.pass_ms(1_000)
    floor.trade("2", "105")
    floor.pass_ms(1_000)
    floor.pass_ms(1_000)
    told = [(data["k"]["c"], data["k"]["v"], data["k"]["n"], data["k"]["x"]) for _, data in floor.heard()]
    assert told == [("100.0", "1.00", 1, False), ("105.0", "3.00", 2, False)]
    floor.pass_ms(2 * MINUTE_MS)
    [(_, closed)] = floor.heard()
    assert (closed["k"]["x"], closed["k"]["n"], closed["k"]["o"]) == (True, 2, "100.0")
    [row] = [
        row
        for row in floor.world.exchange.klines(floor.symbol, "1m", limit=10, now_ms=floor.now_ms)
        if row["tradeCount"]
    ]
    assert (row["openTime"], row["closeTime"], row["amount"]) == tuple(closed["k"][name] for name in "tTq")
    floor.pass_ms(5 * MINUTE_MS)
    assert floor.heard() == []


@pytest.mark.parametrize("word", ["openInterest", "optionOpenInterest"])
def test_open_interest_comes_soon_and_then_every_minute(word: str) -> None:
    floor = Floor()
    floor.trade("3")
    floor.subscribe("market", f"ethusdt@{word}@{floor.symbol.split('-')[1]}")
    floor.pass_ms(1_000)
    [(_, rows)] = floor.heard()
    assert {row["s"]: row["o"] for row in rows}[floor.symbol] == "3.00"
    floor.pass_ms(30_000 - floor.now_ms % MINUTE_MS)
    assert floor.heard() == []
    floor.pass_ms(MINUTE_MS)
    assert len(floor.heard()) == 1


def test_new_contracts_are_told_when_they_are_listed() -> None:
    floor = Floor()
    floor.subscribe("market", "!optionSymbol")
    expiry_ms = min(floor.world.exchange.state.contract(symbol).expiry_ms for symbol in floor.world.exchange.symbols())
    before = set(floor.world.exchange.symbols())
    floor.pass_ms(expiry_ms - floor.now_ms)
    told = {data["s"]: data for _, data in floor.heard()}
    assert set(told) == set(floor.world.exchange.symbols()) - before
    one = next(iter(told.values()))
    assert (one["e"], one["qa"], one["cs"], one["ot"]) == ("optionSymbol", "USDT", "TRADING", floor.now_ms)


def test_the_wrong_room_and_names_that_mean_nothing_are_silent() -> None:
    floor = Floor()
    floor.subscribe("market", f"{floor.lower}@optionTrade", "nothing@bookTicker", "x", "!index")
    floor.subscribe("public", "!index@arr", "ethusdt@optionMarkPrice", "btcusdt@depth", f"{floor.lower}@kline_7m")
    floor.trade()
    floor.pass_ms(10_000)
    assert floor.heard() == []


def test_a_stream_ends_with_its_last_listener() -> None:
    floor = Floor()
    floor.subscribe("market", "!index@arr")
    other = floor.open("/market/ws/!index@arr")
    raw = floor.open("/market/stream", "streams=!index@arr")
    floor.pass_ms(1_000)
    frames = [action for sid, action in floor.world.take_actions() if sid == other and isinstance(action, bytes)]
    assert isinstance(json.loads(frames[0]), list), "raw, without an envelope"
    assert floor.world.market_streams.due_ms() is not None
    floor.subscribe("market", "!index@arr", method="UNSUBSCRIBE")
    for sid in (other, raw):
        floor.world.hub.closed(sid)
    floor.pass_ms(1_000)
    floor.heard()
    floor.pass_ms(5_000)
    assert floor.heard() == []
    assert floor.world.market_streams.due_ms() is None


def test_hours_that_are_passed_over_are_told_of_once() -> None:
    floor = Floor()
    floor.subscribe("market", "!index@arr")
    floor.heard()
    floor.pass_ms(5 * 3_600_000)
    assert len(floor.heard()) == 1


def test_a_name_that_becomes_a_contract_is_heard_from_then_on() -> None:
    floor = Floor()
    expiry_ms = min(floor.world.exchange.state.contract(symbol).expiry_ms for symbol in floor.world.exchange.symbols())
    twin = World(T0, market=False)
    twin.advance(expiry_ms)
    coming = next(symbol for symbol in twin.exchange.symbols() if symbol not in floor.world.exchange.symbols())
    floor.subscribe("public", f"{coming.lower()}@bookTicker")
    assert floor.heard() == []
    floor.pass_ms(expiry_ms - floor.now_ms)
    if coming in floor.world.exchange.symbols():
        assert [data["s"] for _, data in floor.heard()] == [coming]
