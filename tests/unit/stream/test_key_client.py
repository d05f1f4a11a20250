"""One stream's use of its account's listen keys; sharing them is `test_listen_key_manager.py`."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.retry_policy import Disposition
from listenkey.credentials import Secret
from listenkey.errors import Refused, UsageError
from listenkey.rest.proof import AccountProof, SecretProof
from listenkey.stream.key_client import KeyClient
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock

CLOCK = SystemClock()


class Proof:
    """A test of the secret or the account, with this outcome."""

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    async def try_once(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Side:
    def __init__(self, sandbox: LocalSandbox) -> None:
        self.fed: list[on.Input] = []
        self.keys = KeyClient(
            Secret(sandbox.api_key), sandbox.venue, None, CLOCK, self.fed.append, closes=False
        )  # fmt: skip
        self.keys.open()


async def created(keys: KeyClient) -> Secret:
    ready = await keys.create(None)
    assert isinstance(ready, on.KeyReady)
    return ready.key


async def test_a_key_is_created_renewed_and_given_back(binance_options_sandbox: LocalSandbox) -> None:
    side = Side(binance_options_sandbox)
    key = await created(side.keys)
    asked_s = CLOCK.now_s()
    renewed = await side.keys.renew(do.RenewKey(key, asked_s))
    assert isinstance(renewed, on.KeyRenewed)
    assert renewed.since_s >= asked_s
    assert side.keys.used_weight
    assert side.keys.silence() is None
    shared = side.keys.shared
    assert shared is not None
    await side.keys.release()
    assert shared.users == 0
    assert [side.keys.shared, side.keys.used_weight, side.keys.silence()] == [None, None, None]


async def test_an_error_of_the_venue_is_an_answer(binance_options_sandbox: LocalSandbox) -> None:
    side = Side(binance_options_sandbox)
    key = await created(side.keys)
    binance_options_sandbox.fault("http_status", status=503, path="/eapi/v1/listenKey")
    refused = await side.keys.create(key)
    assert isinstance(refused, on.KeyNotReady)
    not_renewed = await side.keys.renew(do.RenewKey(key, CLOCK.now_s()))
    assert isinstance(not_renewed, on.KeyNotRenewed)
    assert {refused.decision.do, not_renewed.decision.do} == {Disposition.WAIT}
    await side.keys.release()


async def test_a_key_that_another_stream_finds_replaced_is_told(binance_options_sandbox: LocalSandbox) -> None:
    side, other = Side(binance_options_sandbox), Side(binance_options_sandbox)
    key = await created(side.keys)
    binance_options_sandbox.fault("expire_key_silently")
    assert isinstance(await other.keys.create(key), on.KeyReady)
    (told,) = side.fed
    assert isinstance(told, on.KeyNotRenewed)
    assert (told.key, told.decision.do) == (key, Disposition.NEW_KEY)
    for one in (side, other):
        await one.keys.release()


async def test_a_wrong_secret_is_refused_with_the_key_and_an_untried_one_is_said(
    binance_options_sandbox: LocalSandbox,
) -> None:
    side = Side(binance_options_sandbox)
    side.keys.secret_proof = cast("SecretProof", Proof("not tried"))
    ready = await side.keys.create(None)
    assert isinstance(ready, on.KeyReady)
    assert ready.untried == "not tried"
    side.keys.secret_proof = cast("SecretProof", Proof(Refused(401, -2015, "no")))
    refused = await side.keys.create(ready.key)
    assert isinstance(refused, on.KeyNotReady)
    assert refused.decision.do is Disposition.STOP
    await side.keys.release()


async def test_the_key_of_another_account_ends_a_renewal_and_is_refused_at_the_start(
    binance_options_sandbox: LocalSandbox,
) -> None:
    side = Side(binance_options_sandbox)
    key = await created(side.keys)
    side.keys.secret_proof = cast("SecretProof", Proof(""))
    side.keys.account_proof = cast("AccountProof", Proof(UsageError("another account's")))
    refused = await side.keys.create(key)
    assert isinstance(refused, on.KeyNotReady)
    assert refused.decision.do is Disposition.STOP
    with pytest.raises(UsageError):
        await side.keys.renew(do.RenewKey(key, CLOCK.now_s()))
    await side.keys.release()
