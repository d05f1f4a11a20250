"""The journals' files, judged by who shares no code with the client; and what was shown against what is in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from listenkey.items import Update
from sim.checkers.reading import LACKING, SPOILING
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.judge import wrongs
from sim.world.evidence import Evidence

SHIFTED: Final = " what was open from "


def journals(evidence: Evidence) -> Iterator[Violation]:
    """Every stream that has a file."""
    for stream in evidence.streams:
        try:
            yield from _of_stream(evidence, stream)
        except (sqlite3.Error, ValueError) as error:  # a build that takes damage for a journal
            yield Violation("journal.file", f"stream {stream.number}", evidence.end_us / 1e6, f"can't be read: {error}")


def _of_stream(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    """One of them."""
    who = f"stream {stream.number}"
    for at_us, what in stream.contradictions:
        yield Violation("journal.shown", who, at_us / 1e6, what)
    for at_us, what in stream.unkept:
        yield Violation("journal.unkept", who, at_us / 1e6, what)
    if stream.journal is None:
        return
    stepped = len(evidence.clients[stream.process].wall_offsets) > 1
    for wrong in wrongs(
        evidence.ledgers[stream.account],
        stream.journal,
        settled=False,
        spelt=evidence.options.spells_otherwise,
        spoilt=not {SPOILING, LACKING}.isdisjoint(evidence.counts),
    ):
        # A wall clock that is set makes times that can't be compared.
        if not (SHIFTED in wrong and stepped):
            yield Violation("journal.file", who, evidence.end_us / 1e6, wrong)
    yield from _shown(stream, stream.journal)


def _shown(stream: Stream, journal: Path) -> Iterator[Violation]:
    """Check that each item a consumer was given is in the file, and the same there, whatever happened since."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        rows = {row[0]: row[1:] for row in connection.execute("SELECT seq, kind, received_ms, raw FROM items")}
    for at_us, item in stream.told:
        row = rows.get(item.seq)
        if row is None:
            yield Violation(
                "journal.gone", f"stream {stream.number}", at_us / 1e6, f"item {item.seq} was shown and is gone"
            )
        elif isinstance(item, Update) and row != ("update", item.received_ms, item.raw.decode()):
            yield Violation(
                "journal.gone", f"stream {stream.number}", at_us / 1e6, f"item {item.seq} was shown as another"
            )
