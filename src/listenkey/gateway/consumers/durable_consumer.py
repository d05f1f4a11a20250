"""
A durable consumer on the servers: made, pulled from, set back to a number, and acknowledged.

One member at a time is pinned to it: the others' requests wait. A pin lapses when its member asks for nothing for a while.
Each request is answered as soon as there is anything, with what is there, up to a number of items.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from listenkey.errors import JournalError
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.journal.jetstream.api import ask
from listenkey.journal.jetstream.link import Link, Outgoing, Reply, Unanswered

PRIORITY_GROUP: Final = "members"
"""The servers allow sixteen letters."""

PIN_HEADER: Final = "Nats-Pin-Id"
WRONG_PIN: Final = "423"
NOT_NOW: Final = frozenset({"404", "408"})
"""Nothing there, or no longer: the request is over."""

TOO_LARGE: Final = "Message Size Exceeds MaxBytes"

NS: Final = 1_000_000_000
BATCH_ITEMS_MAX: Final = 256
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
"""The most that one request asks for. A message alone may have a mebibyte, unless the servers are told otherwise."""

ACK: Final = b"+ACK"
ACK_PENDING_MAX: Final = 4 * BATCH_ITEMS_MAX
ANSWER_BEHIND_S: Final = 1.0


class GroupTiming(NamedTuple):
    """
    The times of a group.

    Attributes:
        pull_s: How long a request waits for an item.
        pin_s: A pin lapses when its member asks for nothing for so long; well above `pull_s`.
        session_s: A member that is not heard of for so long is gone; whole seconds.
        ack_s: An item that is not acknowledged by then comes again, and is dropped where its effect was stored.
    """

    pull_s: float = 2.0
    pin_s: float = 6.0
    session_s: int = 6
    ack_s: float = 30.0


class PullLink(Link, Protocol):
    """A connection that can pull from a consumer."""

    def pull(self, subject: str, body: bytes, most: int, within_s: float) -> Awaitable[list[Reply]]:
        """Ask a consumer for so many messages; return them, and behind them the status if one came. Raises Unanswered."""

    def send(self, messages: Sequence[Outgoing]) -> Awaitable[None]:
        """Send messages that nobody answers. Raises Unanswered where there is no connection."""


class Pulled(NamedTuple):
    """
    The answer to a request for items.

    Attributes:
        messages: As they came.
        pin: The pin that they were given under; empty where none came.
        is_unpinned: Whether the pin that was named is no longer the one that counts.
    """

    messages: list[Reply]
    pin: str = ""
    is_unpinned: bool = False


_encode: Final = msgspec.json.Encoder().encode


class DurableConsumer:
    """
    The durable consumer of a group in one partition.

    Args:
        link: To the servers.
        partition: The partition.
        replicas: How many servers keep its state.
        timing: Of the group.
    """

    def __init__(self, link: PullLink, partition: GroupPartition, replicas: int, timing: GroupTiming) -> None:
        self._link = link
        self._partition = partition
        self._replicas = replicas
        self._timing = timing
        self._bytes_max: int | None = BATCH_BYTES_MAX

    async def make(self) -> None:
        """
        Make it, or give it these settings where it is there. Raises Unanswered, JournalError.

        It begins with the oldest item: only such a one can be set to any number.
        """
        partition = self._partition
        settings = {
            "name": partition.durable,
            "durable_name": partition.durable,
            "filter_subject": partition.subject,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(self._timing.ack_s * NS),
            "max_ack_pending": ACK_PENDING_MAX,
            "max_deliver": -1,
            "num_replicas": self._replicas,
            "priority_groups": [PRIORITY_GROUP],
            "priority_policy": "pinned_client",
            "priority_timeout": int(self._timing.pin_s * NS),
        }
        request = {"stream_name": partition.stream, "config": settings, "action": ""}
        await self._ask(f"CONSUMER.CREATE.{partition.stream}.{partition.durable}.{partition.subject}", request)

    async def pull(self, pin: str, most: int = BATCH_ITEMS_MAX) -> Pulled:
        """
        Ask for items, and return once there are any, or after a while without.

        Args:
            pin: The pin of this member; empty where it has none, and waits for one.
            most: How many items.

        Raises:
            Unanswered: No answer came; items may be on their way all the same.
            JournalError: It was refused.
        """
        request: dict[str, Any] = {
            "batch": most,
            "expires": int(self._timing.pull_s * NS),
            "no_wait": True,
            "group": PRIORITY_GROUP,
        }
        if pin:
            request["id"] = pin
        if self._bytes_max is not None and most > 1:
            request["max_bytes"] = self._bytes_max
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._partition.stream}.{self._partition.durable}"
        replies = await self._link.pull(subject, _encode(request), most, self._timing.pull_s + ANSWER_BEHIND_S)
        return self._pulled(replies)

    def _pulled(self, replies: list[Reply]) -> Pulled:
        messages = [reply for reply in replies if not reply.status]
        pin = next((reply.headers[PIN_HEADER] for reply in messages if PIN_HEADER in reply.headers), "")
        last = replies[-1]
        if last.status == WRONG_PIN:
            return Pulled([], is_unpinned=True)
        if last.status and last.status not in NOT_NOW and not messages:
            text = last.headers.get("Description", "")
            if text != TOO_LARGE:
                raise Unanswered(f"{last.status} {text}", was_sent=True)
            self._bytes_max = None
        return Pulled(messages, pin)

    async def set_to(self, stream_seq: int) -> None:
        """Go on with this number of the stream, whatever was given out. Raises Unanswered, JournalError."""
        partition = self._partition
        await self._ask(f"CONSUMER.RESET.{partition.stream}.{partition.durable}", {"seq": stream_seq})

    async def is_left(self) -> bool:
        """
        Return True where nobody is pinned, and items wait for the acknowledgement of a member that is gone.

        They would come again only much later, and a pin comes with an item. Raises Unanswered, JournalError.
        """
        partition = self._partition
        info = await self._ask(f"CONSUMER.INFO.{partition.stream}.{partition.durable}")
        is_pinned = any(group.get("pinned_client_id") for group in info.get("priority_groups", ()))
        return not is_pinned and info["num_ack_pending"] > 0

    async def unpin(self) -> None:
        """Give the pin back, so that another member need not wait. Raises Unanswered, JournalError."""
        partition = self._partition
        await self._ask(f"CONSUMER.UNPIN.{partition.stream}.{partition.durable}", {"group": PRIORITY_GROUP})

    async def acknowledge(self, messages: Sequence[Reply]) -> None:
        """Tell the servers that these need not come again. Raises Unanswered."""
        await self._link.send([Outgoing(message.reply_to, ACK, {}) for message in messages])

    async def _ask(self, subject: str, request: object | None = None) -> dict[str, Any]:
        try:
            return await ask(self._link, subject, request)
        except JournalError as error:
            raise JournalError(f"the consumer {self._partition.durable}: {error}") from None
