"""What is sent: the mix of a busy account, enveloped, with ids that rise, as one block of ready frames."""

from __future__ import annotations

import struct
from typing import Final

LISTEN_KEY: Final = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
FIRST_ORDER_ID: Final = 4_000_000_000_000_000_000
"""An order's id is this and its number, or this and the nanoseconds of the moment it was sent."""

_ORDER: Final = (
    b'{"stream":"%s","data":{"e":"ORDER_TRADE_UPDATE","T":%d,"E":%d,"o":{"s":"BTC-261225-90000-C",'
    b'"c":"%s-order-%d","S":"%s","o":"LIMIT","f":"GTC","q":"0.%04d","p":"3660.%03d","ap":"3660.000","x":"TRADE",'
    b'"X":"FILLED","i":%d,"l":"0.%04d","z":"0.%04d","L":"3660.000","N":"USDT","n":"-0.07320000",'
    b'"T":%d,"t":%d,"b":"0.1000","a":"0.3000","m":true,"R":false,"ot":"LIMIT","rp":"1.50000000",'
    b'"V":"EXPIRE_MAKER"}}}'
)
_POSITION: Final = (
    b'{"stream":"%s","data":{"e":"BALANCE_POSITION_UPDATE","E":%d,"T":%d,"m":"ORDER","B":[{"a":"USDT","b":"99982.81",'
    b'"bc":"0"}],"P":[{"s":"BTC-261225-90000-C","c":"-0.1000","p":"-366.000","a":"3660.000"}]}}'
)
_ACCOUNT: Final = (
    b'{"stream":"%s","data":{"e":"ACCOUNT_UPDATE","E":%d,"T":%d,"eq":"10118.40","aeq":"10118.40","b":"10118.40",'
    b'"m":"-120.50","u":"20.10","i":"640.00","M":"320.00"}}'
)
_GREEK: Final = (
    b'{"stream":"%s","data":{"e":"GREEK_UPDATE","E":%d,"T":%d,"G":[{"u":"BTCUSDT","d":"-0.01304097",'
    b'"g":"-0.00000124","t":"16.11648100","v":"-3.83444011"}]}}'
)
FIRST_EVENT_MS: Final = 1_795_330_000_000


def message(number: int, order_id: int | None = None) -> bytes:
    """
    Number 0, 1, 2 …: eight orders, a snapshot of positions or totals by turns, greeks; and so on.

    All of it adds up, as it would at a venue that loses nothing: each order is filled at once, and what one buys the next
    one sells, so the position stays what it is.
    """
    key, kind, event_ms = LISTEN_KEY.encode(), number % 10, FIRST_EVENT_MS + number
    if kind < 8:
        sent = FIRST_ORDER_ID + number if order_id is None else order_id
        who, side = (b"a-seller", b"SELL") if number % 2 else (b"the-buyer", b"BUY")  # as long as each other
        size = number // 2 % 500 + 1
        return _ORDER % (
            key, event_ms, event_ms, who, number, side, size, number % 1000, sent, size, size, event_ms, number + 1
        )  # fmt: skip
    if kind == 8:
        return (_POSITION if number % 20 == 8 else _ACCOUNT) % (key, event_ms, event_ms)
    return _GREEK % (key, event_ms, event_ms)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """One unmasked frame, as a server sends it."""
    if len(payload) < 126:
        return bytes((0x80 | opcode, len(payload))) + payload
    return struct.pack("!BBH", 0x80 | opcode, 126, len(payload)) + payload


def block(count: int, first: int = 0) -> bytes:
    """So many frames in one piece."""
    return b"".join([frame(message(number)) for number in range(first, first + count)])
