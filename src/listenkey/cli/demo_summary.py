"""The demo's last words: what was broken, how it was mended, and whether ledger, stream and journal agree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from listenkey.cli.summary import Tally, count, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listenkey.cli.demo_plug import Mended
    from listenkey.cli.demo_truth import Verdict
    from listenkey.health import Health
    from listenkey.journal.verify import Verdict as Whole


@dataclass(frozen=True, slots=True)
class Ending:
    """
    The results of the demo at its end.

    Attributes:
        stream: The ledger beside what the reader was given.
        journal: The ledger beside what is on the disk.
        whole: `journal verify`'s word on the file.
        mended: What was broken on purpose.
        kept_in: The journal's file, where it stays.
    """

    stream: Verdict
    journal: Verdict
    whole: Whole
    mended: Sequence[Mended]
    kept_in: str | None = None

    @property
    def equal(self) -> bool:
        """Ledger, stream and journal agree, and the journal is whole."""
        return self.stream.equal and self.journal.equal and self.whole.whole


def demo_line(tally: Tally, health: Health, ending: Ending) -> bytes:
    """The demo's last line with `--json`."""
    told: dict[str, Any] = {
        "kind": "summary",
        "events": tally.events,
        "fills": tally.fills,
        "gaps": tally.gaps,
        "recovered": health.recovered,
        "late": ending.stream.late,
        "duplicates_removed": health.duplicates_removed,
        "broken": [
            {"what": one.kind, "out_s": rounded(one.out_s), "noticed_after_s": rounded(one.noticed_s)}
            | {"socket_after_s": rounded(one.socket_s), "whole_after_s": rounded(one.whole_s), "fills": one.fills}
            for one in ending.mended
        ],
        "ledger_fills": ending.stream.ledger,
        "ledger_equals_stream": ending.stream.equal,
        "ledger_equals_journal": ending.journal.equal,
        "journal_items": ending.whole.items,
        "journal_whole": ending.whole.whole,
    }
    return json.dumps(told).encode() + b"\n"


def rounded(seconds: float | None) -> float | None:
    """Round to the millisecond."""
    return None if seconds is None else round(seconds, 3)


def demo_sentence(tally: Tally, health: Health, ending: Ending) -> str:
    """The demo's last lines for people."""
    return "\n".join(
        [
            sentence(tally, health),
            *(mended_words(one) for one in ending.mended),
            f"ledger = stream: {verdict_words(ending.stream)}",
            f"ledger = journal: {verdict_words(ending.journal)}",
            f"journal on the disk: {whole_words(ending.whole)}{'' if ending.kept_in is None else f', {ending.kept_in}'}",
        ]
    )


def mended_words(one: Mended) -> str:
    """`plug out for 3.0 s: 11 fills brought back; socket in 0.9 s, whole 43 ms later`."""
    what = f"plug out for {one.out_s:.1f} s" if one.kind == "plug" else "message lost"
    if one.whole_s is None:
        return f"{what}: not mended yet at the end, and told as a gap"
    brought = "nothing was missed" if one.fills == 0 else f"{count(one.fills, 'fill')} brought back"
    first = f"socket in {short(one.socket_s)}" if one.kind == "plug" else f"noticed in {short(one.noticed_s or 0.0)}"
    later_s = one.whole_s - (one.socket_s if one.kind == "plug" else one.noticed_s or 0.0)
    return f"{what}: {brought}; {first}, whole {short(max(0.0, later_s))} later"


def short(seconds: float) -> str:
    """`1.2 s`, `43 ms`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def verdict_words(verdict: Verdict) -> str:
    """Yes, and how exactly; or no, and what is wrong."""
    if verdict.equal:
        late = f"; {verdict.late:,} late, and marked so" if verdict.late else ""
        if verdict.awaited:
            late += f"; {len(verdict.awaited):,} more in the gap that is open"
        return f"yes ({count(verdict.ledger - len(verdict.awaited), 'fill')}, in order, each once{late})"
    wrong = [f"the ledger holds {count(verdict.ledger, 'fill')}, {verdict.received:,} came"]
    for words, fills in (("missing", verdict.missing), ("twice or changed", verdict.surplus)):
        if fills:
            wrong.append(f"{words}: {len(fills):,}, the first {fills[0].symbol} number {fills[0].trade_id}")
    if not verdict.in_order:
        wrong.append("out of order")
    return f"no ({'; '.join(wrong)})"


def whole_words(whole: Whole) -> str:
    """Put into words the result of `listenkey journal verify`."""
    if whole.whole:
        return f"verified, {whole.items:,} items"
    return f"NOT whole: {'; '.join(whole.problems[:3])}"
