"""
A connection to the servers of NATS: a thin layer over the connection of `nats-py`, shared by all accounts of a process.

It reconnects without end. A request fails at its deadline and is never kept for later: who asks decides what to do. Replies come
to one inbox; the pull and request helpers of nats-py are not used (see decisions/0013).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Sequence
from functools import partial
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final

from listenkey.credentials import Secret
from listenkey.errors import JournalError, Unreachable, UsageError
from listenkey.journal.jetstream.advice import advised
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.link import ANSWER_WITHIN_S, Outgoing, Reply, Unanswered

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

log = logging.getLogger("listenkey")

OPEN_WITHIN_S: Final = 10.0
RECONNECT_WAIT_S: Final = 0.2
PING_EVERY_S: Final = 5
"""Two of these without an answer end a connection to a server that hangs."""

SWEEP_EVERY_S: Final = 0.1
"""The interval at which waits that are over are found."""

TROUBLES_MAX: Final = 4
"""Different errors of a connection that is being opened, as they are told: the last one alone says least."""

NO_RESPONDERS: Final = "503"
STATUS: Final = "Status"
PENDING: Final = "Nats-Pending-Messages"

MISSING: Final = "a journal in NATS needs the package nats-py: pip install 'listenkey[nats]'"


class Waiter:
    """
    A request that waits for its replies.

    Args:
        until_s: When it is given up, by the loop's clock.
        most: The replies that it waits for, unless one with a status ends it before.
    """

    __slots__ = ("future", "most", "replies", "until_s")

    def __init__(self, until_s: float, most: float) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.until_s = until_s
        self.most = most
        self.replies: list[Reply] = []

    def take(self, reply: Reply) -> None:
        """Take a reply."""
        self.replies.append(reply)
        if (reply.status or len(self.replies) >= self.most) and not self.future.done():
            self.future.set_result(None)

    def give_up(self, reason: str, *, was_sent: bool) -> None:
        """End the wait without a reply."""
        if not self.future.done():
            self.future.set_exception(Unanswered(reason, was_sent=was_sent))


class PullWaiter(Waiter):
    """
    A request for a consumer's messages.

    With several replicas the status that ends it overtakes the messages, which wait until the others know of them. The status says
    how many of those that were asked for will not come.

    Attributes:
        end: The status, once it has come.
    """

    __slots__ = ("end",)

    def __init__(self, until_s: float, most: float) -> None:
        super().__init__(until_s, most)
        self.end: Reply | None = None

    def take(self, reply: Reply) -> None:
        """Take a message, or the status."""
        if reply.status:
            self.end = reply
            missing = reply.headers.get(PENDING, "")
            self.most = self.most - int(missing) if missing.isdigit() else 0
        else:
            self.replies.append(reply)
        if len(self.replies) >= self.most and not self.future.done():
            self.future.set_result(None)


class LogConnection:
    """
    A connection to one of several servers of a cluster.

    Args:
        servers: Their addresses, as `nats://host:4222`.
        token: What they ask for, where they ask for a token.

    Attributes:
        where: The servers, for people.
    """

    def __init__(self, servers: Sequence[str], token: Secret | None = None) -> None:
        self.where = ",".join(servers)
        self._servers = list(servers)
        self._token = token
        self._client: Client | None = None
        self._inbox = ""
        self._numbers = count(1)
        self._waiting: dict[str, Waiter] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._too_large: tuple[type[Exception], ...] = ()
        self._refusals: tuple[type[Exception], ...] = ()
        self._reopening: asyncio.Task[None] | None = None
        self._is_closed = False
        self._troubles: dict[str, None] = {}

    async def open(self, within_s: float = OPEN_WITHIN_S) -> None:
        """
        Connect to one of the servers.

        Raises:
            UsageError: The package is missing.
            Unreachable: None of them answered in time, or they refused.
        """
        self._troubles.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._connect()
        except TimeoutError:
            why = f" ({'; '.join(self._troubles)})" if self._troubles else ""
            text = f"no server of NATS took the connection within {within_s:g} s{why}"
            raise advised(Unreachable(self.where, text)) from None

    async def _connect(self) -> None:
        try:
            from nats.aio.client import Client  # noqa: PLC0415 - only who has a journal there needs the package
            from nats.errors import Error, MaxPayloadError  # noqa: PLC0415
        except ImportError:
            raise UsageError(MISSING) from None
        self._too_large, self._refusals = (MaxPayloadError,), (Error, OSError)
        client = Client()
        try:
            await client.connect(
                self._servers,
                name="listenkey",
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                closed_cb=self._on_closed,
                reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]
                max_reconnect_attempts=-1,
                ping_interval=PING_EVERY_S,
                pending_size=0,  # Nothing is kept for later: it is sent again by who sent it.
                skip_subject_validation=True,
                token=None if self._token is None else self._token.reveal(),
            )
            self._inbox = f"_INBOX.{secrets.token_hex(11)}."
            await client.subscribe(f"{self._inbox}*", cb=self._on_reply)
        except BaseException:
            await client.close()
            raise
        self._client = client

    async def aclose(self) -> None:
        """Disconnect; requests that wait are given up."""
        self._is_closed = True
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.wait({self._reopening})
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        self._give_up("the connection was closed")
        if self._sweeping is not None:
            self._sweeping.cancel()

    # --- requests ------------------------------------------------------------------------------------------------

    async def request(
        self, subject: str, body: bytes = b"", headers: dict[str, str] | None = None, within_s: float = ANSWER_WITHIN_S
    ) -> Reply:
        """Send a message and return the reply. Raises Unanswered."""
        return (await self._ask([Outgoing(subject, body, headers or {})], within_s))[0]

    async def request_batch(self, messages: list[Outgoing], within_s: float = ANSWER_WITHIN_S) -> Reply:
        """Send messages one right behind the other, and return the reply to the last. Raises Unanswered."""
        return (await self._ask(messages, within_s))[0]

    async def request_many(self, subject: str, body: bytes, within_s: float = ANSWER_WITHIN_S) -> list[Reply]:
        """Send a message and return the replies up to one that has a status. Raises Unanswered."""
        return await self._ask([Outgoing(subject, body, {})], within_s, inf)

    async def pull(self, subject: str, body: bytes, most: int, within_s: float) -> list[Reply]:
        """
        Ask a consumer for so many messages; return them, and behind them the status if one came. Raises Unanswered.

        Messages of a consumer come under the subject that they were published to, so each request has an inbox of its own.
        """
        client = self._connected()
        token = f"pull.{next(self._numbers)}"
        try:
            subscription = await client.subscribe(self._inbox + token, cb=partial(self._take, token))
        except self._refusals as error:
            raise Unanswered(f"it could not be sent: {error}", was_sent=False) from None
        try:
            waiter = PullWaiter(asyncio.get_running_loop().time() + within_s, most)
            messages = await self._exchange(client, [Outgoing(subject, body, {})], token, waiter)
            return messages if waiter.end is None else [*messages, waiter.end]
        finally:
            with contextlib.suppress(*self._refusals):
                await subscription.unsubscribe()

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send messages that nobody answers. Raises Unanswered where there is no connection."""
        client = self._connected()
        try:
            for message in messages:
                await client.publish(message.subject, message.body, headers=message.headers or None)
        except self._refusals as error:
            raise Unanswered(f"it could not be sent: {error}", was_sent=True) from None

    def _connected(self) -> Client:
        client = self._client
        if client is None or not client.is_connected:
            raise Unanswered(f"no connection to {self.where}", was_sent=False)
        return client

    async def _ask(self, messages: Sequence[Outgoing], within_s: float, most: float = 1) -> list[Reply]:
        waiter = Waiter(asyncio.get_running_loop().time() + within_s, most)
        return await self._exchange(self._connected(), messages, str(next(self._numbers)), waiter)

    async def _exchange(self, client: Client, messages: Sequence[Outgoing], token: str, waiter: Waiter) -> list[Reply]:
        self._waiting[token] = waiter
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_EVERY_S, self._sweep)
        try:
            for message in messages[:-1]:
                await client.publish(message.subject, message.body, headers=message.headers or None)
            last = messages[-1]
            await client.publish(last.subject, last.body, self._inbox + token, last.headers or None)
            await waiter.future
        except self._too_large:
            advice = "raise max_payload in the servers' configuration"
            text = f"{self.where} takes no message above {client.max_payload} bytes; {advice}"
            raise advised(JournalError(text), advice) from None
        except self._refusals as error:
            raise Unanswered(f"it could not be sent: {error}", was_sent=True) from None
        finally:
            del self._waiting[token]
        return waiter.replies

    def _sweep(self) -> None:
        """Give up what has waited too long. One timer for all: one for each request would be a fifth of its cost."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for waiter in list(self._waiting.values()):
            if now_s >= waiter.until_s:
                waiter.give_up("no answer in time", was_sent=True)
        self._sweeping = loop.call_later(SWEEP_EVERY_S, self._sweep) if self._waiting else None

    # --- what nats-py calls --------------------------------------------------------------------------------------

    async def _on_reply(self, message: Msg) -> None:
        await self._take(message.subject.rpartition(".")[2], message)

    async def _take(self, token: str, message: Msg) -> None:
        waiter = self._waiting.get(token)
        if waiter is None:
            return  # It came behind its deadline.
        headers: dict[str, str] = message.headers or {}
        status = headers.get(STATUS, "")
        if status == NO_RESPONDERS and not message.data:
            waiter.give_up("nobody answers there: the servers may be choosing a leader", was_sent=False)
        else:
            waiter.take(Reply(status, headers, message.data, message.reply))

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        log.debug("%s: %s", self.where, text)
        if len(self._troubles) < TROUBLES_MAX:
            self._troubles[text] = None

    async def _on_disconnected(self) -> None:
        """Give up what waits: its replies would have come by the connection that is gone."""
        self._give_up("the connection was lost")

    def _give_up(self, reason: str) -> None:
        for waiter in list(self._waiting.values()):
            waiter.give_up(reason, was_sent=True)

    async def _on_closed(self) -> None:
        """Connect anew where nats-py has given up: after an error of the protocol, for example."""
        if not self._is_closed and self._client is not None and self._reopening is None:
            self._client = None
            self._give_up("the connection was closed")
            self._reopening = asyncio.get_running_loop().create_task(self._reopen())

    async def _reopen(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            if await _opened(self):
                break
        self._reopening = None


async def _opened(connection: LogConnection) -> bool:
    """Try to connect; a bug must not leave all accounts without their journal in silence."""
    try:
        await connection.open()
    except Unreachable:
        return False
    except Exception:  # the top of a task: it is tried again
        log.exception("a bug in connecting to NATS; it is tried again")
        return False
    return True
