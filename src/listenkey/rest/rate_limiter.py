"""
Limit the requests to the REST API: one `RateLimiter` for all that goes to one venue from one event loop.

The venue counts weight per IP and not per key, and bans the IP. So keys, recoveries and audits of all accounts ask here
first: keys go before recoveries, recoveries before audits, and among recoveries the riskier account first. After a 429
or 418 nothing at all leaves until the venue allows it; whoever asks meanwhile gets that same error at once, and knows
by it when to come back.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

from listenkey import venue
from listenkey.core.budget import WINDOW_S, Budget, Priority
from listenkey.core.clock_sync import ClockSync
from listenkey.core.retry_policy import ban_left_s, classify
from listenkey.core.status import HTTP_BANNED, room_text, silence_text
from listenkey.errors import Banned, RateLimited
from listenkey.rest.rate_limit_store import RateLimitStore
from listenkey.transport.base import Http, Request, Response
from listenkey.transport.clock import Clock
from listenkey.transport.http import AiohttpClient
from listenkey.venue import Venue
from listenkey.wire import responses

log = logging.getLogger("listenkey")

BLOCK_MARGIN_S: Final = 0.1
"""Our clock and the venue's tick differently; a request that comes a moment too early would prolong a ban."""

LIMIT_FRESH_S: Final = 6 * 3600.0
"""The age at which the limit read from `exchangeInfo` is read again."""

LIMIT_LOWERED_FRESH_S: Final = 600.0
"""The same where it was higher before: it may be raised again."""

LIMIT_LOWERED_WAITS_S: Final = 60.0
"""The same while a recovery waits for room under it."""

_RANKS: Final = {Priority.KEYS: 0, Priority.RECOVERY: 1, Priority.STEADY: 2, Priority.LISTS: 3}


class _Waiter(NamedTuple):
    rank: tuple[int, ...]
    order: int
    weight: int
    share: Priority
    admitted: asyncio.Future[None]


