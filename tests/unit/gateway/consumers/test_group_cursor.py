from __future__ import annotations

import msgspec

from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor
from listenkey.items import Live
from listenkey.journal.jetstream.record_codec import Stored


def stored(account: str, seq: int, place: int) -> Stored:
    return Stored(Live(seq, account, 1), b"", place, 1, 0)


def test_a_cursor_goes_on_and_never_back() -> None:
    first = GroupCursor(5, 2, {"x": 3}, 1)
    second = first.behind([stored("y", 1, 9), stored("x", 4, 7)])
    assert second == GroupCursor(9, 2, {"x": 4, "y": 1}, 2)
    assert second.behind([stored("x", 5, 8)]).stream_seq == 9
    assert first.seqs == {"x": 3}
    assert NOTHING_READ.behind(()).writes == 1
    assert msgspec.json.decode(msgspec.json.encode(second), type=GroupCursor) == second
