"""One stream's use of the account's listen keys, which it shares with other streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.retry_policy import classify
from listenkey.credentials import Secret
from listenkey.errors import ListenKeyError, ProtocolError, RateLimited, UsageError
from listenkey.rest.bounded_gather import both
from listenkey.rest.proof import AccountProof, SecretProof
from listenkey.stream import listen_key_manager
from listenkey.transport.clock import Clock
from listenkey.venue import Venue

NOT_PROVEN: Final = "REST does not list the journal's newest trades yet, so the API key may be another account's"


class KeyClient:
    """
    Gets and renews a listen key, and tests the secret and the account on the occasion.

    Args:
        api_key: The account's.
        venue: Where it holds.
        beside: The journal's file, or None where items are kept in memory.
        clock: For all times.
        feed: Told of a key that another stream has found to be replaced.
        closes: Whether to DELETE the listen key at the end.

    Attributes:
        closes: As given.
        shared: The account's listen keys, from `open` to `release`.
        secret_proof: Tests the secret; None without one.
        account_proof: Tests whether the API key is the journal's account's; None where that is not in doubt.
        proves_first: Whether no listen key is used before that is known, where it can be.
    """

    __slots__ = ("_api_key", "_beside", "_clock", "_feed", "_venue", "account_proof", "closes", "proves_first", "secret_proof", "shared")  # fmt: skip

    def __init__(
        self,
        api_key: Secret,
        venue: Venue,
        beside: Path | None,
        clock: Clock,
        feed: Callable[[on.Input], None],
        *,
        closes: bool,
    ) -> None:
        self.closes = closes
        self.shared: listen_key_manager.ListenKeys | None = None
        self.secret_proof: SecretProof | None = None
        self.account_proof: AccountProof | None = None
        self.proves_first = False
        self._api_key = api_key
        self._venue = venue
        self._beside = beside
        self._clock = clock
        self._feed = feed

    def open(self) -> None:
        """Share the account's listen keys. Give them back with `release`."""
        self.shared = listen_key_manager.share(self._venue, self._api_key, self._clock, self._beside, self._replaced)

    async def release(self) -> None:
        """Give back what `open` took."""
        shared, self.shared = self.shared, None
        assert shared is not None
        await shared.release(self._beside, self._replaced)

    async def create(self, stale: Secret | None) -> on.KeyReady | on.KeyNotReady:
        """Get a listen key other than `stale`."""
        try:
            grant, untried = await self._granted(stale)
        except ListenKeyError as error:
            return on.KeyNotReady(classify(error, self._clock.wall_ms()))
        return on.KeyReady(grant.key, grant.valid_for_s, untried)

    async def renew(self, action: do.RenewKey) -> on.KeyRenewed | on.KeyNotRenewed:
        """
        Prolong a listen key.

        Raises:
            UsageError: The journal turns out to be another account's than the API key. No renewal helps.
        """
        assert self.shared is not None
        try:
            since_s = await self.shared.renew(action.key, action.since_s)
            await self.prove_account()  # until it is proven: a fill of a minute ago is listed by now
        except UsageError:
            raise
        except ListenKeyError as error:
            return on.KeyNotRenewed(action.key, classify(error, self._clock.wall_ms()))
        return on.KeyRenewed(action.key, since_s)

    async def close(self, key: Secret) -> None:
        """End a listen key, for everybody."""
        assert self.shared is not None
        await self.shared.close(key)

    def attachment(self, key: Secret, socket: int) -> listen_key_manager.Attachment:
        """Return how to attach a socket to a key."""
        assert self.shared is not None
        return self.shared.attachment(key, socket, self._venue)

    async def may_connect(self) -> None:
        """Wait until a socket may be opened. Raises RateLimited where the venue wants silence."""
        assert self.shared is not None
        await self.shared.may_connect()

    def socket_opened(self) -> None:
        """Note that a socket has come up."""
        if self.shared is not None:
            self.shared.socket_opened()

    @property
    def risk(self) -> tuple[int, ...]:
        """The account's priority among those of this address, the larger first; empty where nothing is known."""
        return () if self.shared is None else self.shared.risk()

    def at_stake(self, risk: Callable[[], tuple[int, ...]]) -> None:
        """Ask before other accounts of this address whenever more is at stake than there."""
        assert self.shared is not None
        self.shared.risk = risk

    def socket_refused(self, error: RateLimited) -> None:
        """Note that the venue has refused a socket to this address."""
        assert self.shared is not None
        self.shared.refused(error)

    def silence(self) -> str | None:
        """Return the time until which the venue wants no requests of this address, for people; None without one."""
        return self.shared.silence() if self.shared else None

    @property
    def used_weight(self) -> int | None:
        """The weight used in the venue's minute, as its last answer said."""
        return self.shared.api.used_weight_1m if self.shared else None

    async def _granted(self, stale: Secret | None) -> tuple[listen_key_manager.Grant, str]:
        """A listen key, and why the secret could not be tried, if it could not: a wrong one is refused with the key."""
        assert self.shared is not None
        if self.secret_proof is None:
            return await self.shared.create(stale), ""
        granted = await both(self.shared.create(stale), self.secret_proof.try_once())
        await self.prove_account()
        if self.proves_first and self.account_proof is not None and self.account_proof.is_pending:
            raise ProtocolError(NOT_PROVEN)
        return granted

    async def prove_account(self) -> None:
        """Raise UsageError where the journal turns out to be another account's than the API key."""
        if self.account_proof is not None:
            await self.account_proof.try_once()

    def _replaced(self, key: Secret) -> None:
        self._feed(on.KeyNotRenewed(key, classify(listen_key_manager.replaced_error(), self._clock.wall_ms())))
