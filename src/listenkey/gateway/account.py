"""One account of the gateway: its stream, begun anew after what can be got over, and the feed of its items."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from listenkey.core.timing import Timing
from listenkey.credentials import Credentials, Secret
from listenkey.errors import (
    Corrupt,
    Fenced,
    JournalError,
    ListenKeyError,
    Refused,
    TransportError,
    UsageError,
    VenueDown,
)
from listenkey.gateway.elsewhere import Elsewhere
from listenkey.gateway.feed import Feed, Room
from listenkey.gateway.journals import Journals
from listenkey.gateway.known_keys import KnownKeys
from listenkey.gateway.shared_sockets.socket_pool import SocketPool
from listenkey.health import Health
from listenkey.items import GapOpened, Item
from listenkey.outcomes import GapCause
from listenkey.stream.driver import Driver
from listenkey.transport.runtime import Runtime
from listenkey.venue import Venue

log = logging.getLogger("listenkey")

AGAIN_AFTER_S: Final = {Fenced: 3.0, JournalError: 30.0, TransportError: 30.0, VenueDown: 30.0, Refused: 300.0}
"""
The wait before an account's stream is begun anew: a disk may be mended, servers may answer again, and a
key may be allowed from this address. A worker that stood
still may take an account once more that is another's by now, and lets go of it at once.
"""

ANOTHERS: Final = (
    "{}, and REST does not list the journal's trades for this key: it is another account's, and nothing of it was written. "
    "Give this account a key of its own again; another account is added under another name"
)

ARRIVED: Final = frozenset({"LIVE", "SETTLING", "DEGRADED"})
"""The statuses of a stream that has come through its start."""

LOSSES: Final = frozenset(
    {
        GapCause.EVENTS_STOPPED,
        GapCause.ORDER_DIFFERS,
        GapCause.POSITION_DIFFERS,
        GapCause.POSITION_UNEXPLAINED,
        GapCause.REST_SHOWS_MORE,
    }
)
"""The causes of gaps that say: the socket lived, and did not bring everything."""

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    The things that all accounts of a gateway share.

    Attributes:
        venue: Where they are.
        journals: Where their items go.
        runtime: The clock, the sockets and the threads.
        timing: Durations, at the venue's scale.
        room: What their feeds may keep.
        credentials: Reads the keys that a reference names; raises UsageError.
        known_keys: Knows which API key is which account's.
        pool: Gives them connections on sockets that they share; None where each has a socket of its own.
        are_shared: Whether other processes hold some of the accounts. Then none starts by itself.
    """

    venue: Venue
    journals: Journals
    runtime: Runtime
    timing: Timing
    room: Room
    credentials: Callable[[str], Credentials]
    known_keys: KnownKeys
    pool: SocketPool | None = None
    are_shared: bool = False


