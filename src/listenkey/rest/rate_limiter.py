"""
Limit the requests to the REST API: one `RateLimiter` for all that goes to one venue from one event loop.

The venue counts weight per IP and not per key, and bans the IP. So keys, recoveries and audits of all accounts ask here
first: keys go before recoveries, recoveries before audits, and among recoveries the riskier account first. After a 429
or 418 nothing at all leaves until the venue allows it; whoever asks meanwhile gets that same error at once, and knows
by it when to come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from listenkey import venue
from listenkey.core.budget import WINDOW_S, Budget, Priority
from listenkey.core.clock_sync import ClockSync
from listenkey.core.limit_reading import LimitReading
from listenkey.core.retry_policy import ban_left_s, classify
from listenkey.core.status import HTTP_BANNED, room_text, silence_text
from listenkey.errors import Banned, RateLimited
from listenkey.rest.connect_limiter import ConnectLimiter
from listenkey.rest.rate_limit_store import RateLimitStore
from listenkey.rest.request_queue import RequestQueue
from listenkey.transport.base import Http, Request, Response
from listenkey.transport.clock import Clock
from listenkey.transport.http import AiohttpClient
from listenkey.transport.per_loop import PerLoop
from listenkey.transport.threads import SYSTEM, Threads
from listenkey.venue import Venue
from listenkey.wire import responses

log = logging.getLogger("listenkey")

BLOCK_MARGIN_S: Final = 0.1
"""Our clock and the venue's tick differently; a request that comes a moment too early would prolong a ban."""


