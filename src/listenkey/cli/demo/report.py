"""The demo's report: the faults and how each was recovered, and whether ledger, stream and journal agree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from listenkey.cli.display.summary import Tally, count, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listenkey.cli.demo.comparison import Comparison
    from listenkey.cli.demo.faults import FaultOutcome
    from listenkey.health import Health
    from listenkey.journal.sqlite.verify import VerifyResult


@dataclass(frozen=True, slots=True)
class DemoResult:
    """
    The results of the demo at its end.

    Attributes:
        stream: The ledger beside what the reader was given.
        journal: The ledger beside what is on the disk.
        verification: The result of `journal verify`.
        outcomes: Of the faults that were injected.
        kept_in: The journal's file, where it stays.
    """

    stream: Comparison
    journal: Comparison
    verification: VerifyResult
    outcomes: Sequence[FaultOutcome]
    kept_in: str | None = None

    @property
    def equal(self) -> bool:
        """Ledger, stream and journal agree, and the journal is whole."""
        return self.stream.equal and self.journal.equal and self.verification.whole


def demo_line(tally: Tally, health: Health, result: DemoResult) -> bytes:
    """The demo's last line with `--json`."""
    line: dict[str, Any] = {
        "kind": "summary",
        "events": tally.events,
        "fills": tally.fills,
        "gaps": tally.gaps,
        "recovered": health.recovered,
        "late": result.stream.late,
        "duplicates_removed": health.duplicates_removed,
        "broken": [
            {"what": one.kind, "out_s": rounded(one.out_s), "noticed_after_s": rounded(one.noticed_s)}
            | {"socket_after_s": rounded(one.socket_s), "whole_after_s": rounded(one.whole_s), "fills": one.fills}
            for one in result.outcomes
        ],
        "ledger_fills": result.stream.ledger,
        "ledger_equals_stream": result.stream.equal,
        "ledger_equals_journal": result.journal.equal,
        "journal_items": result.verification.items,
        "journal_whole": result.verification.whole,
    }
    return json.dumps(line).encode() + b"\n"


def rounded(seconds: float | None) -> float | None:
    """Round to the millisecond."""
    return None if seconds is None else round(seconds, 3)


def demo_sentence(tally: Tally, health: Health, result: DemoResult) -> str:
    """The demo's last lines for people."""
    return "\n".join(
        [
            sentence(tally, health),
            *(outcome_text(one) for one in result.outcomes),
            f"ledger = stream: {comparison_text(result.stream)}",
            f"ledger = journal: {comparison_text(result.journal)}",
            f"journal on the disk: {verification_text(result.verification)}{'' if result.kept_in is None else f', {result.kept_in}'}",
        ]
    )


def outcome_text(one: FaultOutcome) -> str:
    """`plug out for 3.0 s: 11 fills brought back; socket in 0.9 s, whole 43 ms later`."""
    what = f"plug out for {one.out_s:.1f} s" if one.kind == "plug" else "message lost"
    if one.whole_s is None:
        return f"{what}: not recovered yet at the end, and reported as a gap"
    recovered = "nothing was missed" if one.fills == 0 else f"{count(one.fills, 'fill')} brought back"
    first = f"socket in {short(one.socket_s)}" if one.kind == "plug" else f"noticed in {short(one.noticed_s or 0.0)}"
    later_s = one.whole_s - (one.socket_s if one.kind == "plug" else one.noticed_s or 0.0)
    return f"{what}: {recovered}; {first}, whole {short(max(0.0, later_s))} later"


def short(seconds: float) -> str:
    """`1.2 s`, `43 ms`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def comparison_text(comparison: Comparison) -> str:
    """Yes, and how exactly; or no, and what is wrong."""
    if comparison.equal:
        late = f"; {comparison.late:,} late, and marked so" if comparison.late else ""
        if comparison.awaited:
            late += f"; {len(comparison.awaited):,} more in the gap that is open"
        return f"yes ({count(comparison.ledger - len(comparison.awaited), 'fill')}, in order, each once{late})"
    wrong = [f"the ledger holds {count(comparison.ledger, 'fill')}, {comparison.received:,} came"]
    for words, fills in (("missing", comparison.missing), ("twice or changed", comparison.surplus)):
        if fills:
            wrong.append(f"{words}: {len(fills):,}, the first {fills[0].symbol} number {fills[0].trade_id}")
    if not comparison.in_order:
        wrong.append("out of order")
    return f"no ({'; '.join(wrong)})"


def verification_text(result: VerifyResult) -> str:
    """Put into words the result of `listenkey journal verify`."""
    if result.whole:
        return f"verified, {result.items:,} items"
    return f"NOT whole: {'; '.join(result.problems[:3])}"
