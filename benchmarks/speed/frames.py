"""
Make the frames to send: the mix of a busy account with ids that rise, as one block of ready frames, in four shapes.

Eight of ten messages are fills, one states the account, one its greeks. The account adds up: it sells with the next
order what it buys with one, so its position is after every ten messages what it was before, and no reader who reckons
with it has a reason to doubt. The futures shape is for clients that have no options: the same fills, and the futures'
own `ACCOUNT_UPDATE` for the rest.
"""

from __future__ import annotations

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

_ORDER: Final = (
    b'{"e":"ORDER_TRADE_UPDATE","T":%(at)d,"E":%(at)d,"o":{"s":"BTC-261225-90000-C",'
    b'"c":"%(who)b-order-%(number)d","S":"%(side)b","o":"LIMIT","f":"GTC","q":"%(quantity)b","p":"3660.%(price)03d",'
    b'"ap":"3660.000","x":"TRADE","X":"FILLED","i":%(id)d,"l":"%(quantity)b","z":"%(quantity)b","L":"3660.000",'
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


def message(number: int, order_id: int | None = None, shape: str = OPTIONS) -> bytes:
    """Number 0, 1, 2 …: eight orders, a snapshot of positions or totals by turns, greeks; and so on."""
    words: dict[bytes, int | bytes] = {
        b"at": FIRST_EVENT_MS + number,
        b"number": number,
        b"id": FIRST_ORDER_ID + number if order_id is None else order_id,
        b"trade": number + 1,
        b"side": b"SELL" if number % 2 else b"BUY",
        b"who": b"a-seller" if number % 2 else b"the-buyer",  # so that all orders are as long as each other
        b"quantity": b"0.%04d" % (number // 2 % 500 + 1),
        b"price": number % 1000,
    }
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


def block(count: int, first: int = 0, shape: str = OPTIONS) -> bytes:
    """So many frames in one piece."""
    return b"".join([frame(message(number, shape=shape)) for number in range(first, first + count)])
