"""Fold the stream's items into the state of the dashboard. Pure; drawing is `dashboard_view.py`."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, TypeAlias

from listenkey.cli.display.annotation import Annotation
from listenkey.cli.display.controls import Kinds
from listenkey.cli.display.number_format import is_zero
from listenkey.cli.display.order_rows import OrderTableRow, rows_of
from listenkey.events import AccountUpdate, BalancePositionUpdate, GreekUpdate, RiskLevelChange
from listenkey.items import GapClosed, GapOpened, Item, Live, Update

Line: TypeAlias = OrderTableRow | Annotation | Live | GapOpened | GapClosed

RECENT_MAX: Final = 250
"""Rows kept for the table: more than the tallest terminal shows."""


KEPT_MAX: Final = 2_048
"""Underlyings, symbols and assets kept each; an account has a few dozen, and a screen shows fewer."""


def keep(known: dict[str, dict[str, Any]], name: str, words: dict[str, Any]) -> None:
    """Keep the newest words of a name; where there are too many names, the one that came first goes."""
    if name not in known and len(known) >= KEPT_MAX:
        del known[next(iter(known))]
    known[name] = words


class DashboardState:
    """
    The latest of everything.

    Attributes:
        version: Grows with every item, so that a screen knows whether to draw.
        recent: Order events, gaps, lives and annotations, oldest first.
        open_gap: The gap that is open, or None.
        last_gap: The gap that closed last, or None.
        greeks, positions, balances: By underlying, symbol and asset: the words of the newest event of each.
        totals: Of the newest ACCOUNT_UPDATE.
    """

    def __init__(self) -> None:
        self.version = 0
        self.account = ""
        self.recent: deque[Item | Annotation] = deque(maxlen=RECENT_MAX)
        self.open_gap: GapOpened | None = None
        self.last_gap: GapClosed | None = None
        self._held: tuple[Item | Annotation, ...] | None = None
        self.greeks: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.balances: dict[str, dict[str, Any]] = {}
        self.totals: dict[str, Any] = {}
        self.risk_level = ""
        self.events = 0
        self.last_received_ms: int | None = None

    def add(self, item: Item) -> None:
        """Fold one item in."""
        self.version += 1
        self.account = item.account
        if not isinstance(item, Update):
            self.recent.append(item)
            self._note_gap(item)
            return
        self.events += 1
        self.last_received_ms = item.received_ms
        match item.event:
            case GreekUpdate() | BalancePositionUpdate() | AccountUpdate():
                self._fold(item.event.to_dict())
            case RiskLevelChange():
                self.risk_level = item.event.risk_level
            case _:
                self.recent.append(item)

    def _note_gap(self, item: Live | GapOpened | GapClosed) -> None:
        if isinstance(item, GapOpened):
            self.open_gap = item
        elif isinstance(item, GapClosed):
            self.open_gap, self.last_gap = None, item

    def hold(self, *, held: bool) -> None:
        """Let the table stand still, or go on."""
        self._held = tuple(self.recent) if held else None

    def annotate(self, annotation: Annotation) -> None:
        """Words among the items, in their place."""
        self.version += 1
        self.recent.append(annotation)

    def _fold(self, words: dict[str, Any]) -> None:
        for one in words.get("greeks", ()):
            keep(self.greeks, str(one.get("underlying")), one)
        for one in words.get("balances", ()):
            keep(self.balances, str(one.get("asset")), one)
        for one in words.get("positions", ()):
            symbol = str(one.get("symbol"))
            if is_zero(one.get("quantity")):
                self.positions.pop(symbol, None)
            else:
                keep(self.positions, symbol, one)
        if "equity" in words:
            self.totals = words

    def newest(self, count: int, *, skipped: int = 0, kinds: Kinds = "all") -> list[Line]:
        """Return at most `count` lines for the table, newest first, without the `skipped` newest of those `kinds`."""
        lines: list[Line] = []
        for item in reversed(self.recent if self._held is None else self._held):
            if len(lines) >= count + skipped:
                break
            if not isinstance(item, Update):
                lines.extend([item] if kinds != "fills" else [])
            elif kinds != "gaps":
                lines.extend(row for row in reversed(rows_of(item.event)) if kinds == "all" or row.is_fill)
        # Scrolled beyond the oldest line, the oldest ones stay in sight.
        skipped = min(skipped, max(0, len(lines) - count))
        return lines[skipped : skipped + count]
