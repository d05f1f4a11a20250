"""The watermark: until when a stream is whole, as the next process reads it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from listenkey.core.gaps import Watermark
from listenkey.stream.watermark_writer import WatermarkWriter


class Now:
    def __init__(self) -> None:
        self.at_s = 100.0

    def now_s(self) -> float:
        return self.at_s

    def wall_ms(self) -> int:
        return round(self.at_s * 1000) + 1_000_000

    def boot(self) -> str:
        return "this boot"


class Journal:
    def __init__(self) -> None:
        self.watermarks: list[Watermark] = []

    def heard(self, wall_ms: int, watermark: Watermark) -> None:
        assert wall_ms == watermark.wall_ms
        self.watermarks.append(watermark)


class Audits:
    def __init__(self) -> None:
        self.outstanding = False
        self.audited = True

    def is_audited(self, _: float) -> bool:
        return self.audited


class Side:
    """A writer for a stream that is whole; its followed socket is number 3."""

    def __init__(self, *, recovers: bool) -> None:
        self.clock, self.journal, self.audits = Now(), Journal(), Audits()
        self.socket = SimpleNamespace(covered_ms=1_090_000, covered_s=90.0)
        self.life = SimpleNamespace(
            connections=SimpleNamespace(followed=3, sockets={3: self.socket}),
            followed=3,
            is_whole=True,
            sockets={3: self.socket},
            listen_key=SimpleNamespace(proof=(1_080_000, 80.0)),
            gaps=SimpleNamespace(began_ms=5),
        )
        self.writer = WatermarkWriter(cast("Any", self.life), cast("Any", self.journal), self.clock)
        if recovers:
            self.writer.recovery = cast("Any", SimpleNamespace(audits=self.audits, by_venue=lambda *_: (7, 8)))

    def written(self) -> list[int]:
        return [watermark.wall_ms for watermark in self.journal.watermarks]


def test_the_answered_ping_counts_where_rest_is_audited_and_else_the_proof_of_the_key() -> None:
    side, keyless = Side(recovers=True), Side(recovers=False)
    for one in (side, keyless):
        one.writer.heard(3, 100.0)
    assert side.journal.watermarks == [Watermark(1_090_000, "this boot", 90_000, 7, 5, 8)]
    assert keyless.journal.watermarks == [Watermark(1_080_000, "this boot", 80_000, None, 5, None)]


def test_it_is_written_once_and_never_goes_back() -> None:
    side = Side(recovers=True)
    for covered_s in (90.0, 90.0, 89.0, 91.0):
        side.socket.covered_ms, side.socket.covered_s = round(covered_s * 1000) + 1_000_000, covered_s
        side.writer.heard(3, 100.0)
    assert side.written() == [1_090_000, 1_091_000]


def test_live_since_is_a_watermark() -> None:
    side = Side(recovers=True)
    side.writer.live_since(1_095_000)
    (watermark,) = side.journal.watermarks
    assert (watermark.wall_ms, watermark.up_ms) == (1_095_000, 95_000)


@pytest.mark.parametrize("what", ["another socket", "a gap", "no audit", "outstanding trades"])
def test_what_is_not_known_to_be_whole_is_not_written(what: str) -> None:
    side = Side(recovers=True)
    number = 4 if what == "another socket" else 3
    side.life.is_whole = what != "a gap"
    side.audits.audited = what != "no audit"
    side.audits.outstanding = what == "outstanding trades"
    side.writer.heard(number, 100.0)
    assert side.written() == []
