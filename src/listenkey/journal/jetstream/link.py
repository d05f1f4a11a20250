"""The seam to the server: requests out, replies in. `connection.py` is the one that ships; tests have a scripted one."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final, NamedTuple, Protocol

ANSWER_WITHIN_S: Final = 3.0
"""A request that is not answered by then was lost, or the servers choose a leader, which takes them five to nine seconds."""


class Reply(NamedTuple):
    """
    One message that came back.

    Attributes:
        status: The status of its first line, as `404`; empty where it has none.
        reply_to: Where it is acknowledged, of a message of a consumer.
    """

    status: str
    headers: Mapping[str, str]
    data: bytes
    reply_to: str = ""


class Outgoing(NamedTuple):
    """One message on its way out."""

    subject: str
    body: bytes
    headers: dict[str, str]


class Unanswered(Exception):
    """
    No reply came.

    Attributes:
        was_sent: Whether the request may have been carried out all the same.
    """

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class Link(Protocol):
    """A connection to the servers, shared by any number of accounts."""

    @property
    def where(self) -> str:
        """The servers, for people; without secrets."""

    def request(
        self,
        subject: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        within_s: float = ANSWER_WITHIN_S,
    ) -> Awaitable[Reply]:
        """Send a message and return the reply. Raises Unanswered."""

    def request_batch(self, messages: list[Outgoing], within_s: float = ANSWER_WITHIN_S) -> Awaitable[Reply]:
        """Send messages one right behind the other, and return the reply to the last. Raises Unanswered."""

    def request_many(self, subject: str, body: bytes, within_s: float = ANSWER_WITHIN_S) -> Awaitable[list[Reply]]:
        """Send a message and return the replies up to one that has a status. Raises Unanswered."""
