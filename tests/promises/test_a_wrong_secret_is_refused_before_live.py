"""A secret that signs nothing is found before the stream says that it is live, and in words."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

import pytest

from listenkey import Live, UserStream
from listenkey.core.timing import Timing
from listenkey.errors import Refused, UsageError
from listenkey.testing import LocalSandbox

BILL = "/eapi/v1/bill"
WRONG = "w" * 64


async def test_a_wrong_secret_is_refused_in_words(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    made = UserStream(api_key=sandbox.api_key, api_secret=WRONG, venue=sandbox.venue)
    async with made, asyncio.timeout(20):
        with pytest.raises(Refused, match="secret or private key is not the one of this API key") as caught:
            await anext(made)
    assert caught.value.code == -1022
    assert made.health().status == "FAILED"
    assert made.health().events == 0
    assert WRONG not in "".join(traceback.format_exception(caught.value))


async def test_a_key_that_may_not_read_is_refused(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    body = '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
    sandbox.fault("http_status", status=401, path=BILL, body=body)
    made = UserStream(api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue)
    async with made, asyncio.timeout(20):
        with pytest.raises(Refused):
            await anext(made)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [("http_status", {"status": 503}), ("http_status", {"status": 404}), ("hang_http", {})],
)
async def test_a_secret_that_cant_be_tried_keeps_no_stream_from_going_live(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch, kind: str, arguments: dict[str, int]
) -> None:
    sandbox = binance_options_sandbox
    monkeypatch.setattr("listenkey.rest.proof.TRY_WITHIN_S", 0.5)
    sandbox.fault(kind, path=BILL, **arguments)
    made = UserStream(
        api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue, timing=Timing(audit_every_s=0.3)
    )
    async with made, asyncio.timeout(30):
        assert isinstance(await anext(made), Live)
        assert made.health().status == "DEGRADED"
        assert "could not be tried yet" in made.health().why
        sandbox.clear_faults()
        while made.health().status != "LIVE":  # noqa: ASYNC110 - the next audit shows that REST takes the secret
            await asyncio.sleep(0.01)


async def test_it_is_tried_once(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with UserStream(api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue) as made:
        assert isinstance(await anext(made), Live)
        for _ in range(2):
            sandbox.fault("expire_key")
            while not isinstance(await anext(made), Live):
                pass
        requests = sandbox.meters()["requests"]
        assert requests["GET /eapi/v1/time"] <= 2, requests


@pytest.mark.parametrize(
    "secret",
    ["abcdefgh\n", "abc defgh", "abcdéfgh", "abc\udcffdefgh", "abc\x00defgh", b"abcdefgh"],
)
def test_a_secret_that_cant_be_one_is_refused_at_once_and_not_shown(secret: str) -> None:
    with pytest.raises(UsageError, match="the API secret") as caught:
        UserStream(api_key="k", api_secret=secret)
    shown_nowhere(caught.value, "abc")


@pytest.mark.parametrize(
    "pem",
    [
        "abcdefgh",
        "-----BEGIN PRIVATE KEY-----\nabcdefgh\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nabcdefgh\n-----END CERTIFICATE-----\n",
        "abc\udcffdefgh",
        b"abcdefgh",
    ],
)
def test_a_private_key_that_is_none_is_refused_at_once_and_not_shown(pem: str) -> None:
    with pytest.raises(UsageError, match="private key") as caught:
        UserStream(api_key="k", private_key=pem)
    shown_nowhere(caught.value, "abc")


def shown_nowhere(error: BaseException, secret: str) -> None:
    """Neither in the error nor in one that it came from."""
    seen: BaseException | None = error
    while seen is not None:
        assert secret not in str(seen)
        assert secret not in repr(seen)
        assert secret not in repr(seen.args)
        assert not isinstance(seen, UnicodeError)  # it holds the whole text
        seen = seen.__context__


async def refused(made: UserStream) -> None:
    async with made, asyncio.timeout(30):
        with pytest.raises(Refused, match="secret or private key is not the one of this API key"):
            async for _ in made:
                pass
    assert made.health().status == "FAILED"
    assert "secret or private key" in made.health().why


@pytest.mark.parametrize("has_journal", [True, False])
async def test_one_that_could_not_be_tried_is_refused_as_soon_as_it_can(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, *, has_journal: bool
) -> None:
    """Also of two streams at once: the first may have been answered what the second was not."""
    sandbox, timing = binance_options_sandbox, Timing(audit_every_s=0.3)
    journals = [tmp_path / "a.db", tmp_path / "b.db"] if has_journal else [None, None]
    for journal in filter(None, journals):
        async with UserStream(api_key=sandbox.api_key, venue=sandbox.venue, journal=journal) as first:
            assert isinstance(await anext(first), Live)
    sandbox.fault("http_status", status=503, path=BILL, count=1)
    await asyncio.gather(
        *(
            refused(
                UserStream(api_key=sandbox.api_key, api_secret=WRONG, venue=sandbox.venue, timing=timing, journal=path)
            )
            for path in journals
        )
    )
