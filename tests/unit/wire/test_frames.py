from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listenkey.credentials import Secret, fingerprint
from listenkey.events import (
    AccountUpdate,
    ListenKeyExpired,
    OrderTradeUpdate,
    UnknownEvent,
)
from listenkey.wire import frames
from listenkey.wire.frame_redaction import BODY_BYTES_MAX
from listenkey.wire.frames import (
    DEPTH_MAX,
    FRAME_BYTES_MAX,
    Control,
    ControlError,
    Received,
    Several,
    UnreadableFrame,
    Unwrapper,
    read,
    read_payload,
    read_payloads,
    unknown_fields,
)
from listenkey.wire.message_builder import build

FIXTURES = Path(__file__).parents[2] / "fixtures"
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


def tree(name: str) -> Any:
    found = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return found.get("data", found)


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def enveloped(payload: bytes, key: str = KEY) -> bytes:
    return b'{"stream":"' + key.encode() + b'","data":' + payload + b"}"


FILL = compact(tree("thirdparty_order_trade_update_trade"))
CURRENT = [
    "account_update",
    "balance_position_update",
    "greek_update",
    "order_trade_update",
    "order_trade_update_expired_in_match",
    "thirdparty_order_trade_update_trade",
    "risk_level_change",
]


def received(read: object) -> Received:
    assert isinstance(read, Received), read
    return read


def unreadable(read: object) -> UnreadableFrame:
    assert isinstance(read, UnreadableFrame), read
    return read


# --- Forms of a frame -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CURRENT)
def test_both_roads_lead_to_the_same_event(name: str) -> None:
    payload = compact(tree(name))
    fast = frames._fast(payload)
    assert fast is not None
    assert build(type(fast), tree(name), "event") == fast
    assert read_payload(payload) == fast


@pytest.mark.parametrize("name", CURRENT)
@pytest.mark.parametrize("as_type", [bytes, bytearray, memoryview])
def test_raw_and_enveloped_in_any_order_with_any_keys_give_one_event(name: str, as_type: Any) -> None:
    payload = compact(tree(name))
    event = read_payload(payload)
    for frame in (
        payload,
        enveloped(payload),
        enveloped(payload, "another" * 5),
        b'{"data":' + payload + b',"stream":"' + KEY.encode() + b'"}',
        b'{"x":[1,{}],"stream":"' + KEY.encode() + b'","data":' + payload + b',"y":null}',
        b'{"data":' + payload + b"}",
        b' { "stream" : "' + KEY.encode() + b'" ,\n "data" : ' + payload + b" } \r\n",
        enveloped(payload)[:-1] + b',"z":1}',
    ):
        for one in (read(as_type(frame)), Unwrapper(Secret(KEY)).read(as_type(frame))):
            assert received(one).event == event, frame
            assert received(one).raw == payload, frame
            assert type(received(one).raw) is bytes


def test_a_frame_of_another_listen_key_is_not_ours() -> None:
    other = "x" * 64
    unwrapper = Unwrapper(Secret(KEY))
    received(unwrapper.read(enveloped(FILL, other)))  # so far the venue may have its own name for our stream
    received(unwrapper.read(enveloped(FILL)))
    for foreign in (enveloped(FILL, other), b'{"data":' + FILL + b',"stream":"' + other.encode() + b'"}'):
        kept = unreadable(unwrapper.read(foreign))
        assert kept.reason == "the frame is of another listen key"
        assert other.encode() not in kept.body
    for ours in (FILL, enveloped(FILL), enveloped(FILL, "options@user"), b'{"data":' + FILL + b"}"):
        received(unwrapper.read(ours))
    received(unwrapper.read(b' {"stream":"' + KEY.encode() + b'","data":' + FILL + b"}"))
    assert unwrapper.read(b'{"result":null,"id":1}') == Control(1)
    batched = Unwrapper(Secret(KEY))
    assert batched.read_all([enveloped(FILL)]) is not None
    unreadable(batched.read(enveloped(FILL, other)))