class RateLimiter:
    """
    Lets requests out, one venue's.

    Args:
        clock: For the windows of the limit.
        place: Which venue.
        http: What sends; made here where none is given, and closed with the last `release`.

    Attributes:
        budget: What was spent.
        store: The same in files, for the next process.
        time: The venue's clock.
        limit_at_s: When the weight limit was read, or None.
        limit_is_doubted: A 429 came since then, although we kept the limit: it may be lower now.
    """

    def __init__(self, clock: Clock, place: Venue, http: Http | None = None) -> None:
        self._clock = clock
        self._scale = place.time_scale
        self._window_s = WINDOW_S / place.time_scale
        self._http: Http = AiohttpClient() if http is None else http
        self._owns_http = http is None
        self._waiters: list[_Waiter] = []
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._blocked_by: RateLimited | None = None
        self.users = 0
        self.budget = Budget(window_s=self._window_s)
        self._wall_ahead_ms: float | None = None  # the wall clock less the one that is never set, when first asked
        self.store = RateLimitStore(place.rest_url, clock.wall_ms())
        self.time = ClockSync(place.time_scale)
        self.limit_at_s: float | None = None
        self.limit_is_doubted = False
        self._limit_most = 0

    def lane(self, share: Priority, risk: Callable[[], tuple[int, ...]] = tuple, account: str = "") -> Lane:
        """An `Http` whose requests are of this kind; `risk` is asked at each, the larger goes first."""
        return Lane(self, share, risk, account)

    async def send(
        self, request: Request, base_url: str, share: Priority, risk: tuple[int, ...], account: str = ""
    ) -> Response:
        """
        Wait for room, then send.

        Args:
            request: What to send.
            base_url: Where to.
            share: Its kind.
            risk: What is at stake.
            account: Whose listen key it asks for, where it asks for one.

        Raises:
            RateLimited, Banned: The venue has told this IP to stop; nothing was sent.
            TransportError, ProtocolError: As the transport's.
        """
        await self._take_over()
        if request.method == "POST":
            await self._not_too_often(account)
            self.store.now.create(account, self._now_ms())
            await self._admit(weight_of(request), share, risk)
            self._spend(weight_of(request))
            if self.store.is_kept:
                await self.store.saved()
            return await self._sent(request, base_url)
        return await self.send_made(weight_of(request), lambda: request, base_url, share, risk)

    async def send_made(
        self, weight: int, make: Callable[[], Request], base_url: str, share: Priority, risk: tuple[int, ...]
    ) -> Response:
        """Send a request that is made when it may leave: one that was signed before has aged by then."""
        await self._take_over()
        await self._admit(weight, share, risk)
        self._spend(weight)
        if self.store.is_kept:
            await self.store.saving()
        return await self._sent(make(), base_url)

    async def _sent(self, request: Request, base_url: str) -> Response:
        response = await self._http.send(request, base_url)
        self._note(response)
        if self.store.is_kept and self._still_blocked() is not None:
            await self.store.saved()
        return response

    def refused(self, error: RateLimited) -> None:
        """Send nothing: this answer of the venue came on another way than through here."""
        self._block(error, self._clock.now_s())

    def silence(self) -> str | None:
        """Return the time until which the venue wants no requests, for people; None where it may be asked."""
        now_s, blocked_by = self._clock.now_s(), self._blocked_by
        left_s = self.budget.blocked_until_s - now_s
        if left_s <= 0 or blocked_by is None:
            return None
        return silence_text(blocked_by.http_status, left_s, self._clock.wall_ms())

    def waiting(self, share: Priority) -> str | None:
        """Return the time until which the requests of a kind wait for weight, for people; None where none waits."""
        first = min((one for one in self._waiters if one.share is share and not one.admitted.done()), default=None)
        wait_s = 0.0 if first is None else self.budget.wait_s(first.weight, share, self._clock.now_s())
        return room_text(self.budget.limit, wait_s, self._clock.wall_ms()) if wait_s > 0 else None

    def has_room(self, weight: int, share: Priority) -> bool:
        """Return True where this weight could be sent at once, with no request waiting before it."""
        return not self._waiters and self.budget.wait_s(weight, share, self._clock.now_s()) <= 0

    def note_limit(self, limit: int | None) -> None:
        """Take the limit that `exchangeInfo` stated, or None where it stated none."""
        self.limit_at_s = self._clock.now_s()
        self.limit_is_doubted = False
        if limit is not None:
            self.budget.limit = limit
            self._limit_most = max(self._limit_most, limit)
            self.store.now.limit, self.store.now.limit_at_ms = limit, self._now_ms()
            self._let_go()

    def limit_is_stale(self) -> bool:
        """True where the limit was never read, or too long ago."""
        return self._is_older_than(LIMIT_LOWERED_FRESH_S if self._is_lowered else LIMIT_FRESH_S)

    def limit_holds_up(self, weight: int, share: Priority) -> bool:
        """Return True where this weight waits for room under a limit that may be higher by now."""
        return self._is_lowered and self._is_older_than(LIMIT_LOWERED_WAITS_S) and not self.has_room(weight, share)

    @property
    def _is_lowered(self) -> bool:
        return self.budget.limit < self._limit_most

    def _is_older_than(self, fresh_s: float) -> bool:
        return self.limit_at_s is None or self._clock.now_s() - self.limit_at_s > fresh_s

    async def aclose(self) -> None:
        """Close the connections."""
        if self._timer is not None:
            self._timer.cancel()
        if self._owns_http:
            await self._http.aclose()

    # --- from process to process ---------------------------------------------------------------------------------

    async def _take_over(self) -> None:
        """Count the requests of earlier processes as our own, as the venue does."""
        if not self.store.is_unread:
            return
        now_s, now_ms = self._clock.now_s(), self._now_ms()
        for at_ms, weight in (await self.store.join(now_ms, self._clock.boot(), round(now_s * 1000))).items():
            self.budget.spent_earlier(weight, now_s - (now_ms - at_ms) / 1000)
        known = self.store.now
        read_at_s = now_s - (now_ms - known.limit_at_ms) / 1000
        if known.limit is not None and now_s - read_at_s < LIMIT_FRESH_S:
            self.budget.limit, self.limit_at_s = known.limit, read_at_s
        left_s = known.left_ms(now_ms) / 1000
        if left_s > 0:
            kind = Banned if known.blocked_status == HTTP_BANNED else RateLimited
            self._blocked_by = kind(known.blocked_status, None, "an earlier process was blocked", left_s)
            self.budget.block(now_s + left_s)
            known.stamp(self._clock.boot(), round(now_s * 1000), now_ms)
            await self.store.saved()  # by this clock: nothing is sent for a while, so nothing else would be written
        self._let_go()

    async def _not_too_often(self, account: str) -> None:
        told = False
        while True:
            now_ms, window_ms = self._now_ms(), round(self._window_s * 1000)
            wait_ms = self.store.now.create_wait_ms(account, self.store.began_ms, now_ms, window_ms)
            if wait_ms <= 0:
                return
            if not told:
                log.warning("started too often within a minute: the listen key is asked for in %.0f s", wait_ms / 1000)
            told = True
            await asyncio.sleep(wait_ms / 1000)

    def _spend(self, weight: int) -> None:
        now_ms = self._now_ms()
        self.store.now.forget(now_ms - round(self._window_s * 1000))
        self.store.now.spend(weight, now_ms)
        self._stamp()

    def _now_ms(self) -> int:
        """The wall clock as it was when first asked, gone on since: one that is set meanwhile changes nothing."""
        now_ms = self._clock.now_s() * 1000
        if self._wall_ahead_ms is None:
            self._wall_ahead_ms = self._clock.wall_ms() - now_ms
        return round(self._wall_ahead_ms + now_ms)

    def _stamp(self) -> None:
        self.store.now.stamp(self._clock.boot(), round(self._clock.now_s() * 1000), self._now_ms())

    # --- admission -----------------------------------------------------------------------------------------------

    async def _admit(self, weight: int, share: Priority, risk: tuple[int, ...]) -> None:
        self._raise_if_blocked()
        rank = (_RANKS[share], *(-each for each in risk))
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(rank, next(self._count), weight, share, admitted)
        heapq.heappush(self._waiters, waiter)
        self._let_go()
        await admitted

    def _let_go(self) -> None:
        """Admit requests in order of rank as soon as there is room; a lighter one never overtakes the first."""
        now_s = self._clock.now_s()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            first = self._waiters[0]
            if not first.admitted.done():
                wait_s = self.budget.wait_s(first.weight, first.share, now_s)
                if wait_s > 0:
                    self._timer = asyncio.get_running_loop().call_later(wait_s + 0.001, self._let_go)
                    return
                self.budget.spend(first.weight, now_s)
                first.admitted.set_result(None)
            heapq.heappop(self._waiters)

    def _raise_if_blocked(self) -> None:
        error = self._still_blocked()
        if error is not None:
            raise error

    def _still_blocked(self) -> RateLimited | None:
        left_s = self.budget.blocked_until_s - self._clock.now_s()
        if left_s <= 0 or self._blocked_by is None:
            return None
        return self._blocked_by.with_wait(left_s)

    # --- what answers say ----------------------------------------------------------------------------------------

    def _note(self, response: Response) -> None:
        now_s = self._clock.now_s()
        used = responses.used_weight_1m(response)
        if used is not None:
            venue_ms = self.time.now_ms(now_s, self._clock.wall_ms())
            self.budget.note_used(used, now_s, (60 - venue_ms / 1000 % 60) / self._scale)
            if self.limit_at_s is None and response.status == 200 and used > self.budget.limit:
                # Other programs of this address have used more than we took for the limit, and were not refused.
                self.budget.limit = max(self.budget.limit, venue.WEIGHT_PER_MINUTE_DOCUMENTED)
        if response.status not in (403, 418, 429):  # 403 is the firewall, which never says how long.
            return
        if response.status == 429:
            self._doubt_limit()
        error = responses.refusal(response)
        if isinstance(error, RateLimited):
            self._block(error, now_s)

    def _doubt_limit(self) -> None:
        """Have the limit read again: by what we know of it, this request was allowed. The next process knows none."""
        self.limit_at_s, self.limit_is_doubted = None, True
        self.store.now.limit, self.store.now.limit_at_ms = None, self._now_ms()

    def _block(self, error: RateLimited, now_s: float) -> None:
        venue_ms = self.time.now_ms(now_s, self._clock.wall_ms())
        wait_s = classify(error, venue_ms).wait_s
        if isinstance(error, Banned) and self.time.is_known:
            wait_s = max(wait_s, ban_left_s(error, venue_ms) or 0.0)
        log.warning(
            "the venue told this address to send nothing: no requests for %.0f s. It said: HTTP %d %s",
            wait_s, error.http_status, error.message,
        )  # fmt: skip
        self._blocked_by = error
        self.budget.block(now_s + wait_s + BLOCK_MARGIN_S)
        self.store.now.block(round((wait_s + BLOCK_MARGIN_S) * 1000), error.http_status, self._now_ms())
        self._stamp()
        refusal = self._still_blocked()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.admitted.done() and refusal is not None:
                waiter.admitted.set_exception(refusal)