class GatewayAccount:
    """
    One account.

    Args:
        name: Its name, which items carry.
        key: Names its keys, and is not one.
        around: What it shares with the others.
        changed: Called when its status has changed.

    Attributes:
        name: As given.
        key: As given; another one after `rekey`.
        feed: Its items, for readers.
        has_begun: True once it is known what its journal holds, which is when readers may come.
        error: Why its stream has ended, for people; None while it runs.
        api_key: Its API key; None before it was read.
        same_as: The name of an account that the venue gave the same listen key before, so it is the same one; else None.
        elsewhere: The process that holds it where accounts are shared; None where it is this one.
    """

    __slots__ = (
        "_around",
        "_changed",
        "_driver",
        "_told",
        "_work",
        "api_key",
        "elsewhere",
        "error",
        "feed",
        "has_begun",
        "key",
        "name",
        "same_as",
    )

    def __init__(self, name: str, key: str, around: Surroundings, changed: Callable[[GatewayAccount], None]) -> None:
        self.name = name
        self.key = key
        self.has_begun = False
        self.error: str | None = None
        self.api_key: Secret | None = None
        self.same_as: str | None = None
        self.elsewhere = Elsewhere() if around.are_shared else None
        self.feed = Feed(self.read, 1, 0, around.room)
        self._around = around
        self._changed = changed
        self._driver: Driver | None = None
        self._told: tuple[object, ...] = ()
        self._work: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin its stream."""
        self.error = None
        self._work = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End its stream; what waits is written. Its readers stay."""
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.wait({work})

    async def aclose(self, moved: str | None = None) -> None:
        """
        End its stream and its feed.

        Args:
            moved: What readers are told where another process goes on with it; it may come back.
        """
        await self.stop()
        self.feed.end(moved, has_moved=moved is not None)
        if moved is not None:
            self.feed = Feed(
                self.read, 1, 0, self._around.room
            )  # Nobody may go on in the old one, past what others write.
            self.has_begun = False
            self.error = None

    async def rekey(self, key: str) -> None:
        """
        Go on with other keys of the same account.

        Raises:
            UsageError: They can't be read; the account goes on with those that it has.
        """
        self._around.credentials(key)
        has_started = self._work is not None
        await self.stop()
        self.key = key
        if has_started and self.elsewhere is None:  # Else its turn comes, and it begins with these; or it is another's.
            self.start()

    async def read(self, after: int, most: int) -> list[Item]:
        """Return items of its journal behind a number, at most so many. Raises TooOld where the first is not kept."""
        return await self._around.journals.read(self.name, after, most)

    async def cursor(self, consumer: str) -> int | None:
        """Return how far a consumer has come; None where it never committed."""
        return await self._around.journals.cursor(self.name, consumer)

    async def commit(self, consumer: str, seq: int) -> None:
        """Keep how far a consumer has come; when this returns, it is on the disk."""
        await self._around.journals.commit(self.name, consumer, seq)

    async def _run(self) -> None:
        """Run its stream, and begin it anew after an error that may pass."""
        while True:
            error = await self._ended()
            self.error = str(error)
            log.error("account %s: %s", self.name, error)
            self._tell()
            wait_s = again_after_s(error)
            if wait_s is None:
                return
            await asyncio.sleep(wait_s)
            self.error = None

    async def _ended(self) -> ListenKeyError:
        """Run its stream, and return what has ended it."""
        try:
            await self._stream()
        except ListenKeyError as error:
            return error
        except Exception as bug:  # the top of an account: a bug must not end the neighbours, nor be silent
            log.exception("account %s: a bug", self.name)
            return JournalError(f"a bug ended the stream ({type(bug).__name__}); the log has more")
        return JournalError("the stream has ended")

    async def _stream(self) -> None:
        around = self._around
        oldest_seq, last_seq = await around.journals.kept(self.name)
        self.feed.begin(oldest_seq, last_seq)
        self.has_begun = True
        credentials = around.credentials(self.key)
        self.api_key = credentials.api_key
        journal = around.journals.journal(self.name, on_items=self.feed.add_all if around.pool is None else self._take)
        journal.account_doubt = around.known_keys.doubt(self.name, credentials.api_key, last_seq)
        driver = self._driver = Driver(
            credentials,
            around.venue,
            self.name,
            around.timing,
            journal,
            around.journals.beside(self.name),
            around.runtime,
            closes_key=False,
        )
        driver.keys.proves_first = True
        driver.monitor.on_change = self._tell
        try:
            await driver.open()
            with suppress(StopAsyncIteration):
                await journal.next()  # The feed has the items, so this waits for the end.
        except UsageError:
            if not journal.account_doubt:
                raise
            raise UsageError(ANOTHERS.format(journal.account_doubt)) from None
        finally:
            await driver.aclose()
            self._driver = None

    def _take(self, items: list[Item]) -> None:
        """Hand items to the readers, and tell the pool of a loss on a socket that is shared."""
        self.feed.add_all(items)
        pool, key = self._around.pool, self.listen_key
        if pool is not None and key is not None:
            for item in items:
                if type(item) is GapOpened and item.cause in LOSSES:
                    pool.doubt(key)

    # --- status --------------------------------------------------------------------------------------------------

    @property
    def has_arrived(self) -> bool:
        """True where it came through its start, or can't."""
        return self.error is not None or (self._driver is not None and self._driver.monitor.status in ARRIVED)

    @property
    def is_complete(self) -> bool:
        """True where every fill until now is in its journal, as far as the socket and REST show."""
        return self._driver is not None and self.error is None and self._driver.monitor.health().fills_complete

    @property
    def risk(self) -> tuple[int, ...]:
        """Its priority among the accounts, the larger goes first; empty where that is not known."""
        return () if self._driver is None else self._driver.keys.risk

    @property
    def listen_key(self) -> Secret | None:
        """The key that the venue gave it; None before."""
        return None if self._driver is None else self._driver.life.listen_key.key

    @property
    def keys_on_socket(self) -> int:
        """The listen keys on its socket, its own included; 0 without a socket."""
        if self._around.pool is None:
            return int(self._driver is not None and self._driver.life.connections.followed is not None)
        return self._around.pool.keys_beside(self.listen_key)

    def health(self) -> Health:
        """Return how its stream is now."""
        if self.elsewhere is not None:
            if self.elsewhere.worker:
                return Health(status="ELSEWHERE", why=f"held by {self.elsewhere}")
            return Health(status="CONNECTING", why="no gateway holds it at the moment; one takes it within seconds")
        if self.error is not None:
            return Health(status="FAILED", why=self.error)
        if self._driver is None:
            return Health(status="CONNECTING", why="waits for its turn to start")
        return self._driver.monitor.health()

    def describe(self) -> dict[str, Any]:
        """Return all that is known of it as JSON: its health, with its name, its newest item and its readers."""
        return {
            "name": self.name,
            "seq": self.feed.last_seq,
            "key": self.key,
            "same_account_as": self.same_as,
            "owner": self.elsewhere.worker or None if self.elsewhere else None,
            "owner_url": self.elsewhere.url or None if self.elsewhere else None,
            "readers": self.feed.readers,
            "keys_on_socket": self.keys_on_socket,
            **self.health().to_dict(),
        }

    def _tell(self) -> None:
        """Tell readers and the gateway that its status has changed."""
        health = self.health()
        if self._driver is not None and health.status in ARRIVED and not health.account_doubt:
            assert self.api_key is not None
            self._around.known_keys.note(self.name, self.api_key)
        told = (health.status, health.status_since_ms, health.open_gap_from_ms, health.fills_complete)
        if told == self._told:
            return
        self._told = told
        self.feed.note_state(state_line(self.name, health))
        self._changed(self)


def state_line(name: str, health: Health) -> bytes:
    """Return the line that tells readers how an account is."""
    return _encode(
        {
            "kind": "state",
            "account": name,
            "status": health.status,
            "why": health.why,
            "status_since_ms": health.status_since_ms,
            "open_gap_from_ms": health.open_gap_from_ms,
            "fills_complete": health.fills_complete,
        }
    )


def again_after_s(error: ListenKeyError) -> float | None:
    """Return how long to wait before an account's stream is begun anew; None where that would change nothing."""
    if isinstance(error, Corrupt | UsageError):
        return None
    return next((wait_s for kind, wait_s in AGAIN_AFTER_S.items() if isinstance(error, kind)), None)
