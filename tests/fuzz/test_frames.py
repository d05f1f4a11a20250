"""The corpus of the decoder's fuzzer, played again; and changed, as the fuzzer does it, but without being guided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.events import Event
from listenkey.wire.frames import FRAME_BYTES_MAX, Control, Read, Received, Several, UnreadableFrame, read_payload
from tests.fuzz import frames

FRAMES = [*frames.seeds(), *frames.kept()]


def test_the_corpus_is_small_and_holds_frames_of_every_kind() -> None:
    assert sum(map(len, frames.kept())) < 256 * 1024
    kinds = {type(frames.UNWRAPPER.read(frame)) for frame in frames.kept()}
    assert kinds == {Received, Several, Control, UnreadableFrame}


def test_every_frame_of_the_corpus_keeps_every_promise() -> None:
    for frame in FRAMES:
        frames.check(frame)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A frame of the corpus with pieces taken out, doubled, exchanged with another's, or overwritten."""
    frame = bytearray(draw(st.sampled_from(FRAMES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(frame)))
        end = start + draw(st.integers(0, 24))
        other = draw(st.sampled_from(FRAMES))
        from_at = draw(st.integers(0, len(other)))
        pieces = [b"", frame[start:end] * 2, other[from_at : from_at + 40], draw(st.binary(max_size=6))]
        frame[start:end] = draw(st.sampled_from(pieces))
    return bytes(frame)


@given(changed())
def test_a_changed_frame_keeps_every_promise(frame: bytes) -> None:
    frames.check(frame)


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1])
def test_a_frame_of_the_largest_size_keeps_every_promise(size: int) -> None:
    for begin, end in (
        (b'{"e":"X","x":"', b'"}'),
        (b'{"stream":"%s","data":{"e":"X","x":"' % frames.KEY.encode(), b'"}}'),
    ):
        frame = begin + b"a" * (size - len(begin) - len(end)) + end
        frames.check(frame)
        assert isinstance(frames.UNWRAPPER.read(frame), Received) == (size <= FRAME_BYTES_MAX)


class Broken:
    """An unwrapper with one fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def read_all(self, batch: list[bytes]) -> tuple[list[Event], list[bytes]] | None:
        event = read_payload(b'{"e":"X","E":1}')
        assert not isinstance(event, UnreadableFrame)
        return ([event, event], batch) if self.fault == "reads together what it can't read alone" else None

    def read(self, frame: bytes) -> Read:
        if self.fault == "raises":
            raise KeyError(frame)
        if self.fault == "shows a key":
            return UnreadableFrame("why", frames.KEY.encode(), len(frame))
        if self.fault == "reads together what it can't read alone":
            return UnreadableFrame("why", b"", len(frame))
        event = read_payload(b'{"e":"X","E":1}')
        assert not isinstance(event, UnreadableFrame)
        return Received(event, b'{"e":"Y","E":1}')


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("raises", KeyError),
        ("shows a key", AssertionError),
        ("other raw", AssertionError),
        ("reads together what it can't read alone", AssertionError),
    ],
)
def test_a_decoder_that_breaks_a_promise_is_found(
    fault: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "UNWRAPPER", Broken(fault))
    with pytest.raises(error):
        frames.check(b"{}")
