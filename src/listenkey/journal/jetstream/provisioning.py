"""Make the stream and the buckets on the servers, and check that they keep what they acknowledge."""

from __future__ import annotations

import asyncio
import http.client
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from listenkey.errors import JournalError, TimedOut, UsageError
from listenkey.journal.jetstream.address import LogAddress
from listenkey.journal.jetstream.advice import advised
from listenkey.journal.jetstream.answers import RETRY_S, Answer, answer_of
from listenkey.journal.jetstream.api import ask
from listenkey.journal.jetstream.link import Link, Unanswered
from listenkey.journal.jetstream.requirements import (
    DAYS_KEPT,
    STREAM_BYTES_MAX,
    Lacking,
    bucket_settings,
    lacking_in_level,
    lacking_in_stream,
    lacking_in_sync,
    refusal,
    stream_settings,
)

SET_UP_WITHIN_S: Final = 30.0
"""Servers that have just begun choose their leaders first; a split vote takes them eight seconds."""

MONITOR_WITHIN_S: Final = 3.0
MONITOR_BYTES_MAX: Final = 1024 * 1024

SET_WITHIN_S: Final = 10.0
SERVER_ERROR: Final = 500
T = TypeVar("T")
_encode: Final = msgspec.json.Encoder().encode


NO_STORAGE: Final = 10047
ONE_SERVER: Final = 10074
IN_USE: Final = 10058
"""A stream of that name is there with other settings."""


async def check_servers(link: Link, address: LogAddress) -> None:
    """
    Refuse servers that may lose what they acknowledged, unless that is accepted by name.

    Raises:
        UsageError: They may.
        JournalError: They refused to say, or have no stream.
        TimedOut: They did not answer.
    """
    info = await _patiently(lambda: ask(link, "INFO"))
    stream = await _patiently(lambda: ask(link, f"STREAM.INFO.{address.names.stream}"))
    _refuse([*lacking_in_level(info), *lacking_in_stream(stream["config"], address), *await _sync_of(address)], address)


async def make_streams(
    link: Link, address: LogAddress, days: float = DAYS_KEPT, bytes_max: int = STREAM_BYTES_MAX
) -> None:
    """
    Make the stream and the buckets, or give them these settings where they are there: the work of `gateway init`.

    Args:
        link: To the servers.
        address: Says how many replicas, and what is given up.
        days: How long items are kept.
        bytes_max: How much they may take in all; when it is full, nothing more is taken until an item is old enough.

    Raises:
        UsageError: The servers may lose what they acknowledge; nothing was made.
        JournalError: They refused.
        TimedOut: They did not answer.
    """
    info = await _patiently(lambda: ask(link, "INFO"))
    _refuse([*lacking_in_level(info), *await _sync_of(address)], address)
    settings = [
        stream_settings(address, days, bytes_max),
        *(bucket_settings(address, bucket) for bucket in address.names.buckets),
    ]
    for one in settings:
        await _patiently(partial(_make, link, one))
    stream = await _patiently(lambda: ask(link, f"STREAM.INFO.{address.names.stream}"))
    _refuse([*lacking_in_stream(stream["config"], address)], address)


async def _make(link: Link, settings: dict[str, Any]) -> None:
    answer = await _set(link, "CREATE", settings)
    if answer.code == IN_USE:
        answer = await _set(link, "UPDATE", settings)
    if answer.error is None:
        return
    if answer.code == ONE_SERVER:
        advice = "begin a cluster, or put replicas=1 into the address of the journal"
        text = f"{link.where} is one server, and can't keep {settings['num_replicas']} replicas; {advice}"
        raise advised(JournalError(text), advice)
    if answer.code == NO_STORAGE:
        advice = "give a smaller limit (`listenkey gateway init --gib N`), or the servers a larger disk"
        text = f"{link.where} has no room for a stream of {settings['max_bytes']} bytes; {advice}"
        raise advised(JournalError(text), advice)
    if answer.error.code >= SERVER_ERROR:
        raise Unanswered(answer.text, was_sent=True)
    raise advised(JournalError(f"{link.where} refused the stream {settings['name']}: {answer.text}"))


async def _set(link: Link, verb: str, settings: dict[str, Any]) -> Answer:
    subject = f"$JS.API.STREAM.{verb}.{settings['name']}"
    return answer_of((await link.request(subject, _encode(settings), within_s=SET_WITHIN_S)).data)


def _refuse(lacking: Sequence[Lacking], address: LogAddress) -> None:
    if why := refusal(lacking, address.accepted):
        raise UsageError(why)


async def _patiently(do: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer: servers that have just begun choose their leaders first."""
    until_s = asyncio.get_running_loop().time() + SET_UP_WITHIN_S
    while True:
        try:
            return await do()
        except Unanswered as error:
            if asyncio.get_running_loop().time() > until_s:
                raise advised(TimedOut(f"JetStream: {error}", SET_UP_WITHIN_S)) from None
        await asyncio.sleep(RETRY_S)


async def _sync_of(address: LogAddress) -> list[Lacking]:
    """Ask each monitor how its server writes."""
    answers = await asyncio.gather(*(asyncio.to_thread(_monitor, one) for one in address.monitors))
    return list(lacking_in_sync(list(zip(address.monitors, answers, strict=True))))


def _monitor(where: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"{where}/jsz", timeout=MONITOR_WITHIN_S) as answer:  # noqa: S310 - http or https, see `address.py`
            told = msgspec.json.decode(answer.read(MONITOR_BYTES_MAX), type=dict[str, Any])
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return told
