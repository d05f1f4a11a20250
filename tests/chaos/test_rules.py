"""Test the proxy's rules for frames, one by one, and that one seed gives the same result."""

from __future__ import annotations

import random

import pytest

from tests.chaos import ws_frames as ws
from tests.chaos.rules import Kind, Rule, Sending, applied


def frame(payload: bytes, opcode: int = ws.TEXT) -> ws.Frame:
    return ws.Frame(opcode, payload, ws.encode(opcode, payload))


def through(rule: Rule, payloads: list[bytes], seed: int = 1) -> list[Sending]:
    draw, out = random.Random(seed), []
    for one in map(frame, payloads):
        out += applied(rule, one, draw) if rule.strikes(one, draw) else [Sending(one.raw)]
    return out


def read(sendings: list[Sending]) -> list[bytes]:
    return [one.payload for one in ws.FrameReader().feed(b"".join(each.data for each in sendings))]


NUMBERS = [b"%d" % n for n in range(10)]


def test_the_nth_that_matches_is_struck_once() -> None:
    rule = Rule("drop", match=b"[2468]", nth=2)
    assert read(through(rule, NUMBERS * 2)) == [n for n in NUMBERS if n != b"4"] + NUMBERS
    assert (rule.seen, rule.struck) == (8, 1)


def test_so_many_and_no_more() -> None:
    assert read(through(Rule("drop", count=3), NUMBERS)) == NUMBERS[3:]


def test_control_frames_are_struck_only_where_named() -> None:
    draw = random.Random(1)
    assert not Rule("drop").strikes(frame(b"", ws.PONG), draw)
    assert Rule("drop", opcode=ws.PONG).strikes(frame(b"", ws.PONG), draw)


def test_chance_is_the_seed_s() -> None:
    outs = [read(through(Rule("drop", probability=0.5), NUMBERS, seed)) for seed in (1, 1, 2)]
    assert outs[0] == outs[1] != outs[2]
    assert outs[0] != NUMBERS


def test_duplicates_and_other_places() -> None:
    assert read(through(Rule("duplicate", count=1, copies=2), NUMBERS[:2])) == [b"0", b"0", b"0", b"1"]
    moved = read(through(Rule("reorder", window=5), NUMBERS))
    assert moved != NUMBERS
    assert sorted(moved[:5]) == NUMBERS[:5]
    assert sorted(moved[5:]) == NUMBERS[5:]


def test_waiting() -> None:
    [held] = through(Rule("hold", seconds=3), [b"x"])
    [slow] = through(Rule("delay", seconds=1, seconds_max=2), [b"x"])
    assert (held.after_s, held.in_order) == (3, False)
    assert 1 <= slow.after_s <= 2
    assert slow.in_order


def test_half_a_frame_is_the_end() -> None:
    [half] = through(Rule("truncate"), [b"0123456789"])
    assert half.ends
    assert ws.FrameReader().feed(half.data) == []


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("garble", 0x81),
        ("utf8", 0x81),
        ("opcode", 0x83),
        ("reserved", 0xA1),
        ("masked", 0x81),
        ("binary", 0x82),
        ("compressed", 0xC1),
    ],
)
def test_frames_no_document_allows(kind: Kind, first: int) -> None:
    [wrong] = through(Rule(kind), [b'{"e":1}'])
    assert wrong.data[0] == first
    assert (wrong.data[1] & 0x80 != 0) == (kind == "masked")
    assert (wrong.data[2:] == b'{"e":1}') == (kind in ("opcode", "reserved", "binary"))


def test_a_message_in_pieces() -> None:
    [pieces] = through(Rule("interrupt", size=3), [b"0123456"])
    frames = ws.FrameReader().feed(pieces.data)
    assert [each.opcode for each in frames] == [ws.TEXT, ws.PONG, ws.CONTINUATION, ws.PONG, ws.CONTINUATION]
    assert b"".join(each.payload for each in frames if each.is_data) == b"0123456"
    assert [each.fin for each in frames if each.is_data] == [False, False, True]
