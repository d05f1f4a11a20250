from __future__ import annotations

import pytest

from listenkey.core.gaps import Watermark
from listenkey.journal.jetstream.mark import NO_MARK, GapMark, Mark, mark_bytes, read_mark


def test_a_mark_comes_back() -> None:
    mark = Mark(7, 12, 1_000, Watermark(1_000, "boot", 5), 900, GapMark(950, 3, 2, 1))
    assert read_mark(mark_bytes(mark)) == mark


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"token":1,"seq":2,"covered_ms":-1}', b"\xff"])
def test_a_mark_that_could_not_be_meant_is_none(value: bytes | None) -> None:
    assert read_mark(value) == NO_MARK
