"""A message of a shared socket says whose it is, or what it answers, in every form that the venue may give it."""

from __future__ import annotations

import pytest

from listenkey.gateway.shared_sockets.stream_names import (
    Kind,
    Named,
    Nameless,
    RequestAnswer,
    Unknown,
    kind_of,
    quick_name,
)

KEY = b"k" * 64


def test_the_usual_envelope_is_read_without_its_event() -> None:
    assert quick_name(b'{"stream":"' + KEY + b'","data":{"e":"ORDER_TRADE_UPDATE"') == KEY
    assert quick_name(b'{ "stream":"' + KEY + b'","data":{}}') == b""
    assert quick_name(b'{"stream":"' + KEY) != KEY, "a name without an end is none"
    assert quick_name(b"") == b""


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'{ "data": {"e": "A"}, "stream": "abc" }', Named(b"abc")),
        (b'{"stream":"a\\u0062c","data":{}}', Named(b"abc")),
        (b'{"e":"listenKeyExpired","E":"1","listenKey":"abc"}', Named(b"abc")),
        (b'{"e":"listenKeyExpired","E":1}', Nameless()),
        (b'{"e":"ORDER_TRADE_UPDATE","E":1,"o":{}}', Nameless()),
        (b'{"e":"ACCOUNT_UPDATE","stream":"abc"}', Nameless()),
        (b'{"result":null,"id":7}', RequestAnswer(7, None)),
        (b'{"result":["abc"],"id":7}', RequestAnswer(7, None)),
        (b'{"error":{"code":2,"msg":"x"},"id":7}', RequestAnswer(7, 2)),
        (b'{"code":3,"msg":"x"}', RequestAnswer(None, 3)),
        (b'{"stream":"abc"}', Unknown()),
        (b'{"stream":7,"data":{}}', Unknown()),
        (b'[{"e":"ORDER_TRADE_UPDATE"}]', Unknown()),
        (b"null", Unknown()),
        (b'{"e":"\xff"}', Unknown()),
        (b"[" * 100_000, Unknown()),
        (b"", Unknown()),
    ],
)
def test_every_other_message_is_told_by_what_is_in_it(frame: bytes, kind: Kind) -> None:
    found = kind_of(frame)
    assert (type(found), found) == (type(kind), kind)


def test_no_name_is_shown() -> None:
    assert "abc" not in repr(Named(b"abc"))