def test_the_hot_path_is_the_hot_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "read", None)
    assert received(Unwrapper(Secret(KEY)).read(enveloped(FILL))).raw == FILL


def test_a_batch_is_read_as_its_frames_one_by_one() -> None:
    unwrapper = Unwrapper(Secret(KEY))
    payloads = [compact(tree(name)) for name in CURRENT if name != "order_trade_update_expired_in_match"]
    batch = [enveloped(payload) for payload in payloads]
    read_together = unwrapper.read_all(batch)
    assert read_together is not None
    events, raws = read_together
    assert raws == payloads
    assert [Received(event, raw) for event, raw in zip(events, raws, strict=True)] == [unwrapper.read(f) for f in batch]


@pytest.mark.parametrize(
    "odd",
    [
        FILL,  # no envelope
        enveloped(FILL, "another" * 5),
        enveloped(FILL)[:-1] + b"]",
        enveloped(FILL)[:-1] + b',"z":1}',
        enveloped(FILL.replace(b'"E"', b'"unknown":1,"E"')),
        enveloped(b'{"e":"BRAND_NEW"}'),
        enveloped(b'{"e":"listenKeyExpired","E":"1","listenKey":"' + KEY.encode() + b'"}'),
        enveloped(FILL.replace(b"TEST", b"T" * FRAME_BYTES_MAX)),
        enveloped(FILL.replace(b"TEST", b"\xff")),
        b'{"result":null,"id":1}',
        b"",
    ],
)
def test_a_batch_with_anything_out_of_the_ordinary_is_left_to_the_reading_of_single_frames(odd: bytes) -> None:
    unwrapper = Unwrapper(Secret(KEY))
    for batch in ([odd], [enveloped(FILL), odd, enveloped(FILL)]):
        assert unwrapper.read_all(batch) is None


@pytest.mark.parametrize("tail", [b"", b"x", b"}}", b"]", b'"}', b",}"])
def test_an_envelope_that_does_not_end_as_it_should_is_unreadable(tail: bytes) -> None:
    unreadable(Unwrapper(Secret(KEY)).read(enveloped(FILL)[:-1] + tail))


def test_an_event_that_has_a_field_named_data_is_no_envelope() -> None:
    event = received(read(b'{"e":"NEW_THING","data":' + FILL + b"}")).event
    assert isinstance(event, UnknownEvent)


# --- Drift ------------------------------------------------------------------------------------------------------------


def test_the_time_of_listen_key_expired_is_a_string_or_a_number() -> None:
    for time in (b'"1736996475556"', b"1736996475556"):
        event = received(read(b'{"e":"listenKeyExpired","E":' + time + b',"listenKey":"' + b"k" * 64 + b'"}')).event
        assert event == ListenKeyExpired(1736996475556, Secret("k" * 64))


def test_an_order_with_drifted_types_is_the_same_order() -> None:
    drifted = FILL.replace(b'"3660.000"', b"3660.000").replace(b"4611869636869226548", b'"4611869636869226548"')
    assert drifted != FILL
    assert read_payload(drifted) == read_payload(FILL)


@pytest.mark.parametrize(
    "number", [b"18446744073709551615", b"9223372036854775808", b"12345678901234567890", b"1" * 5000]
)
def test_an_id_of_20_digits_is_refused_and_the_largest_is_exact(number: bytes) -> None:
    one = unreadable(read(enveloped(FILL.replace(b"4611869636869226548", number))))
    assert one.reason in {"ORDER_TRADE_UPDATE.o.i is beyond 64 bits", "the frame is not JSON"}
    event = read_payload(FILL.replace(b"4611869636869226548", b"9223372036854775807"))
    assert isinstance(event, OrderTradeUpdate)
    assert event.order_id == 2**63 - 1


def test_an_unknown_event_is_kept_and_passed_on() -> None:
    payload = b'{"e":"BRAND_NEW","E":"17","x":1.10,"deep":{"y":[4611875134427365377]}}'
    one = received(read(enveloped(payload)))
    assert one.event == UnknownEvent("BRAND_NEW", 17, payload)
    assert one.raw == payload
    no_time = received(read(b'{"e":"BRAND_NEW","E":{}}')).event
    assert no_time.event_ms is None


