"""
Make the frames to send: the mix of a busy account with ids that rise, as one block of ready frames, in four shapes.

Eight of ten messages are fills, one states the account, one its greeks. The account adds up: it sells with the next
order what it buys with one, so its position is after every ten messages what it was before, and no reader who reckons
with it has a reason to doubt. The futures shape is for clients that have no options: the same fills, and the futures'
own `ACCOUNT_UPDATE` for the rest.
"""

from __future__ import annotations

import itertools
import struct
from typing import Final

LISTEN_KEY: Final = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
FIRST_ORDER_ID: Final = 4_000_000_000_000_000_000
"""An order's id is this and its number, or this and the nanoseconds of the moment it was sent."""

OPTIONS: Final = "options"
"""In an envelope, as after SUBSCRIBE."""

OPTIONS_RAW: Final = "options, no envelope"
FUTURES: Final = "futures"
FUTURES_RAW: Final = "futures, no envelope"

ONE_SYMBOL: Final = "one-symbol"
"""Fills of one symbol whose trade ids rise."""

MANY_SYMBOLS: Final = "144-symbols"
"""The same, each two in one of 144 symbols at random."""

IDS_IN_NO_ORDER: Final = "ids-in-no-order"
"""One symbol, whose trade ids do not rise."""

WITH_ONESELF: Final = "trades-with-oneself"
"""One symbol; each two fills are both sides of one trade."""

STEPS: Final = "steps-beside-fills"
"""One symbol; each order is told when it is new and when it is filled."""

LOADS: Final = (ONE_SYMBOL, MANY_SYMBOLS, IDS_IN_NO_ORDER, WITH_ONESELF, STEPS)
"""Accounts to measure with. A figure of one of them is that one's figure."""

SYMBOL: Final = "BTC-261225-90000-C"
EXPIRIES: Final = ("261204", "261211", "261218", "261225", "270129", "270326")
SYMBOLS: Final = tuple(
    f"BTC-{expiry}-{strike}-{side}".encode()
    for expiry, strike, side in itertools.product(EXPIRIES, range(84000, 96000, 1000), "CP")
)
ODD: Final = 2_654_435_761
"""Multiplying by it and keeping the last bits brings numbers out of order, each once."""

_ORDER: Final = (
    b'{"e":"ORDER_TRADE_UPDATE","T":%(at)d,"E":%(at)d,"o":{"s":"%(symbol)b",'
    b'"c":"%(who)b-order-%(number)d","S":"%(side)b","o":"LIMIT","f":"GTC","q":"%(quantity)b","p":"3660.%(price)03d",'
    b'"ap":"3660.000","x":"%(step)b","X":"%(status)b","i":%(id)d,"l":"%(last)b","z":"%(last)b","L":"3660.000",'
    b'"N":"USDT","n":"-0.07320000","T":%(at)d,"t":%(trade)d,"b":"0.1000","a":"0.3000","m":true,"R":false,'
    b'"ot":"LIMIT","rp":"1.50000000","V":"EXPIRE_MAKER"}}'
)
_POSITION: Final = (
    b'{"e":"BALANCE_POSITION_UPDATE","E":%(at)d,"T":%(at)d,"m":"ORDER","B":[{"a":"USDT","b":"99982.81",'
    b'"bc":"0"}],"P":[{"s":"BTC-261225-90000-C","c":"-0.1000","p":"-366.000","a":"3660.000"}]}'
)
_ACCOUNT: Final = (
    b'{"e":"ACCOUNT_UPDATE","E":%(at)d,"T":%(at)d,"eq":"10118.40","aeq":"10118.40","b":"10118.40",'
    b'"m":"-120.50","u":"20.10","i":"640.00","M":"320.00"}'
)
_GREEK: Final = (
    b'{"e":"GREEK_UPDATE","E":%(at)d,"T":%(at)d,"G":[{"u":"BTCUSDT","d":"-0.01304097",'
    b'"g":"-0.00000124","t":"16.11648100","v":"-3.83444011"}]}'
)
_FUTURES_ORDER: Final = (
    b'{"e":"ORDER_TRADE_UPDATE","T":%(at)d,"E":%(at)d,"o":{"s":"BTCUSDT","c":"%(who)b-order-%(number)d","S":"%(side)b",'
    b'"o":"LIMIT","f":"GTC","q":"%(quantity)b","p":"3660.%(price)03d","ap":"3660.000","sp":"0","x":"TRADE",'
    b'"X":"FILLED","i":%(id)d,"l":"%(quantity)b","z":"%(quantity)b","L":"3660.000","N":"USDT","n":"0.07320000",'
    b'"T":%(at)d,"t":%(trade)d,"b":"0","a":"0","m":true,"R":false,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH",'
    b'"cp":false,"rp":"1.50000000","pP":false,"si":0,"ss":0,"V":"EXPIRE_MAKER","pm":"NONE","gtd":0}}'
)
_FUTURES_ACCOUNT: Final = (
    b'{"e":"ACCOUNT_UPDATE","T":%(at)d,"E":%(at)d,"a":{"B":[{"a":"USDT","wb":"99982.81","cw":"99982.81",'
    b'"bc":"0"}],"P":[{"s":"BTCUSDT","pa":"-0.100","ep":"3660.000","bep":"3660.000","cr":"1.5","up":"20.10",'
    b'"mt":"cross","iw":"0","ps":"BOTH"}],"m":"ORDER"}}'
)
FIRST_EVENT_MS: Final = 1_795_330_000_000


