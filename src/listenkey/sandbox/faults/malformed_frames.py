"""Frames no document allows, by name. Each is put between good events and must cost a client nothing but itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

BIG_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Malformed:
    """
    One bad frame.

    Args:
        data: What is sent.
        is_payload: Whether it stands where an event stands, so that an enveloped socket gets it in an envelope.
    """

    data: bytes
    is_payload: bool = False


def _payload(value: Any) -> Malformed:
    return Malformed(json.dumps(value, separators=(",", ":")).encode(), is_payload=True)


def _order(order_id: Any, **changes: Any) -> dict[str, Any]:
    texts = {"s": "BTC-261225-90000-C", "c": "x", "S": "BUY", "o": "LIMIT", "f": "GTC", "x": "NEW", "X": "NEW"}
    amounts = {"q": "1", "p": "10", "ap": "0", "l": "0", "z": "0", "L": "0", "n": "0", "b": "0", "a": "0", "rp": "0"}
    rest = {"i": order_id, "N": "USDT", "T": 1795330000000, "t": 0, "m": False, "R": False, "ot": "LIMIT", "V": "NONE"}
    order = texts | amounts | rest
    return {"e": "ORDER_TRADE_UPDATE", "E": 1795330000000, "T": 1795330000000, "o": order | changes}


PRESETS: Final[dict[str, Malformed]] = {
    "not_json": Malformed(b"<html><body>502 Bad Gateway</body></html>"),
    "array": Malformed(b'[{"e":"ORDER_TRADE_UPDATE"}]'),
    "null": Malformed(b"null"),
    "number": Malformed(b"42"),
    "string": Malformed(b'"ORDER_TRADE_UPDATE"'),
    "unknown_event": _payload({"e": "SOMETHING_NEW", "E": 1795330000000, "T": 1795330000000, "x": {"y": ["1", 2]}}),
    "wrong_types": _payload(_order("seven", s=7, q=[], m="yes", T="soon")),
    "long_id": _payload(_order(12345678901234567890)),
    "big": _payload({"e": "SOMETHING_BIG", "E": 1795330000000, "pad": "x" * BIG_BYTES}),
    "invalid_utf8": Malformed(b'{"e":"ORDER_TRADE_UPDATE","c":"\xff\xfe"}'),
    "truncated": Malformed(b'{"e":"ORDER_TRADE_UPDATE","E":1795330000000,"o":{"s":"BTC-2612'),
}


def frames(names: list[str] | None, texts: list[str] | None) -> list[Malformed]:
    """
    The frames to send, in order.

    Args:
        names: Of `PRESETS`; all of them when neither this nor `texts` is given.
        texts: Frames of one's own making.

    Raises:
        ValueError: A name is unknown.
    """
    if names is None and texts is None:
        names = list(PRESETS)
    for name in names or ():
        if name not in PRESETS:
            raise ValueError(f"no frame is called {name!r}; there are {', '.join(PRESETS)}")
    return [PRESETS[name] for name in names or ()] + [Malformed(text.encode()) for text in texts or ()]