def test_unknown_keys_are_kept_and_named_when_asked_for() -> None:
    payload = compact(tree("order_trade_update_expired_in_match"))
    one = received(read(payload))
    assert unknown_fields(one.raw, one.event) == {
        "o.sp": "7103.04",
        "o.wt": "CONTRACT_PRICE",
        "o.ps": "LONG",
        "o.cp": False,
        "o.AP": "7476.89",
        "o.cr": "5.0",
        "o.pP": False,
        "o.si": 0,
        "o.ss": 0,
        "o.pm": "QUEUE",
        "o.gtd": 1768879465650,
    }
    assert unknown_fields(FILL, received(read(FILL)).event) == {}
    exact = FILL.replace(b'"E"', b'"x":0.10000000000000000001,"E"')
    assert unknown_fields(exact, received(read(exact)).event) == {"x": "0.10000000000000000001"}
    assert unknown_fields(b'{"e":"X","y":1}', UnknownEvent("X", None, b"")) == {}


def test_half_a_surrogate_pair_costs_no_message_and_goes_no_further() -> None:
    payload = FILL.replace(b"TEST", rb"a\ud800z\uDFFF\\ud800")
    for one in (read(payload), read(enveloped(payload)), Unwrapper(Secret(KEY)).read(enveloped(payload))):
        event = received(one).event
        assert isinstance(event, OrderTradeUpdate)
        assert event.client_order_id.encode()
        assert received(one).raw == FILL.replace(b"TEST", rb"a\ufffdz\ufffd\\ufffd")
        assert read_payload(received(one).raw) == event


ODD_FILLS = {
    "without its commission": (FILL.replace(b'"N":"USDT","n":"-0.07320000",', b""), None),
    "with null for its commission": (FILL.replace(b'"-0.07320000"', b"null").replace(b'"USDT"', b"null"), None),
    "with an exponent": (FILL.replace(b'"-0.07320000"', b'"0E-8"'), Decimal(0)),
    "with a commission that is none": (FILL.replace(b'"-0.07320000"', b'"1e999999"'), None),
    "with a commission of 900 kB": (FILL.replace(b'"-0.07320000"', b'"' + b"0" * 900_000 + b'"'), None),
    "under another word": (FILL.replace(b'"TRADE"', b'"CALCULATED"'), Decimal("-0.0732")),
    "under no word": (FILL.replace(b'"x":"TRADE",', b""), Decimal("-0.0732")),
    "of a client order id of 900 kB": (FILL.replace(b"TEST", b"T" * 900_000), Decimal("-0.0732")),
}


@pytest.mark.parametrize(("payload", "commission"), ODD_FILLS.values(), ids=ODD_FILLS.keys())
def test_a_fill_survives_what_does_not_say_which_it_is(payload: bytes, commission: Decimal | None) -> None:
    assert payload != FILL
    unwrapper = Unwrapper(Secret(KEY))
    for one in (read(payload), read(enveloped(payload)), unwrapper.read(enveloped(payload)), unwrapper.read(payload)):
        event = received(one).event
        assert isinstance(event, OrderTradeUpdate)
        assert event.is_fill
        assert (event.trade_id, event.last_quantity, event.last_price) == (467, Decimal("0.1"), Decimal(3660))
        assert event.commission == commission
        assert len(event.client_order_id) <= 128
        assert read_payload(received(one).raw) == event
    batch = unwrapper.read_all([enveloped(FILL), enveloped(payload)])
    assert batch is None or batch[0][1] == received(read(payload)).event


