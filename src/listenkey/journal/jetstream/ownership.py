"""
The one process that may write an account's items: the holder of the newest ownership record.

The record stands in the stream of the items. Its number there is the fencing token: each publish of an item names it, and
the stream refuses the item where the record is another one by now. Safety needs no clock and no lease; a lease only says
who should try to become the owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from listenkey.errors import JournalError
from listenkey.journal.jetstream.advice import advised
from listenkey.journal.jetstream.answers import MOMENT_S, RETRY_S, WRONG_LAST_SEQUENCE, answer_of
from listenkey.journal.jetstream.api import newest
from listenkey.journal.jetstream.fact_cell import EXPECTED
from listenkey.journal.jetstream.link import Link, Unanswered
from listenkey.journal.jetstream.names import AccountNames

OF_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence-Subject"
MESSAGE_ID: Final = "Nats-Msg-Id"
TIME_TO_LIVE: Final = "Nats-TTL"


class OwnershipRecord(msgspec.Struct, frozen=True):
    """
    An account's owner.

    Attributes:
        worker: Which process, for people: its machine and number, or the name it was given.
        nonce: Drawn anew for each taking, so that an owner knows its own record.
        account: The account's name.
        since_ms: When it was taken, by the owner's clock.
    """

    worker: str
    nonce: str
    account: str
    since_ms: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(OwnershipRecord).decode


def fence(names: AccountNames, token: int) -> dict[str, str]:
    """Return the headers by which a publish is refused once somebody else owns the account."""
    return {EXPECTED: str(token), OF_SUBJECT: names.owner}


async def owner_of(link: Link, names: AccountNames) -> tuple[int, OwnershipRecord | None]:
    """
    Return the token and the record of an account's owner; 0 and None where nobody ever was.

    Raises:
        Unanswered: No reply came.
        JournalError: It was refused.
    """
    found = await newest(link, names.names.stream, names.owner)
    if found is None:
        return 0, None
    try:
        return found.seq, _decode(found.data)
    except msgspec.DecodeError:
        return found.seq, None


async def take_ownership(
    link: Link, names: AccountNames, record: OwnershipRecord, on_trouble: Callable[[str], None]
) -> int:
    """
    Become the owner, whoever that is by now, and return the fencing token. Goes on until it is done.

    Args:
        link: To the servers.
        names: Of the account.
        record: With a nonce that no other try has.
        on_trouble: Told why it is not done yet.

    Raises:
        JournalError: The server refused for a reason that does not pass.
    """
    body = _encode(record)
    while True:
        try:
            before, holder = await owner_of(link, names)
            if holder == record:
                return before  # An earlier try was carried out, and its answer was lost.
            headers = {EXPECTED: str(before), MESSAGE_ID: record.nonce, TIME_TO_LIVE: "never"}
            answer = answer_of((await link.request(names.owner, body, headers)).data)
        except Unanswered as error:
            on_trouble(str(error))
            await asyncio.sleep(RETRY_S)
            continue
        if answer.error is None and not answer.duplicate:
            return answer.seq
        if answer.error is not None and answer.code != WRONG_LAST_SEQUENCE and answer.error.code < 409:
            raise advised(JournalError(f"{link.where} refused the ownership record: {answer.text}"))
        on_trouble(answer.text)
        await asyncio.sleep(MOMENT_S)
