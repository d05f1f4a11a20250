"""
Create, keep alive and share the listen keys of an account.

Listen keys were retired on sibling products in 2026, and options may follow: then what opens a stream stands here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from listenkey.core.budget import Priority
from listenkey.core.retry_policy import classify
from listenkey.credentials import Secret
from listenkey.errors import Banned, KeyUnknown, RateLimited
from listenkey.rest import rate_limiter
from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
from listenkey.rest.rate_limit_store import weight_path
from listenkey.rest.rate_limiter import RateLimiter
from listenkey.transport.clock import Clock
from listenkey.transport.per_loop import PerLoop
from listenkey.venue import Attach, Code, Venue

T = TypeVar("T")

JUST_NOW_S: Final = 1.0
"""The age below which a key counts as new for a stream that needs another than the dead one."""


class Grant(NamedTuple):
    """
    The right to a stream.

    Attributes:
        key: What proves it; secret.
        valid_for_s: How long by the venue's answer, or None where the answer did not say.
    """

    key: Secret
    valid_for_s: float | None


class Attachment(NamedTuple):
    """
    The way to attach a socket to a listen key.

    Attributes:
        url: Where to connect; may hold the key, so it is never shown.
        request: What to send then, or None where the URL says it all.
        request_id: The `id` of that request, which its answer repeats.
    """

    url: str
    request: bytes | None
    request_id: int

    def __repr__(self) -> str:
        return f"Attachment(request_id={self.request_id})"  # a traceback with locals shows this, and no key


class ListenKeys:
    """
    Listen keys of one account, shared by all streams of the account in this process.

    A key belongs to the account, so two streams of one account must not work against each other: whoever asks for a
    key while another is asking gets the same answer, one renewal serves all, and when one learns of a new key all are
    told. Got by `share`, given back by `release`.

    Attributes:
        risk: Says what is at stake for the account; the larger goes first.
    """

    def __init__(
        self, api: AsyncUserDataStreamsApi, venue: Venue, clock: Clock, limiter: RateLimiter | None = None
    ) -> None:
        self.api = api
        self._limiter = limiter
        self.users = 0
        self._venue = venue
        self._clock = clock
        # Two, so that a PUT which hangs does not keep those waiting who need a new key.
        self._creating = asyncio.Lock()
        self._renewing = asyncio.Lock()
        self.listeners: list[Callable[[Secret], None]] = []
        self.risk: Callable[[], tuple[int, ...]] = tuple
        self._grant: Grant | None = None
        self._granted_s = 0.0  # when POST last answered
        self._proven_s = 0.0  # when what last showed the key alive was asked
        self._silent_until_s = 0.0  # nothing is asked before
        self._silenced_by: RateLimited | None = None

    async def create(self, stale: Secret | None) -> Grant:
        """POST, unless another stream has just got a key that is not the dead one."""
        # Whoever is told that its key was replaced asks a moment after the answer that told it.
        asked_s = self._clock.now_s() - (0.0 if stale is None else JUST_NOW_S)
        async with self._creating:
            if self._grant is not None and self._grant.key != stale and self._granted_s >= asked_s:
                return self._grant  # it came while we waited for our turn
            return await self._post()

    async def renew(self, key: Secret, since_s: float) -> float:
        """
        PUT, and POST to see which key that was; unless another stream's renewal has shown the same already.

        PUT names no key: it prolongs the one the account has, and succeeds when ours is dead and another program of
        the account has got a new one. POST answers with that key, and costs the same.

        Raises:
            KeyUnknown: The account's key is another one; `key` is dead.
        """
        async with self._renewing:
            if self._grant is not None and self._grant.key == key and self._proven_s >= since_s:
                return self._proven_s
            asked_s = self._clock.now_s()
            if self._grant is None or self._grant.key == key:
                await self._ask(self.api.options_update_listen_key_v1)
                async with self._creating:
                    await self._post()
            if self._grant is None or self._grant.key != key:
                raise replaced_error()
            self._proven_s = asked_s
            return asked_s

    async def _post(self) -> Grant:
        """POST for the account's key; it may have been created before, by another program."""
        asked_s = self._clock.now_s()
        answer = await self._ask(self.api.options_create_listen_key_v1)
        valid_for_s = None
        if answer.expiration is not None:
            valid_for_s = (answer.expiration - self._clock.wall_ms()) / 1000 / self._venue.time_scale
        before, grant = self._grant, Grant(Secret(answer.listen_key), valid_for_s)
        self._grant = grant
        self._proven_s = asked_s
        self._granted_s = self._clock.now_s()
        if before is not None and before.key != grant.key:
            for replaced in tuple(self.listeners):
                replaced(before.key)
        return grant

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """
        One request, unless the venue has asked for silence and the time is not over: then the same error again.

        Every stream of the account would otherwise find out for itself, with a request each, and a reconnect would
        not know of the wait that a renewal was told. Going on after 429 leads to 418, and in it to longer bans.
        """
        left_s = self._silent_until_s - self._clock.now_s()
        if left_s > 0 and self._silenced_by is not None:
            raise self._silenced_by.with_wait(left_s)
        try:
            return await call()
        except RateLimited as error:
            self._silent_until_s = self._clock.now_s() + classify(error, self._clock.wall_ms()).wait_s
            self._silenced_by = error
            raise

    async def may_connect(self) -> None:
        """Wait until the account's socket may be opened. Raises RateLimited where the venue wants silence."""
        if self._limiter is not None:
            await self._limiter.may_connect(self.risk())

    def socket_opened(self) -> None:
        """Note that the account's socket has come up."""
        if self._limiter is not None:
            self._limiter.connects.opened()

    def refused(self, error: RateLimited) -> None:
        """The venue has refused a socket to this address: a ban holds for every request, a limit for sockets alone."""
        if self._limiter is None:
            return
        if isinstance(error, Banned):
            self._limiter.refused(error)
        else:
            self._limiter.connects.block(classify(error, self._clock.wall_ms()).wait_s, error)

    def silence(self) -> str | None:
        """Return the time until which the venue wants no requests of this address, for people; None without one."""
        return None if self._limiter is None else self._limiter.silence()

    async def close(self, key: Secret) -> None:  # noqa: ARG002 - DELETE names no key
        """DELETE: the key ends for everybody who uses it. Nothing is sent while another stream here uses it."""
        if self.users > 1:
            return
        async with self._creating:
            self._grant = None
            with suppress(KeyUnknown):  # Somebody else was quicker.
                await self.api.options_delete_listen_key_v1()

    def write_down(self, beside: Path | None) -> None:
        """Write down sent requests beside this journal, too."""
        if beside is not None and self._limiter is not None:
            self._limiter.store.keep_in(weight_path(beside))

    async def release(self, beside: Path | None = None, replaced: Callable[[Secret], None] | None = None) -> None:
        """Count one stream less; the last one closes the connection to the REST API."""
        if replaced is not None:
            self.listeners.remove(replaced)
        self.users -= 1
        async with AsyncExitStack() as to_close:  # Each step is done, also where one before it fails or is cancelled.
            if self.users == 0:
                _shared.remove(self)
                if self._limiter is not None:
                    to_close.push_async_callback(rate_limiter.release, self._limiter)
                to_close.push_async_callback(self.api.close)
            if beside is not None and self._limiter is not None:
                to_close.push_async_callback(self._limiter.store.leave, weight_path(beside))

    def attachment(self, key: Secret, request_id: int, venue: Venue) -> Attachment:
        """Attach in the form that the venue's description names; see `venue.Attach`."""
        base, text = venue.ws_url, quote(key.reveal(), safe="")
        match venue.attach:
            case Attach.SUBSCRIBE:
                request = {"method": "SUBSCRIBE", "params": [key.reveal()], "id": request_id}
                return Attachment(f"{base}/private/stream", msgspec.json.encode(request), request_id)
            case Attach.PATH:
                url = f"{base}/private/ws/{text}"
            case Attach.QUERY:
                url = f"{base}/private/ws?listenKey={text}"
            case Attach.STREAMS:
                url = f"{base}/private/stream?streams={text}"
            case Attach.LEGACY_PATH:
                url = f"{base}/ws/{text}"
        return Attachment(url, None, request_id)