# --- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b'{"result":null,"id":1}', Control(1)),
        (b'{"id":3,"result":["a"]}', Control(3, ["a"])),
        (b'{"result":true,"id":"2"}', Control(2, True)),
        (b'{"result":null}', Control(None)),
        (b'{"error":{"code":2,"msg":"no"},"id":1}', Control(1, None, ControlError(2, "no"))),
        (b'{"code":3,"msg":"Invalid JSON"}', Control(None, None, ControlError(3, "Invalid JSON"))),
    ],
)
def test_an_answer_is_told_from_an_event(frame: bytes, answer: Control) -> None:
    assert read(frame) == answer
    assert Unwrapper(Secret(KEY)).read(frame) == answer


def test_an_answer_never_shows_a_key() -> None:
    listed = read(b'{"result":["' + KEY.encode() + b'"],"id":3}')
    assert isinstance(listed, Control)
    assert listed.result == [KEY]
    assert KEY not in repr(listed)
    refused = read(b'{"error":{"code":2,"msg":"bad stream ' + KEY.encode() + b'"},"id":3}')
    assert isinstance(refused, Control)
    assert refused.error is not None
    assert KEY not in refused.error.message


@pytest.mark.parametrize("frame", [b'{"error":1,"id":1}', b'{"error":{},"id":1}', b'{"result":null,"id":"x"}'])
def test_a_broken_answer_is_unreadable(frame: bytes) -> None:
    unreadable(read(frame))


# --- What can't be read -----------------------------------------------------------------------------------------------


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + b"0" * (opening != b"[") + closing * depth


REFUSED = {
    "nothing": b"",
    "null": b"null",
    "a number": b"5",
    "a string": b'"text"',
    "an array": b"[" + FILL + b"]",
    "an empty object": b"{}",
    "an envelope of nothing": b'{"stream":"x","data":null}',
    "an envelope of an array": b'{"stream":"x","data":[' + FILL + b"]}",
    "an envelope in an envelope": enveloped(enveloped(FILL)),
    "no type": b'{"E":1}',
    "an empty type": b'{"e":"","E":1}',
    "a type that is no string": b'{"e":5,"E":1}',
    "not JSON": b"hello",
    "truncated": FILL[:-5],
    "two events": FILL + FILL,
    "a BOM": b"\xef\xbb\xbf" + FILL,
    "UTF-16": FILL.decode().encode("utf-16"),
    "not UTF-8 where we read": FILL.replace(b"TEST", b"\xff\xfe"),
    "not UTF-8 where we skip": FILL.replace(b'"E"', b'"x":"\xed\xa0\x80","E"'),
    "NaN": FILL.replace(b'"3660.000"', b"NaN"),
    "Infinity where we skip": FILL.replace(b'"E"', b'"x":-Infinity,"E"'),
    "a missing field": FILL.replace(b'"t":467,', b""),
    "a wrong type": FILL.replace(b'"t":467', b'"t":[467]'),
    "a price that is none": FILL.replace(b'"L":"3660.000"', b'"L":"1e999999"'),
    "a quantity that is none": FILL.replace(b'"l":"0.1000"', b'"l":""'),
    "a side nobody knows, beside a key nobody knows": FILL.replace(b'"S":"SELL"', b'"S":"HOLD","sp":"1"'),
    "a symbol of 900 kB": FILL.replace(b"BTC-261030-85000-C", b"B" * 900_000),
    "a type of 900 kB": b'{"e":"' + b"X" * 900_000 + b'","E":1}',
    "an account of neither generation": b'{"e":"ACCOUNT_UPDATE","E":1,"T":1}',
    "an endless array": b"[" * 200_000,
    "endless objects": b'{"a":' * 200_000,
    "deep where we skip": FILL.replace(b'"E"', b'"x":' + nested(DEPTH_MAX) + b',"E"'),
    "deep objects where we skip": FILL.replace(b'"E"', b'"x":' + nested(DEPTH_MAX, b'{"":', b"}") + b',"E"'),
    "deep in an unknown event": b'{"e":"X","x":' + nested(DEPTH_MAX) + b"}",
    "2 MiB": FILL.replace(b"TEST", b"T" * 2 * 1024 * 1024),
    "2 MiB of brackets": b"[]," * 700_000,
    "an unterminated string of quotes": b'{"e":"X' + b'\\"' * 400_000,
}


