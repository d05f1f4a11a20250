"""A secret is tried until it is known to be right, and no longer than a moment."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.credentials import Credentials
from listenkey.errors import Refused, VenueDown
from listenkey.proof import SecretProof, prove
from listenkey.snapshots import Snapshots
from listenkey.testing import LocalSandbox


class Answers(Snapshots):
    """Signed reads that end as told, one after the other."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.outcomes = [*outcomes]

    async def prove(self) -> None:
        await asyncio.sleep(0)
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome


async def test_it_is_tried_until_it_is_proven_and_then_no_more() -> None:
    proof = SecretProof(Answers(VenueDown(503), TimeoutError(), None))
    assert "could not be tried yet: HTTP 503" in await proof.try_once()
    assert "no answer within 5 s" in await proof.try_once()
    assert not any(await asyncio.gather(proof.try_once(), proof.try_once()))
    assert await proof.try_once() == ""


async def test_a_refusal_is_raised() -> None:
    with pytest.raises(Refused):
        await SecretProof(Answers(Refused(400, -1022))).try_once()


async def test_a_secret_is_tried_with_no_stream(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    await prove(Credentials.of(sandbox.api_key, sandbox.api_secret), sandbox.venue)
    with pytest.raises(Refused, match="is not the one of this API key"):
        await prove(Credentials.of(sandbox.api_key, "w" * 64), sandbox.venue)
