"""Builds that misread REST history: what it refuses, how far it lags, and what it has beside trades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from listenkey.core import audit_schedule, beat, recovery_policy, rest_history
from listenkey.errors import ProtocolError
from listenkey.stream import expiries, loss_monitor, order_audit
from listenkey.wire import rows
from listenkey.wire.rows import CONTRACT, BillRow
from sim.mutants.patching import Patches, put, rewritten


def refusals_forgotten(patches: Patches) -> None:
    """Fills that REST history shows and REST refuses to list are nobody's loss."""
    put(patches, rest_history.Outstanding, "note", lambda *_: False)


def lag_forgiven(patches: Patches) -> None:
    """A gap is closed without a word, however far REST was seen to lag."""
    rewritten(
        patches, recovery_policy.RecoveryPolicy, "answered",
        ("if happened.complete or waited_s >= self._timing.lag_seen_max_s:", "if True:"),
        ("self.lag_s = max(self.lag_s, happened.lag_s)", "pass"),
    )  # fmt: skip
    rewritten(
        patches, audit_schedule.AuditSchedule, "looked", ("if not self._settle_at_s and happened.lag_s:", "if False:")
    )


def counts_compared(patches: Patches) -> None:
    """REST history is held against the fills by how many of a contract each has."""

    def compare(
        rows: Iterable[BillRow], fills: Mapping[str, Sequence[int]], from_ms: int, until_ms: int, near_ms: int = 0
    ) -> rest_history.Compared:
        del near_ms
        billed: dict[str, list[int]] = {}
        for row in rows:
            if row.type == CONTRACT and from_ms <= row.time_ms <= until_ms:
                billed.setdefault(row.symbol, []).append(row.time_ms)
        seen = Counter({symbol: len(times) for symbol, times in fills.items()})
        more = {one: sorted(times)[seen[one] - len(times) :] for one, times in billed.items() if len(times) > seen[one]}
        return rest_history.Compared(more, matched=bool(billed), explains_all=bool(fills) and not more)

    put(patches, rest_history, "compare", compare)


def only_trades_brought_back(patches: Patches) -> None:
    """Exercises, fees and transfers of a gap are passed over."""

    async def nothing(*_: Any) -> list[Any]:
        return []

    put(patches, expiries.Expiries, "records", nothing)


def lost_ends_are_let_go(patches: Patches) -> None:
    """A position that outlives its contract is forgotten, whatever became of it."""

    async def look(_: expiries.Expiries) -> None:
        return None

    put(patches, expiries.Expiries, "look", look)


def open_orders_not_looked_at(patches: Patches) -> None:
    """Orders that rest are what the stream last said of them."""

    async def look(self: order_audit.OrderAudit) -> None:
        self._looked_s = self._clock.now_s()

    put(patches, order_audit.OrderAudit, "look", look)


def one_row_spoils_all(patches: Patches) -> None:
    """A list with a row that can't be read is no answer."""
    page_of = rows.page_of

    def strict(values: Sequence[Any], raws: Sequence[bytes], read: Callable[[Any, bytes], Any]) -> Any:
        page = page_of(values, raws, read)
        if page.unreadable:
            raise ProtocolError(page.unreadable[0].why)
        return page

    put(patches, rows, "page_of", strict)


def held_beats_are_silence(patches: Patches) -> None:
    """Events that wait while REST is asked are no sign of life, and a new socket inherits the beats of the last one."""
    put(patches, beat.Beat, "waits", lambda *_: None)
    put(patches, loss_monitor.LossMonitor, "attached", lambda _: None)


REST_HISTORY: tuple[Callable[[Patches], None], ...] = (
    refusals_forgotten, lag_forgiven, counts_compared, only_trades_brought_back, open_orders_not_looked_at,
    lost_ends_are_let_go,
    one_row_spoils_all, held_beats_are_silence,
)  # fmt: skip