@pytest.mark.parametrize("frame", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_message_is_unreadable_in_every_form(frame: bytes) -> None:
    unwrapper = Unwrapper(Secret(KEY))
    for one in (read(frame), unwrapper.read(frame), unwrapper.read(enveloped(frame)), read_payload(frame)):
        kept = unreadable(one)
        assert kept.reason
        assert len(kept.body) <= BODY_BYTES_MAX
        assert KEY.encode() not in kept.body


def test_the_deepest_that_is_read() -> None:
    payload = FILL.replace(b'"E"', b'"x":' + nested(DEPTH_MAX - 1) + b',"E"')
    assert received(read(enveloped(payload))).raw == payload
    brackets_in_a_string = FILL.replace(b"TEST", b'[{\\"' * 20 + b"\\\\")
    assert received(read(enveloped(brackets_in_a_string))).raw == brackets_in_a_string


def test_the_largest_that_is_read() -> None:
    filler = FRAME_BYTES_MAX - len(FILL) + len("TEST")
    received(read(FILL.replace(b"TEST", b"T" * filler)))
    unreadable(read(FILL.replace(b"TEST", b"T" * (filler + 1))))
    unreadable(Unwrapper(Secret(KEY)).read(enveloped(FILL.replace(b"TEST", b"T" * filler))))


def test_other_scripts_are_read() -> None:
    payload = FILL.replace(b"TEST", "Ω期权".encode())
    event = received(Unwrapper(Secret(KEY)).read(enveloped(payload))).event
    assert isinstance(event, OrderTradeUpdate)
    assert event.client_order_id == "Ω期权"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**22), 10**22)
    | st.floats()
    | st.sampled_from(["", "1.5", "NaN", KEY, "BUY", "1e999999", "\ud800", "ACCOUNT_UPDATE"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
SEEDS = [json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*update*.json"))]
SEEDS += [tree(name) for name in ("risk_level_change", "listen_key_expired", "ws_error_response")]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A documented message with a few values replaced, keys removed or added, or bytes changed."""
    whole = json.loads(json.dumps(draw(st.sampled_from(SEEDS))))
    for _ in range(draw(st.integers(0, 3))):
        place = whole
        while isinstance(place, (dict, list)) and place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            inner = place[key]
            if not isinstance(inner, (dict, list)) or not inner or draw(st.booleans()):
                change = draw(json_values | st.just(KEY))
                place[key] = change
                if isinstance(place, dict) and draw(st.booleans()):
                    place[draw(st.text(max_size=4))] = place.pop(key)
                break
            place = inner
    frame = bytearray(json.dumps(whole, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    return bytes(frame)


@settings(max_examples=1500)
@given(st.binary(max_size=300) | mutants() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_frame_raises_and_what_is_kept_is_json(frame: bytes) -> None:
    unwrapper = Unwrapper(Secret(KEY))
    for one in (
        unwrapper.read(frame),
        unwrapper.read(enveloped(frame)),
        read(frame),
        read(enveloped(frame, "listenKey")),
    ):
        for part in one.parts if isinstance(one, Several) else (one,):
            if not isinstance(part, Received):
                assert isinstance(part, (Control, UnreadableFrame))
                continue
            json.loads(part.raw)
            assert json.dumps(part.event.to_dict())
            assert unknown_fields(part.raw, part.event) is not None
            assert read_payload(part.raw) == part.event
            assert repr(part)


# --- Keys -------------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


EXPIRED = '{"e":"listenKeyExpired","E":"1","listenKey":"%s","n":1.50}'


@pytest.mark.parametrize("written", [KEY, escaped(KEY), "short-one"], ids=["plain", "escaped", "short"])
@pytest.mark.parametrize("template", ["%s", '{"stream":"' + KEY + '","data":%s}', '{"data":%s,"stream":"other"}'])
def test_the_raw_of_an_expired_key_holds_its_fingerprint(written: str, template: str) -> None:
    frame = (template % (EXPIRED % written)).encode()
    plain = json.loads(f'"{written}"')
    for one in (read(frame), Unwrapper(Secret(KEY)).read(frame)):
        assert received(one).raw == (EXPIRED % f"sha256:{fingerprint(plain)}").replace('": ', '":').encode()
        event = received(one).event
        assert isinstance(event, ListenKeyExpired)
        assert event.listen_key == Secret(plain)
        again = read_payload(received(one).raw)
        assert again == event


def test_a_key_in_an_unknown_event_or_an_unknown_field_is_replaced() -> None:
    for payload in (
        '{"e":"eventStreamTerminated","E":1,"listenKey":"%s"}',
        '{"e":"NEW","list":[{"oldListenKeys":["%s"]}]}',
        FILL.decode().replace('"E"', '"listenKey":"%s","E"'),
    ):
        one = received(read((payload % "qwertyuiop").encode()))
        assert one.raw == (payload % f"sha256:{fingerprint('qwertyuiop')}").encode()
    named = b'{"e":"NEW","what":"the key ' + KEY.encode() + b' ended","' + KEY.encode() + b'":1}'
    one = received(Unwrapper(Secret(KEY)).read(named))
    assert KEY.encode() not in one.raw
    assert KEY not in repr(one)
    by_name = received(read(b'{"e":"' + KEY.encode() + b'"}', [Secret(KEY)]))
    assert KEY not in by_name.event.type


@pytest.mark.parametrize("name", ["listenKey", "listenKeyExpired"])
def test_a_stream_named_like_a_word_of_the_venue_is_told_as_unreadable(name: str) -> None:
    frame = enveloped((EXPIRED % KEY).encode(), name)
    kept = unreadable(read(frame))
    assert kept.reason == "the event can't be kept without a listen key in it"
    assert KEY.encode() not in kept.body


def test_many_short_keys_do_not_make_a_raw_that_is_too_large() -> None:
    assert unreadable(read(b'{"e":"NEW","listenKeys":[%s"a"]}' % (b'"a",' * 200_000))).size < FRAME_BYTES_MAX


def test_a_short_stream_name_spoils_no_json() -> None:
    drifted = FILL.replace(b'"p":"3660.000"', b'"p":3660.000')
    assert received(read(enveloped(drifted, "0"))).raw == drifted


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream":"%s","data":{"e":',
        b'{"listenKey" : "%s',
        b"%s",
        b"\x00\xff%s\xff",
        b'{"a":"wss://host/ws/%s?x=1"',
        b'["%s"',
    ],
)
def test_the_kept_body_of_what_is_unreadable_masks_keys(body: bytes) -> None:
    rng = random.Random(7)
    for length in (32, 40, 64):
        key = "".join(rng.choices("abcXYZ0189", k=length))
        for written in (key, escaped(key)):
            kept = unreadable(read(body % written.encode())).body
            assert key.encode() not in kept
            assert written.encode() not in kept
    assert b"tiny-key" not in unreadable(Unwrapper(Secret("tiny-key")).read(body % b"tiny-key")).body


def test_an_ordinary_body_stays_readable() -> None:
    body = FILL[:-1]
    assert unreadable(read(body)).body == body
    assert unreadable(read(body)).size == len(body)


def test_account_update_fast_and_slow_agree_on_numbers() -> None:
    payload = compact(tree("account_update"))
    drifted = payload.replace(b'"10000371.61462086"', b"10000371.61462086")
    event = read_payload(drifted)
    assert isinstance(event, AccountUpdate)
    assert event.equity_text == "10000371.61462086"
    assert event == read_payload(payload)


def test_many_payloads_are_read_as_each_would_be() -> None:
    odd = b'{"e":"NEW_THING","E":1}'
    for payloads in ([], [FILL, FILL], [FILL, odd, FILL]):
        assert read_payloads(payloads) == [read_payload(payload) for payload in payloads]
    for unreadable in (b"no JSON", b" " * FRAME_BYTES_MAX + FILL):
        assert read_payloads([FILL, unreadable]) is None
