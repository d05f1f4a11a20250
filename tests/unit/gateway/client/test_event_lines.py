"""Events are cut out of bytes that come in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.errors import ProtocolError
from listenkey.gateway.client import event_lines
from listenkey.gateway.client.event_lines import EventLines, ServerEvent

TEXT = b': hello\n\nid: 1\ndata: {"a":1}\n\nevent: state\ndata: {}\n\n: \n\nid: 2\ndata: {"b":": \xc3\xa9"}\n\n'
EVENTS = [
    ServerEvent("message", b'{"a":1}'),
    ServerEvent("state", b"{}"),
    ServerEvent("message", b'{"b":": \xc3\xa9"}'),
]


@given(st.lists(st.integers(0, len(TEXT)), max_size=8))
def test_the_pieces_do_not_matter(cuts: list[int]) -> None:
    lines, found, begin = EventLines(), [], 0
    for end in [*sorted(cuts), len(TEXT)]:
        found += lines.feed(TEXT[begin:end])
        begin = end
    assert found == EVENTS


def test_half_an_event_waits_for_the_rest() -> None:
    lines = EventLines()
    assert lines.feed(b"data: {}\n") == []
    assert lines.feed(b"\n") == [ServerEvent("message", b"{}")]


def test_an_event_without_an_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_lines, "EVENT_BYTES_MAX", 100)
    lines = EventLines()
    lines.feed(b"data: " + b"x" * 90)
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        lines.feed(b"x" * 90)