def replaced_error() -> KeyUnknown:
    """Return the error for a key that the venue has replaced by another: it is treated as a dead key."""
    return KeyUnknown(400, Code.INVALID_LISTEN_KEY, "the account has another listen key")


_shared: Final = PerLoop[tuple[str, Secret], ListenKeys]()


def share(
    venue: Venue,
    api_key: Secret,
    clock: Clock,
    beside: Path | None = None,
    replaced: Callable[[Secret], None] | None = None,
) -> ListenKeys:
    """
    The listen keys of this account, the same for every stream of it on this event loop.

    Args:
        venue: Where they hold.
        api_key: The account's.
        clock: For all times.
        beside: The stream's journal: what is sent is written down beside it, for the next process.
        replaced: Told of each key that the venue has replaced by another, whoever learnt of it; the stream's own
            renewal would learn it minutes later.

    Give them back with `release`.
    """
    here = _shared.of(asyncio.get_running_loop())
    place = (venue.rest_url, api_key)
    keys = here.get(place)
    if keys is None:
        limiter = rate_limiter.share(venue, clock)
        http = limiter.lane(Priority.KEYS, lambda: here[place].risk(), api_key.fingerprint())  # noqa: PLW0108 - made below
        api = AsyncUserDataStreamsApi(api_key=api_key.reveal(), base_url=venue.rest_url, http=http)
        keys = here[place] = ListenKeys(api, venue, clock, limiter)
    keys.users += 1
    if replaced is not None:
        keys.listeners.append(replaced)
    keys.write_down(beside)
    return keys