class Lane:
    """An `Http` that asks a limiter first. Closing it closes nothing: the limiter is shared."""

    __slots__ = ("_account", "_limiter", "_risk", "_share")

    def __init__(
        self, limiter: RateLimiter, share: Priority, risk: Callable[[], tuple[int, ...]], account: str
    ) -> None:
        self._limiter = limiter
        self._account = account
        self._share = share
        self._risk = risk

    async def send(self, request: Request, base_url: str) -> Response:
        """Send a request; see `RateLimiter.send`."""
        return await self._limiter.send(request, base_url, self._share, self._risk(), self._account)

    async def send_made(self, weight: int, make: Callable[[], Request], base_url: str) -> Response:
        """Send a request that is made when it may leave; see `RateLimiter.send_made`."""
        return await self._limiter.send_made(weight, make, base_url, self._share, self._risk())

    async def aclose(self) -> None:
        """Close nothing: a lane has nothing open."""


def weight_of(request: Request) -> int:
    """Return the weight that the venue will count for a request."""
    return weight_at(request.path, of_symbol="symbol" in parse_qs(request.query))


def weight_at(path: str, *, of_symbol: bool) -> int:
    """The same, before there is a request."""
    if path == venue.OPEN_ORDERS_PATH and not of_symbol:
        return venue.OPEN_ORDERS_ALL_WEIGHT
    return venue.WEIGHTS[path]


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, RateLimiter]] = WeakKeyDictionary()


def share(place: Venue, clock: Clock) -> RateLimiter:
    """The limiter of this venue on this event loop. Give it back with `release`."""
    here = _shared.setdefault(asyncio.get_running_loop(), {})
    limiter = here.get(place.rest_url)
    if limiter is None:
        limiter = here[place.rest_url] = RateLimiter(clock, place)
    limiter.users += 1
    return limiter


async def release(limiter: RateLimiter) -> None:
    """One user less; the last one closes the connections."""
    limiter.users -= 1
    if limiter.users == 0:
        for here in _shared.values():
            for url in [url for url, held in here.items() if held is limiter]:
                del here[url]
        await limiter.aclose()
