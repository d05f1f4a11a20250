"""
Looks at the lists of open orders that come by themselves: a step of an order that was lost is seen nowhere else.

The decisions are in `core.open_orders`; here they meet the answers. What is found lost goes the way of every loss: a
gap is reported, the recovery asks REST what became of the orders, and the gap is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, ParamSpec, TypeVar

from listenkey import venue
from listenkey.core import inputs as on
from listenkey.core.account_state import AccountState, OrderKey
from listenkey.core.budget import Priority
from listenkey.core.open_orders import OpenOrderLists, compare, to_verify
from listenkey.core.reconciliation import is_news, order_key_of
from listenkey.core.timing import Timing
from listenkey.errors import ProtocolError, VenueError
from listenkey.events import RecoveredOrder
from listenkey.outcomes import GapCause, Reason
from listenkey.rest.bounded_gather import together
from listenkey.stream.backfill import Backfill
from listenkey.stream.windows import AUDIT_IN_FLIGHT_S, Windows
from listenkey.transport.clock import Clock
from listenkey.wire.rows import OrderRow, RowPage

log = logging.getLogger("listenkey")

P = ParamSpec("P")
R = TypeVar("R")

SECOND_LOOK_S: Final = 2.0
"""The time before a loss is reported: messages may take seconds to arrive, and a false alarm costs a recovery."""

VERIFIED_MAX: Final = 5
"""Orders asked for one by one in one look. One that is lost is enough to ask for all."""

LOOKS_PER_AUDIT: Final = 2
"""Looks at orders that settle a gap are at least half an audit apart: REST history is looked at several times then."""

ACTIVE_S: Final = 3600.0
"""Contracts that were traded so lately are asked for, too, where the list of all is not."""


class OrderAudit:
    """
    Holds the lists of open orders against the orders that live as far as was delivered.

    Args:
        backfill: Asks for them.
        windows: The venue's clock.
        known: What was delivered.
        clock: For all times.
        timing: `audit_every_s`.
        suspects: Symbols that the next recovery is to ask for are put there; it asks in their order.
    """

    def __init__(
        self,
        backfill: Backfill,
        windows: Windows,
        known: AccountState,
        clock: Clock,
        timing: Timing,
        suspects: dict[str, None],
    ) -> None:
        self._backfill = backfill
        self._windows = windows
        self._known = known
        self._clock = clock
        self._timing = timing
        self._suspects = suspects
        self._lists = OpenOrderLists()
        self._began_s: float | None = None
        self._looked_s = 0.0
        self._cleared: set[OrderKey] = set()

    def follows(self) -> None:
        """Follow a socket: steps of orders from now on are to be delivered."""
        if self._began_s is None:
            self._began_s = self._looked_s = self._clock.now_s()

    def is_due(self, *, settles: bool) -> bool:
        """
        Return True where the last look was long enough ago.

        For the audit that comes by itself any time is: with two audits between two looks a lost step would be found
        late. `settles`: it is one of the looks that settle a gap.
        """
        apart_s = self._timing.audit_every_s / LOOKS_PER_AUDIT if settles else 0.0
        return self._began_s is not None and self._clock.now_s() - self._looked_s >= apart_s

    async def look(self) -> on.Doubted | on.StreamSilent | None:
        """
        Ask for lists of open orders, and report the losses they show.

        Returns:
            None where all agrees. Where nothing at all was delivered since the first step that is missing, it is the
            socket that is dead.

        Raises:
            ListenKeyError: What REST raised.
        """
        until_ms = self._windows.now_ms() - self._windows.venue_ms(AUDIT_IN_FLIGHT_S)
        asked, rows = await self._ask(self._clock.now_s())
        compared = compare(rows, asked, self._known, self._began_ms(), until_ms)
        for row in compared.earlier:
            self._known.note(row.order)
        verified = await self._verified(compared.gone)
        self._looked_s = self._clock.now_s()
        lost = [row.order for row in compared.news]
        lost += [order for order in verified if order.updated_ms <= until_ms]
        if lost:
            await asyncio.sleep(SECOND_LOOK_S)
            lost = [order for order in lost if is_news(order, self._known)]
        return self._told(lost) if lost else None

    async def _ask(self, now_s: float) -> tuple[list[str] | None, list[OrderRow]]:
        """The symbols whose lists were answered, None where it was the list of all, and their rows."""
        known, limiter = self._known, self._backfill.limiter
        limit = limiter.budget.limit
        if self._lists.is_all_due(limit, now_s) and limiter.has_room(venue.OPEN_ORDERS_ALL_WEIGHT, Priority.LISTS):
            rows = await _unless_refused(self._backfill.steady.open_orders, None)
            if rows is not None:
                self._lists.answered(now_s)
                self._note_unreadable([rows])
                return None, rows
            self._lists.refused(now_s)
        symbols = list(dict.fromkeys(symbol for symbol, _ in known.orders))
        recent_ms = self._windows.now_ms() - self._windows.venue_ms(ACTIVE_S)
        active = [*known.positions, *known.active(recent_ms)]
        asked = self._lists.choose(symbols, active, limit)
        pages = await together([_unless_refused(self._backfill.steady.open_orders, symbol) for symbol in asked])
        self._note_unreadable(page for page in pages if page is not None)
        answered = [symbol for symbol, page in zip(asked, pages, strict=True) if page is not None]
        return answered, [row for page in pages for row in page or ()]

    def _note_unreadable(self, pages: Iterable[RowPage[OrderRow]]) -> None:
        """Log the first row that can't be read. An order that it may be is asked for by its id, where it is known."""
        for row in (row for page in pages for row in page.unreadable[:1]):
            self._backfill.log.warning(
                "open orders of %s: a row can't be read: %s", row.symbol or "all symbols", row.why
            )

    async def _verified(self, gone: list[OrderKey]) -> list[RecoveredOrder]:
        """Return those orders in no list of which REST says that they ended."""
        wanted = to_verify(gone, self._cleared, VERIFIED_MAX)
        rows = await together([_unless_refused(self._backfill.steady.order, *key) for key in wanted])
        ended = [row.order for row in rows if row is not None and is_news(row.order, self._known)]
        # One whose end is so young that its message may be on its way is the first to be asked for next time.
        self._cleared = (self._cleared & set(gone)) | (set(wanted) - {order_key_of(order) for order in ended})
        return ended

    def _told(self, lost: list[RecoveredOrder]) -> on.Doubted | on.StreamSilent:
        self._suspects.update(dict.fromkeys(order.symbol for order in lost))
        first_ms = min(order.updated_ms for order in lost)
        words = ", ".join(f"{order_key_of(order)[1]} in {order.symbol} is {order.status}" for order in lost[:3])
        text = f"REST shows {len(lost)} steps of orders that no socket brought: {words}"
        reason = Reason(GapCause.REST_SHOWS_MORE, text)
        last_ms = self._known.last_event_ms
        if last_ms < first_ms:
            return on.StreamSilent(self._windows.to_wall(min(last_ms or first_ms, first_ms - 1)), reason)
        return on.Doubted(self._windows.to_wall(first_ms - 1), reason)

    def _began_ms(self) -> int:
        """Return when the stream began, by the venue's clock; rather late than early, as older events are no loss."""
        assert self._began_s is not None, "only a stream that follows a socket is looked after"
        age_ms = self._windows.venue_ms(self._clock.now_s() - self._began_s)
        return self._windows.now_ms() - age_ms + self._backfill.time.uncertain_ms


async def _unless_refused(ask: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """The answer, or None where the venue refuses this question: others are to be answered all the same."""
    try:
        return await ask(*args, **kwargs)
    except ProtocolError as error:
        if not error.is_of_row:
            raise
        log.warning("open orders: an order can't be read: %s", error)
    except VenueError as error:
        if type(error) is not VenueError:
            raise
        log.info("open orders: REST refuses: %s", error)
    return None
