"""Proof that a secret belongs to its API key, and the key to a journal's account: before a stream says that it is live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from listenkey.core.budget import Priority
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, Refused, UsageError, VenueError
from listenkey.rest import rate_limiter
from listenkey.rest.account_client import AccountClient
from listenkey.transport.clock import SystemClock
from listenkey.venue import Venue

TRY_WITHIN_S: Final = 5.0
"""The time limit of the secret's test read. A slow REST must not keep a stream from going live."""


FILLS_TESTED_MAX: Final = 3
"""The fills that are looked for. One would do, but contracts end, and REST refuses to list them then."""

SHOWN_AFTER_S: Final = 60.0
"""The age from which a fill that REST does not list proves something. REST may lag."""

NEAR_MS: Final = 1_000
"""The time of a trade by the socket and by REST may differ by so much."""

KEPT_MARGIN_S: Final = 24 * 3600.0
"""The last part of the time for which REST keeps trades. A list asked for from too early is refused as a whole."""


class SecretProof:
    """
    Tests an account's secret or private key, until it is known to be right.

    Args:
        snapshots: The account's signed reads.

    Attributes:
        is_proven: Whether REST took a signature; any signed read shows it.
    """

    def __init__(self, snapshots: AccountClient) -> None:
        self._snapshots = snapshots
        self._trying = asyncio.Lock()
        self.is_proven = False

    async def try_once(self) -> str:
        """
        Sign one cheap read, unless one was answered before. Weight 1, and 1 for the venue's time where that is due.

        Returns:
            Why it could not be tried, for people; empty where the secret is right.

        Raises:
            Refused: The secret is not the API key's, or the key may not read.
        """
        async with self._trying:
            if self.is_proven:
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
            self.is_proven = True
            return ""


class DeliveredFill(NamedTuple):
    """A fill that is in the journal; `time_ms` by the venue's clock."""

    symbol: str
    trade_id: int
    order_id: int
    time_ms: int


class AccountProof:
    """
    Tests whether an API key belongs to a journal's account, until that is known.

    No answer of the venue names an account. But `userTrades` lists the account's own trades, so it has the orders of the
    journal's fills, or the key is another account's. What REST may not list yet, or no more, proves nothing.

    Args:
        snapshots: The signed reads of the key.
        fills: Fills of the journal, the newest first.
        doubt: The reason to test, for people.
        account: The journal's name for its account.
        shown_after_ms: The age of a fill, by the venue's clock, from which on REST shows it.

    Attributes:
        doubt: The same until the key is proven to be right, then empty.
        is_pending: True where the last test found nothing out, and a later one will.
    """

    def __init__(
        self, snapshots: AccountClient, fills: Sequence[DeliveredFill], doubt: str, account: str, shown_after_ms: int
    ) -> None:
        self.doubt = doubt
        self.is_pending = False
        self._snapshots = snapshots
        self._fills = fills
        self._account = account
        self._shown_after_ms = shown_after_ms

    async def try_once(self) -> None:
        """
        Ask for trades of at most three contracts, unless the key is proven. Weight 5 each.

        Raises:
            UsageError: It is another account's key.
            Refused: The key may not read.
        """
        if not self.doubt:
            return
        try:
            async with asyncio.timeout(TRY_WITHIN_S):
                is_of_account = await self._is_of_account()
        except Refused:
            raise
        except (ListenKeyError, TimeoutError):
            self.is_pending = True
            return  # The doubt stays, and the next listen key, or its renewal, is another occasion.
        if is_of_account is False:
            raise UsageError(
                f"{self.doubt}, and REST does not list the journal's trades for this key: it is another account's. "
                f"Give each account a journal of its own. If it is the same account, name it: account={self._account!r} "
                "(--account)"
            )
        if is_of_account:
            self.doubt = ""
            self.is_pending = False

    async def _is_of_account(self) -> bool | None:
        """Return True where REST lists an order of the journal, False where it should and does not, else None."""
        is_of_account = None
        self.is_pending = False
        for fill in self._tested():
            try:
                page = await self._snapshots.user_trades(fill.symbol, from_ms=fill.time_ms - NEAR_MS)
            except VenueError as error:
                if type(error) is not VenueError:
                    raise
                continue  # It lists a contract no more that is over; that of another may.
            # By the order, as the socket and REST are only taken to mean the same by a trade id.
            if any(row.fill.order_id == fill.order_id for row in page):
                return True
            if page.unreadable:
                continue  # Any of these may be it.
            if self._age_ms(fill) >= self._shown_after_ms:
                is_of_account = False
            else:
                self.is_pending = True
        return is_of_account

    def _tested(self) -> list[DeliveredFill]:
        """Return a few fills that REST should list, each of another contract; else younger ones."""
        kept_ms = round((self._snapshots.limits.trades_kept_s - KEPT_MARGIN_S) * 1000)
        listed: dict[str, DeliveredFill] = {}
        for fill in self._fills:
            if self._shown_after_ms <= self._age_ms(fill) <= kept_ms:
                listed.setdefault(fill.symbol, fill)
        return list((listed or {fill.symbol: fill for fill in self._fills}).values())[:FILLS_TESTED_MAX]

    def _age_ms(self, fill: DeliveredFill) -> int:
        return self._snapshots.now_ms() - fill.time_ms


async def prove(credentials: Credentials, place: Venue) -> None:
    """
    Sign one read for an account, with no stream.

    Raises:
        Refused: The secret is not the API key's, or the key may not read.
        ListenKeyError: It could not be tried.
    """
    clock = SystemClock()
    limiter = rate_limiter.share(place, clock)
    try:
        await AccountClient(credentials, place.rest_url, limiter.lane(Priority.KEYS), clock, limiter.time).prove()
    finally:
        await rate_limiter.release(limiter)
