"""Proof that a secret belongs to its API key: one signed read, before a stream says that it is live."""

from __future__ import annotations

import asyncio
from typing import Final

from listenkey import governor as governors
from listenkey.clock import SystemClock
from listenkey.core.budget import Share
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, Refused
from listenkey.snapshots import Snapshots
from listenkey.venue import Venue

TRY_WITHIN_S: Final = 5.0
"""The time limit of the secret's test read. A slow REST must not keep a stream from going live."""


class SecretProof:
    """
    Tests an account's secret or private key, until it is known to be right.

    Args:
        snapshots: The account's signed reads.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._trying = asyncio.Lock()
        self._is_proven = False

    async def try_once(self) -> str:
        """
        Sign one cheap read, unless one was answered before. Weight 1, and 1 for the venue's time where that is due.

        Returns:
            Why it could not be tried, for people; empty where the secret is right.

        Raises:
            Refused: The secret is not the API key's, or the key may not read.
        """
        async with self._trying:
            if self._is_proven:
                return ""
            try:
                async with asyncio.timeout(TRY_WITHIN_S):
                    await self._snapshots.prove()
            except Refused:
                raise
            except ListenKeyError as error:
                return f"the secret could not be tried yet: {error}"
            except TimeoutError:
                return f"the secret could not be tried yet: no answer within {TRY_WITHIN_S:g} s"
            self._is_proven = True
            return ""


async def prove(credentials: Credentials, place: Venue) -> None:
    """
    Sign one read for an account, with no stream.

    Raises:
        Refused: The secret is not the API key's, or the key may not read.
        ListenKeyError: It could not be tried.
    """
    clock = SystemClock()
    governor = governors.share(place, clock)
    try:
        await Snapshots(credentials, place.rest_url, governor.lane(Share.KEYS), clock, governor.time).prove()
    finally:
        await governors.release(governor)
