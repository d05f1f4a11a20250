"""The client's own frame reader, between the bytes of the simulation and its stream."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest

from listenkey.items import Update
from sim.environment import framed
from sim.environment.framed import Frames, in_pieces
from sim.faults.model import Fault
from sim.runner.options import draw_options
from sim.runner.run import FINE, Outcome, run_case

OPTIONS = replace(draw_options(1, "safety", 0.008), processes=(1, 1), accounts=(0, 1), episode_s=30.0)
ALL_THE_TIME = [Fault("pieces", client, 0.0, OPTIONS.duration_s) for client in (0, 1)]


@cache
def _played(*, is_framed: bool, in_pieces: bool) -> Outcome:
    return run_case(replace(OPTIONS, framed=is_framed), ALL_THE_TIME if in_pieces else [], keep_trace=True)


def _told(outcome: Outcome) -> list[list[bytes | str]]:
    assert outcome.code == FINE, outcome.violations or outcome.crash
    assert outcome.evidence is not None
    streams = outcome.evidence.streams
    return [
        [told.item.raw if isinstance(told.item, Update) else type(told.item).__name__ for told in stream.told]
        for stream in streams
    ]


def test_bytes_in_pieces_are_the_same_journal() -> None:
    whole = _told(_played(is_framed=False, in_pieces=False))
    assert all(len(stream) > 100 for stream in whole)
    assert _told(_played(is_framed=True, in_pieces=False)) == whole
    assert _told(_played(is_framed=True, in_pieces=True)) == whole


def test_a_message_comes_together_again() -> None:
    rng = random.Random(1)
    seen = set()
    for size in (0, 1, 125, 126, 700, 70_000):
        message = rng.randbytes(size)
        for _ in range(50):
            frames = in_pieces(rng, message)
            data = [each for each in frames if each[0] & 0x0F in {framed.TEXT, framed.CONTINUATION}]
            seen |= {(each[0] & 0x0F, bool(each[0] & framed.FIN)) for each in frames}
            assert b"".join(_payload(each) for each in data) == message
            assert [each[0] for each in data if each[0] & framed.FIN] == [data[-1][0]]
    assert seen == {(framed.TEXT, True), (framed.TEXT, False), (framed.CONTINUATION, True),
                    (framed.CONTINUATION, False), (framed.PING, True), (framed.PONG, True)}  # fmt: skip


def _payload(frame: bytes) -> bytes:
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


@pytest.mark.parametrize("size", [0, 125, 126, 300])
def test_what_a_client_writes_is_read_whatever_it_comes_in(size: int) -> None:
    payload, mask = random.Random(size).randbytes(size), b"\x01\xff\x00\x7f"
    length = bytes([framed.MASKED | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    written = 2 * (b"\x89" + length + mask + masked)
    for step in (1, 3, len(written)):
        frames = Frames()
        read = [each for at in range(0, len(written), step) for each in frames.feed(written[at : at + step])]
        assert read == 2 * [(framed.PING, payload)]


FORBIDDEN = sorted({framed.forbidden(random.Random(seed), code) for seed in range(40) for code in (1002, 1007, 1009)})


@pytest.mark.parametrize("wrong", FORBIDDEN, ids=lambda wrong: f"{wrong[:4].hex()} {len(wrong)}")
def test_the_client_ends_a_connection_that_brings_what_is_forbidden(
    wrong: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framed, "forbidden", lambda *_: wrong)
    options = replace(OPTIONS, framed=True, processes=(1,), accounts=(0,))
    outcome = run_case(options, [Fault("bad_protocol", 0, 120.0, 0.0, (("close_code", 1002),))])
    assert outcome.code == FINE
    assert outcome.evidence is not None
    assert len(outcome.evidence.clients[0].connects_us) == 2


def test_pieces_change_when_things_happen() -> None:
    assert _played(is_framed=True, in_pieces=True).trace_lines != _played(is_framed=True, in_pieces=False).trace_lines
