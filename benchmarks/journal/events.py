"""Events for the journal's benchmark."""

from __future__ import annotations

import time

from listenkey.events import Event
from listenkey.wire.frames import UnreadableFrame, read_payload

FILL = (
    b'{"e":"ORDER_TRADE_UPDATE","E":1795330000120,"T":1795330000120,"o":{"s":"BTC-261225-90000-C","c":"bench-%d",'
    b'"S":"BUY","o":"LIMIT","f":"GTC","q":"0.3000","p":"3660.000","ap":"3660.000","x":"TRADE","X":"FILLED",'
    b'"i":%d,"l":"0.1000","z":"0.3000","L":"3660.000","N":"USDT","n":"-0.07320000","T":1795330000120,"t":%d,'
    b'"b":"0.1000","a":"0.3000","m":true,"R":false,"ot":"LIMIT","rp":"1.5","V":"EXPIRE_MAKER"}}'
)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def fill(number: int) -> tuple[Event, bytes]:
    raw = FILL % (number, 4611869636869226548 + number, number)
    event = read_payload(raw)
    assert not isinstance(event, UnreadableFrame)
    return event, raw