def is_order(number: int) -> bool:
    """Return True where the message of this number, counted from 0, is an order's."""
    return number % 10 < 8


def orders_among(count: int) -> int:
    """Return how many of the first so many messages are orders'."""
    return count // 10 * 8 + min(count % 10, 8)


def order_id_of(number: int, load: str = ONE_SYMBOL) -> int:
    """Return the order id in the message of this number."""
    return FIRST_ORDER_ID + (number - number % 2 if load == STEPS else number)


def trade_id_of(number: int, load: str) -> int:
    """Return the trade id in the message of this number; 0 of a step that is no fill."""
    if load == IDS_IN_NO_ORDER:
        return number * ODD % 2**31 + 1
    if load == WITH_ONESELF:
        return number // 2 + 1
    return 0 if load == STEPS and number % 2 == 0 else number + 1


def words_of(number: int, load: str) -> dict[bytes, int | bytes]:
    """Return what the message of this number says; of two orders one buys what the other sells."""
    order = orders_among(number) // 2 if load == STEPS else number
    trade_id = trade_id_of(number, load)
    quantity = b"0.%04d" % (order // 2 % 500 + 1)
    return {
        b"at": FIRST_EVENT_MS + (number - number % 2 if load == WITH_ONESELF else number),
        b"number": number,
        b"id": order_id_of(number, load),
        b"symbol": SYMBOLS[number // 2 * ODD % 2**31 % len(SYMBOLS)] if load == MANY_SYMBOLS else SYMBOL.encode(),
        b"trade": trade_id,
        b"side": b"SELL" if order % 2 else b"BUY",
        b"who": b"a-seller" if order % 2 else b"the-buyer",  # so that all orders are as long as each other
        b"step": b"TRADE" if trade_id else b"NEW",
        b"status": b"FILLED" if trade_id else b"NEW",
        b"quantity": quantity,
        b"last": quantity if trade_id else b"0",
        b"price": number % 1000,
    }


def message(number: int, order_id: int | None = None, shape: str = OPTIONS, load: str = ONE_SYMBOL) -> bytes:
    """Number 0, 1, 2 …: eight orders, a snapshot of positions or totals by turns, greeks; and so on."""
    words = words_of(number, load)
    if order_id is not None:
        words[b"id"] = order_id
    futures = shape in {FUTURES, FUTURES_RAW}
    if is_order(number):
        form = _FUTURES_ORDER if futures else _ORDER
    elif futures:
        form = _FUTURES_ACCOUNT
    elif number % 10 == 8:
        form = _POSITION if number % 20 == 8 else _ACCOUNT
    else:
        form = _GREEK
    payload = form % words
    if shape in {OPTIONS_RAW, FUTURES_RAW}:
        return payload
    return b'{"stream":"%b","data":%b}' % (LISTEN_KEY.encode(), payload)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """One unmasked frame, as a server sends it."""
    if len(payload) < 126:
        return bytes((0x80 | opcode, len(payload))) + payload
    return struct.pack("!BBH", 0x80 | opcode, 126, len(payload)) + payload


def block(count: int, first: int = 0, shape: str = OPTIONS, load: str = ONE_SYMBOL) -> bytes:
    """So many frames in one piece."""
    return b"".join([frame(message(number, None, shape, load)) for number in range(first, first + count)])