class RateLimiter:
    """
    Lets requests out, one venue's.

    Args:
        clock: For the windows of the limit.
        place: Which venue.
        http: What sends; made here where none is given, and closed with the last `release`.
        threads: Where the thread that writes down what was spent is from.

    Attributes:
        budget: What was spent.
        store: The same in files, for the next process.
        time: The venue's clock.
        limit: The weight limit's age.
        connects: The sockets that may be opened.
    """

    def __init__(self, clock: Clock, place: Venue, http: Http | None = None, threads: Threads = SYSTEM) -> None:
        self._clock = clock
        self._scale = place.time_scale
        self._window_s = WINDOW_S / place.time_scale
        self._http: Http = AiohttpClient() if http is None else http
        self._owns_http = http is None
        self._blocked_by: RateLimited | None = None
        self.users = 0
        self.budget = Budget(window_s=self._window_s)
        self.limit_reading = LimitReading(self.budget)
        self._queue = RequestQueue(self.budget, clock)
        self.connects = ConnectLimiter(clock, place.time_scale)
        self._wall_ahead_ms: float | None = None  # the wall clock less the one that is never set, when first asked
        self.store = RateLimitStore(place.rest_url, clock.wall_ms(), threads)
        self.time = ClockSync(place.time_scale)

    def lane(self, priority: Priority, risk: Callable[[], tuple[int, ...]] = tuple, account: str = "") -> Lane:
        """An `Http` whose requests are of this kind; `risk` is asked at each, the larger goes first."""
        return Lane(self, priority, risk, account)

    async def send(
        self, request: Request, base_url: str, priority: Priority, risk: tuple[int, ...], account: str = ""
    ) -> Response:
        """
        Wait for room, then send.

        Args:
            request: What to send.
            base_url: Where to.
            priority: Its kind.
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
            await self._admitted(weight_of(request), priority, risk)
            if self.store.is_kept:
                await self.store.saved()
            return await self._sent(request, base_url)
        return await self.send_made(weight_of(request), lambda: request, base_url, priority, risk)

    async def send_made(
        self, weight: int, make: Callable[[], Request], base_url: str, priority: Priority, risk: tuple[int, ...]
    ) -> Response:
        """Send a request that is made when it may leave: one that was signed before has aged by then."""
        await self._take_over()
        await self._admitted(weight, priority, risk)
        if self.store.is_kept:
            await self.store.saving()
        return await self._sent(make(), base_url)

    async def _sent(self, request: Request, base_url: str) -> Response:
        response = await self._http.send(request, base_url)
        self._note(response)
        if self.store.is_kept and self._still_blocked() is not None:
            await self.store.saved()
        return response

    async def may_connect(self, risk: tuple[int, ...]) -> None:
        """
        Wait until a socket may be opened, and count it.

        Args:
            risk: What is at stake; the larger goes first.

        Raises:
            RateLimited, Banned: The venue has told this IP to stop.
        """
        await self._take_over()
        if (error := self._still_blocked()) is not None:
            raise error
        await self.connects.admit(risk)
        now_ms = self._now_ms()
        self.store.now.forget_connects(now_ms - round(self.connects.window_s * 1000))
        self.store.now.connect(now_ms)

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

    def waiting(self, priority: Priority) -> str | None:
        """Return the time until which the requests of a kind wait for weight, for people; None where none waits."""
        wait_s = self._queue.wait_s(priority)
        return room_text(self.budget.limit, wait_s, self._clock.wall_ms()) if wait_s > 0 else None

    def has_room(self, weight: int, priority: Priority) -> bool:
        """Return True where this weight could be sent at once, with no request waiting before it."""
        return not self._queue and self.budget.wait_s(weight, priority, self._clock.now_s()) <= 0

    def note_limit(self, limit: int | None) -> None:
        """Take the limit that `exchangeInfo` stated, or None where it stated none."""
        self.limit_reading.was_read(limit, self._clock.now_s())
        if limit is not None:
            self.store.now.limit, self.store.now.limit_at_ms = limit, self._now_ms()
            self._queue.let_go()

    async def aclose(self) -> None:
        """Close the connections."""
        self._queue.stop()
        self.connects.stop()
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
        while self.store.connects:
            at_ms, count = self.store.connects.popitem()
            self.connects.opened_earlier(count, now_s - (now_ms - at_ms) / 1000)
        known = self.store.now
        if known.limit is not None:
            self.limit_reading.take_over(known.limit, now_s - (now_ms - known.limit_at_ms) / 1000, now_s)
        left_s = known.left_ms(now_ms) / 1000
        if left_s > 0:
            kind = Banned if known.blocked_status == HTTP_BANNED else RateLimited
            self._blocked_by = kind(known.blocked_status, None, "an earlier process was blocked", left_s)
            self.budget.block(now_s + left_s)
            known.stamp(self._clock.boot(), round(now_s * 1000), now_ms)
            await self.store.saved()  # by this clock: nothing is sent for a while, so nothing else would be written
        self._queue.let_go()

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

    def _now_ms(self) -> int:
        """The wall clock as it was when first asked, gone on since: one that is set meanwhile changes nothing."""
        now_ms = self._clock.now_s() * 1000
        if self._wall_ahead_ms is None:
            self._wall_ahead_ms = self._clock.wall_ms() - now_ms
        return round(self._wall_ahead_ms + now_ms)

    def _stamp(self) -> None:
        self.store.now.stamp(self._clock.boot(), round(self._clock.now_s() * 1000), self._now_ms())

    # --- admission ------------------------------------------------------------------------------------------------------

    async def _admitted(self, weight: int, priority: Priority, risk: tuple[int, ...]) -> None:
        """Wait for room, and count what leaves then."""
        error = self._still_blocked()
        if error is not None:
            raise error
        await self._queue.admit(weight, priority, risk)
        now_ms = self._now_ms()
        self.store.now.forget(now_ms - round(self._window_s * 1000))
        self.store.now.spend(weight, now_ms)
        self._stamp()

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
            if response.status == 200:
                self.limit_reading.was_used(used)
        if response.status not in (403, 418, 429):  # 403 is the firewall, which never says how long.
            return
        if response.status == 429:
            self.limit_reading.doubt()
            self.store.now.limit, self.store.now.limit_at_ms = None, self._now_ms()  # nor does the next process know it
        error = responses.refusal(response)
        if isinstance(error, RateLimited):
            self._block(error, now_s)

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
        if refusal is not None:
            self._queue.refuse(refusal)
            self.connects.block(wait_s + BLOCK_MARGIN_S, refusal)


class Lane:
    """An `Http` that asks a limiter first. Closing it closes nothing: the limiter is shared."""

    __slots__ = ("_account", "_limiter", "_priority", "_risk")

    def __init__(
        self, limiter: RateLimiter, priority: Priority, risk: Callable[[], tuple[int, ...]], account: str
    ) -> None:
        self._limiter = limiter
        self._account = account
        self._priority = priority
        self._risk = risk

    async def send(self, request: Request, base_url: str) -> Response:
        """Send a request; see `RateLimiter.send`."""
        return await self._limiter.send(request, base_url, self._priority, self._risk(), self._account)

    async def send_made(self, weight: int, make: Callable[[], Request], base_url: str) -> Response:
        """Send a request that is made when it may leave; see `RateLimiter.send_made`."""
        return await self._limiter.send_made(weight, make, base_url, self._priority, self._risk())

    async def aclose(self) -> None:
        """Close nothing: a lane has nothing open."""


def weight_of(request: Request) -> int:
    """Return the weight that the venue will count for a request."""
    of_symbol = "&symbol=" in f"&{request.query}"
    return weight_at(request.path, of_symbol=of_symbol)


def weight_at(path: str, *, of_symbol: bool) -> int:
    """The same, before there is a request."""
    if path == venue.OPEN_ORDERS_PATH and not of_symbol:
        return venue.OPEN_ORDERS_ALL_WEIGHT
    return venue.WEIGHTS[path]


_shared: Final = PerLoop[str, RateLimiter]()


def share(place: Venue, clock: Clock) -> RateLimiter:
    """The limiter of this venue on this event loop. Give it back with `release`."""
    here = _shared.of(asyncio.get_running_loop())
    limiter = here.get(place.rest_url)
    if limiter is None:
        limiter = here[place.rest_url] = RateLimiter(clock, place)
    limiter.users += 1
    return limiter


def lend(limiter: RateLimiter, loop: asyncio.AbstractEventLoop) -> None:
    """Let all streams of a loop share this limiter. Whoever made it is one of its users: give it back with `release`."""
    _shared.of(loop)[limiter.store.now.venue] = limiter
    limiter.users += 1


async def release(limiter: RateLimiter) -> None:
    """One user less; the last one closes the connections."""
    limiter.users -= 1
    if limiter.users == 0:
        _shared.remove(limiter)
        await limiter.aclose()
