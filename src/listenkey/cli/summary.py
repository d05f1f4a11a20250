"""What a stream brought, counted from what was shown, and told in one sentence or one JSON object."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from listenkey.items import GapOpened, Item, Live, Update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listenkey.health import Health


@dataclass(slots=True)
class Tally:
    """
    Counts what a reader was given.

    Attributes:
        events, fills, gaps: How many.
        keep_trades: Whether to fill `trades`: (symbol, trade id) of each fill, in order.
        went_live: Set at the first `Live`.
    """

    events: int = 0
    fills: int = 0
    gaps: int = 0
    keep_trades: bool = False
    trades: list[tuple[str, int]] = field(default_factory=list)
    went_live: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, item: Item) -> None:
        """Count one item."""
        from listenkey.cli.rows import fills_of

        match item:
            case Update():
                self.events += 1
                fills = fills_of(item.event)
                self.fills += len(fills)
                if self.keep_trades:
                    self.trades.extend(fills)
            case Live():
                self.went_live.set()
            case GapOpened():
                self.gaps += 1


def sentence(tally: Tally, health: Health) -> str:
    """For people: `1,203 events, 401 fills, no gap, 2 duplicates removed`."""
    return ", ".join(
        (
            count(tally.events, "event"),
            count(tally.fills, "fill"),
            count(tally.gaps, "gap"),
            count(health.duplicates_removed, "duplicate") + " removed",
        )
    )


def count(number: int, word: str) -> str:
    """`no gap`, `1 gap`, `1,203 gaps`."""
    return f"no {word}s" if number == 0 else f"{number:,} {word}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Whether the stream brought what the sandbox says happened.

    Attributes:
        ledger_fills: How many fills the ledger holds.
        first_difference: The place of the first fill that differs, counted from 0, or None where all are equal.
    """

    ledger_fills: int
    first_difference: int | None

    @property
    def equal(self) -> bool:
        """Same fills, same order, each once."""
        return self.first_difference is None


def compare(ledger: Sequence[tuple[str, int]], received: Sequence[tuple[str, int]]) -> Verdict:
    """Set the ledger's fills, (symbol, trade id) in order, beside those received."""
    for place, (told, got) in enumerate(zip(ledger, received, strict=False)):
        if told != got:
            return Verdict(len(ledger), place)
    shorter = min(len(ledger), len(received))
    return Verdict(len(ledger), None if len(ledger) == len(received) else shorter)


def demo_line(tally: Tally, health: Health, verdict: Verdict) -> bytes:
    """The demo's last line with `--json`."""
    told: dict[str, Any] = {
        "kind": "summary",
        "events": tally.events,
        "fills": tally.fills,
        "gaps": tally.gaps,
        "duplicates_removed": health.duplicates_removed,
        "ledger_fills": verdict.ledger_fills,
        "ledger_equals_stream": verdict.equal,
    }
    return json.dumps(told).encode() + b"\n"


def demo_sentence(tally: Tally, health: Health, verdict: Verdict) -> str:
    """The demo's last lines for people."""
    if verdict.equal:
        truth = f"ledger = stream: yes ({count(verdict.ledger_fills, 'fill')}, in order, each once)"
    else:
        truth = (
            f"ledger = stream: no (the ledger holds {count(verdict.ledger_fills, 'fill')}, "
            f"the stream brought {count(tally.fills, 'fill')}; the first difference is at number "
            f"{(verdict.first_difference or 0) + 1})"
        )
    return f"{sentence(tally, health)}\n{truth}"
