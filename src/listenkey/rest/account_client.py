"""Read an account over REST: signed GETs, each a page, each row with its own JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from listenkey import venue
from listenkey.core.bill import Bill
from listenkey.core.clock_sync import ClockSync
from listenkey.credentials import Credentials
from listenkey.errors import OutOfWindow, ProtocolError
from listenkey.rest.rate_limiter import Lane, weight_at
from listenkey.transport.base import Request, Response
from listenkey.transport.clock import Clock
from listenkey.venue import RestLimits
from listenkey.wire import requests, responses, rows
from listenkey.wire.rows import BillPage, ExerciseRow, OrderRow, PositionRow, RowPage, TradeRow
from listenkey.wire.signing import Params, Signer

R = TypeVar("R")
QUOTE_ASSET = "USDT"

PAGES_MAX: Final = 1_000
"""The most pages of one list: a million rows. Beyond that the paging must be wrong."""


def _fills_of(page: list[TradeRow]) -> set[int]:
    """The fills of a page, each as one number: a long list is told from one that begins anew by all of them."""
    return {hash((row.fill.symbol, row.fill.trade_id, row.fill.order_id)) for row in page}


def _ids_of(page: BillPage) -> set[int]:
    return {row.id for row in page if row.id}


class AccountClient:
    """
    Reads what REST knows of one account.

    Args:
        credentials: With something to sign with.
        base_url: Scheme and host.
        lane: What sends, when there is room for it.
        clock: For timestamps, where the venue's time is not known.
        time: The venue's clock; read when it is stale, and once more when a timestamp is refused (-1021).
        limits: The limits of the lists; those of the documents where there are none.

    Every call raises what `wire.responses.read` and the transport raise. A list that has rows which can't be read is
    answered without these: `RowPage.unreadable` has them.
    """

    __slots__ = ("_base_url", "_clock", "_credentials", "_lane", "_signer", "_time", "limits")

    def __init__(
        self,
        credentials: Credentials,
        base_url: str,
        lane: Lane,
        clock: Clock,
        time: ClockSync,
        limits: RestLimits | None = None,
    ) -> None:
        self.limits = limits or RestLimits()
        self._credentials = credentials
        self._base_url = base_url
        self._lane = lane
        self._clock = clock
        self._time = time
        self._signer: Signer | None = None  # made at the first call: a private key takes a while to open

    async def prove(self) -> None:
        """
        Show that the venue takes our signature: a read of one row. Weight 1.

        Raises:
            Refused: It does not.
        """
        asked: Params = {"currency": QUOTE_ASSET, "limit": 1}
        responses.read(await self._signed(venue.BILL_PATH, asked), (self._credentials.api_key,))

    async def bill(self, from_ms: int | None = None, record_id: int | None = None) -> BillPage:
        """A page of the account's bill: from a time on, or from a record on, that one included. Weight 1."""
        asked: Params = {
            "currency": QUOTE_ASSET,
            "recordId": record_id,
            "startTime": from_ms,
            "limit": self.limits.rows_max,
        }
        values, raws = await self._rows(venue.BILL_PATH, asked)
        return rows.bill_page_of(values, raws, from_ms or 0)

    async def user_trades(
        self, symbol: str | None, from_ms: int | None = None, from_id: int | None = None
    ) -> RowPage[TradeRow]:
        """
        A page of a symbol's fills: from a time on, or from an id on, that one included. Weight 5.

        Without a symbol those of all, which the venue has refused since January 2026.
        """
        asked: Params = {"symbol": symbol, "fromId": from_id, "startTime": from_ms, "limit": self.limits.rows_max}
        return await self._list(venue.USER_TRADES_PATH, asked, rows.trade)

    async def bill_since(self, since_ms: int) -> Bill:
        """Return the account's bill from a time on, page by page; cut where a full page leads to no other."""
        bill, asked, seen = Bill(), set[int](), set[int]()
        page = await self.bill(from_ms=since_ms)
        for _ in range(PAGES_MAX):
            bill.add(page, seen)
            bill.note_unreadable(page.unreadable, seen)
            if page.size < self.limits.rows_max or bill.is_full:
                break
            seen, last_id = _ids_of(page), page.last_id
            if last_id:
                asked.add(last_id)
                page = await self.bill(record_id=last_id)  # Inclusive: the pages overlap by one row, and by the tail.
            if not last_id or page.last_id in asked:
                # Nothing leads on: no row says which it is, or `recordId` is not what we take it for.
                bill.is_cut = page.size >= self.limits.rows_max
                break
        else:
            bill.is_cut = True
        bill.add(page.tail)
        bill.note_unreadable(page.tail.unreadable)
        return bill

    async def trades_since(self, symbol: str | None, since_ms: int, collect: Callable[[list[TradeRow]], bool]) -> None:
        """
        Collect a symbol's fills from a time on, page by page, for as long as `collect` wants another.

        Raises:
            ProtocolError: A row can't be read (`is_of_row`); the others were collected.
        """
        page = await self.user_trades(symbol, from_ms=since_ms)
        seen, unreadable = _fills_of(page), page.unreadable
        for _ in range(PAGES_MAX):
            if not collect(page) or page.size < self.limits.rows_max or not page:
                break
            last = page[-1]
            if last.id:
                page = await self.user_trades(symbol, from_id=last.id)  # Inclusive: the pages overlap by one.
            if not last.id or seen.issuperset(_fills_of(page)):
                # Then `fromId` is not what we take it for, or rows have no id, and time has to do.
                page = await self.user_trades(symbol, from_ms=last.fill.trade_time_ms)
            unreadable = unreadable or page.unreadable
            if seen.issuperset(_fills_of(page)):
                break
            seen |= _fills_of(page)
        if unreadable:
            raise ProtocolError(unreadable[0].why, is_of_row=True)

    async def exercises_since(self, since_ms: int) -> RowPage[ExerciseRow]:
        """Return the contracts that ended from a time on, the newest thousand. Weight 5."""
        asked: Params = {"startTime": since_ms, "limit": self.limits.rows_max}
        return await self._list(venue.EXERCISE_RECORD_PATH, asked, rows.exercise)

    async def positions(self) -> RowPage[PositionRow]:
        """Return all positions. Weight 5."""
        return await self._list(venue.POSITION_PATH, {}, lambda row, _: rows.position(row))

    async def open_orders(self, symbol: str | None) -> RowPage[OrderRow]:
        """Orders that live, of a symbol (weight 1) or all (weight 40)."""
        return await self._list(venue.OPEN_ORDERS_PATH, {"symbol": symbol}, rows.order)

    async def history_orders(self, symbol: str) -> RowPage[OrderRow]:
        """The newest of a symbol's orders that ended, of the last five days. Weight 3."""
        # Without startTime: no page says whether it means when an order was made or when it changed last.
        return await self._list(
            venue.HISTORY_ORDERS_PATH, {"symbol": symbol, "limit": self.limits.rows_max}, rows.order
        )

    async def order(self, symbol: str, order_id: int) -> OrderRow:
        """
        One order. Weight 1.

        Raises:
            VenueError: With -2013 where REST does not know it.
            ProtocolError: It can't be read (`is_of_row`).
        """
        response = await self._signed(venue.ORDER_PATH, {"symbol": symbol, "orderId": order_id})
        answer = responses.read(response, (self._credentials.api_key,), keep_odd_numbers=True)
        return rows.order(answer, response.body)

    async def weight_limit(self) -> int | None:
        """REQUEST_WEIGHT a minute. Weight 1, and the largest answer there is."""
        response = await self._lane.send(requests.exchange_info(), self._base_url)
        return rows.weight_limit(responses.read(response))

    async def read_time(self) -> None:
        """Compare clocks. Weight 1."""
        asked_s = self._clock.now_s()

        def make() -> Request:
            nonlocal asked_s
            asked_s = self._clock.now_s()  # It may have waited for room, and the venue's clock went on.
            return requests.server_time()

        response = await self._lane.send_made(venue.WEIGHTS[venue.TIME_PATH], make, self._base_url)
        self._time.note(responses.server_time_answer(response), asked_s, self._clock.now_s())

    def now_ms(self) -> int:
        """The venue's time."""
        return self._time.now_ms(self._clock.now_s(), self._clock.wall_ms())

    async def _list(self, path: str, asked: Params, read_row: Callable[[Mapping[str, Any], bytes], R]) -> RowPage[R]:
        values, raws = await self._rows(path, asked)
        return rows.page_of(values, raws, read_row)

    async def _rows(self, path: str, asked: Params) -> tuple[Sequence[Any], Sequence[bytes]]:
        """The rows of a list, read, and each as its own JSON."""
        response = await self._signed(path, asked)
        values = responses.read(response, (self._credentials.api_key,), keep_odd_numbers=True)
        raws = rows.split(response.body)
        if not isinstance(values, list):
            raise ProtocolError(f"the answer to GET {path} is no list")
        return values, raws

    async def _signed(self, path: str, asked: Params) -> Response:
        if self._time.stale(self._clock.now_s()):
            await self.read_time()
        response = await self._send(path, asked)
        if response.status < 400:
            return response
        error = responses.refusal(response, (self._credentials.api_key,))
        if not isinstance(error, OutOfWindow):
            raise error
        # Once, and not again: when the clocks agree and the venue still says no, asking on would cost weight for nothing.
        self._time.forget()
        await self.read_time()
        return await self._send(path, asked)

    async def _send(self, path: str, asked: Params) -> Response:
        signer = self._signer = self._signer or Signer.of(self._credentials)

        def make() -> Request:
            return requests.signed_get(path, asked, self._credentials, self.now_ms(), signer=signer)

        weight = weight_at(path, of_symbol=asked.get("symbol") is not None)
        return await self._lane.send_made(weight, make, self._base_url)
