"""The servers of NATS as the journals of a process share them: one connection, opened for the first and closed after the last."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Sequence
from typing import Final

from listenkey.credentials import Secret
from listenkey.errors import UsageError
from listenkey.journal.jetstream.address import LogAddress
from listenkey.journal.jetstream.connection import LogConnection
from listenkey.journal.jetstream.link import ANSWER_WITHIN_S, Outgoing, Reply, Unanswered
from listenkey.journal.jetstream.provisioning import check_servers
from listenkey.key_sources.key_file import read_private

TOKEN_BYTES_MAX: Final = 4096


class LogServers:
    """
    The servers at an address.

    Args:
        address: Of the servers.
        worker: This process's name, for people who ask who owns an account.

    Attributes:
        address: Of the servers.
        worker: This process's name.
    """

    def __init__(self, address: LogAddress, worker: str | None = None) -> None:
        self.address = address
        self.worker = worker or f"{socket.gethostname()}:{os.getpid()}"
        self._connection: LogConnection | None = None
        self._users = 0
        self._lock = asyncio.Lock()

    @property
    def where(self) -> str:
        """The servers, for people."""
        return str(self.address)

    @property
    def _link(self) -> LogConnection:
        if self._connection is None:
            raise Unanswered(f"the connection to {self.where} is closed", was_sent=False)
        return self._connection

    def request(
        self, subject: str, body: bytes = b"", headers: dict[str, str] | None = None, within_s: float = ANSWER_WITHIN_S
    ) -> Awaitable[Reply]:
        """Send a message and return the reply. Raises Unanswered."""
        return self._link.request(subject, body, headers, within_s)

    def request_batch(self, messages: list[Outgoing], within_s: float = ANSWER_WITHIN_S) -> Awaitable[Reply]:
        """Send messages one right behind the other, and return the reply to the last. Raises Unanswered."""
        return self._link.request_batch(messages, within_s)

    def request_many(self, subject: str, body: bytes, within_s: float = ANSWER_WITHIN_S) -> Awaitable[list[Reply]]:
        """Send a message and return the replies up to one that has a status. Raises Unanswered."""
        return self._link.request_many(subject, body, within_s)

    def pull(self, subject: str, body: bytes, most: int, within_s: float) -> Awaitable[list[Reply]]:
        """Ask a consumer for so many messages; return them, and behind them the status if one came. Raises Unanswered."""
        return self._link.pull(subject, body, most, within_s)

    def send(self, messages: Sequence[Outgoing]) -> Awaitable[None]:
        """Send messages that nobody answers. Raises Unanswered where there is no connection."""
        return self._link.send(messages)

    async def acquire(self) -> None:
        """
        Use the connection; the first one opens it, and checks that the servers keep what they acknowledge.

        Raises:
            UsageError: The servers are not what the address asks for, or the package is missing.
            Unreachable: None answered.
            JournalError: They refused.
        """
        async with self._lock:
            if self._connection is None:
                connection = LogConnection(self.address.servers, server_token(self.address))
                try:
                    await connection.open()
                    await check_servers(connection, self.address)
                except BaseException:
                    await connection.aclose()
                    raise
                self._connection = connection
            self._users += 1

    async def release(self) -> None:
        """Use it no longer; the last one closes it."""
        async with self._lock:
            self._users -= 1
            if self._users == 0 and self._connection is not None:
                connection, self._connection = self._connection, None
                await connection.aclose()


def server_token(address: LogAddress) -> Secret | None:
    """Return the token that servers ask for, from its file; None where they ask for none. Raises UsageError."""
    path = address.token_file
    if path is None:
        return None
    text = read_private(path, TOKEN_BYTES_MAX).strip()
    if not text:
        raise UsageError(f"the token file {path} is empty")
    return Secret(text)
