"""One account, one key: whoever asks for it in this process gets the same, and one renewal serves all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from listenkey.core.retry_policy import classify
from listenkey.credentials import Secret
from listenkey.errors import Banned, KeyUnknown, RateLimited
from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
from listenkey.stream import listen_key_manager
from listenkey.stream.listen_key_manager import ListenKeys
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from listenkey.venue import PRODUCTION, Attach

KEY = Secret("a/b=" * 16)
CLOCK = SystemClock()


def keys_of(sandbox: LocalSandbox) -> ListenKeys:
    return listen_key_manager.share(sandbox.venue, Secret(sandbox.api_key), CLOCK)


def count(sandbox: LocalSandbox, method: str) -> int:
    requests = sandbox.meters()["requests"]
    return int(requests.get(f"{method} /eapi/v1/listenKey", 0))


async def test_those_who_ask_at_once_share_one_post(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    grants = await asyncio.gather(*(keys.create(None) for _ in range(10)))
    assert len({grant.key for grant in grants}) == 1
    assert count(binance_options_sandbox, "POST") == 1
    assert grants[0].valid_for_s == pytest.approx(3600, abs=5)
    await keys.release()


async def test_one_renewal_serves_all_who_need_it(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    grant = await keys.create(None)
    since_s = CLOCK.now_s()
    proofs = await asyncio.gather(*(keys.renew(grant.key, since_s) for _ in range(10)))
    assert count(binance_options_sandbox, "PUT") == 1
    assert all(proof_s >= since_s for proof_s in proofs)
    await keys.renew(grant.key, CLOCK.now_s())
    assert count(binance_options_sandbox, "PUT") == 2, "a later need is not served by an earlier renewal"
    await keys.release()


async def test_a_renewal_of_another_program_s_key_is_none_of_ours(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    grant = await keys.create(None)
    binance_options_sandbox.fault("expire_key_silently")
    async with AsyncUserDataStreamsApi(binance_options_sandbox.api_key, binance_options_sandbox.rest_url) as stranger:
        theirs = await stranger.options_create_listen_key_v1()
    with pytest.raises(KeyUnknown):  # PUT alone succeeds: it prolongs theirs
        await keys.renew(grant.key, CLOCK.now_s())
    assert (await keys.create(grant.key)).key == Secret(theirs.listen_key)
    await keys.release()


async def test_a_stream_that_still_has_the_key_before_is_told(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    grant = await keys.create(None)
    binance_options_sandbox.fault("expire_key_silently")
    assert (await keys.create(grant.key)).key != grant.key
    with pytest.raises(KeyUnknown):
        await keys.renew(grant.key, CLOCK.now_s())
    await keys.release()


async def test_all_who_listen_are_told_of_a_replaced_key_and_share_the_new_one(
    binance_options_sandbox: LocalSandbox,
) -> None:
    keys = keys_of(binance_options_sandbox)
    told: list[Secret] = []
    listen_key_manager.share(
        binance_options_sandbox.venue, Secret(binance_options_sandbox.api_key), CLOCK, None, told.append
    )
    old = (await keys.create(None)).key
    assert told == []
    binance_options_sandbox.fault("expire_key_silently")
    new = await keys.create(old)
    assert told == [old]
    before = count(binance_options_sandbox, "POST")
    assert await keys.create(old) == new, "whoever was told gets what is there"
    assert count(binance_options_sandbox, "POST") == before
    await keys.release(None, told.append)
    binance_options_sandbox.fault("expire_key_silently")
    await keys.create(new.key)
    assert told == [old]
    await keys.release()


async def test_a_renewal_that_hangs_keeps_nobody_from_a_new_key(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    old = (await keys.create(None)).key
    binance_options_sandbox.fault("hang_http", method="PUT")
    renewing = asyncio.create_task(keys.renew(old, CLOCK.now_s()))
    async with asyncio.timeout(5):
        while not count(binance_options_sandbox, "PUT"):  # noqa: ASYNC110 - the sandbox has no event
            await asyncio.sleep(0.01)
        binance_options_sandbox.fault("expire_key")
        assert (await keys.create(old)).key != old
    assert not renewing.done()
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)
    await keys.release()


@pytest.mark.parametrize(("kind", "params"), [("ban", {"seconds": 600}), ("rate_limit", {"retry_after": 600})])
async def test_nothing_is_asked_while_the_venue_wants_silence(
    binance_options_sandbox: LocalSandbox, kind: str, params: dict[str, int]
) -> None:
    keys = keys_of(binance_options_sandbox)
    grant = await keys.create(None)
    binance_options_sandbox.fault(kind, **params)
    with pytest.raises(RateLimited):
        await keys.renew(grant.key, CLOCK.now_s())
    before = binance_options_sandbox.meters()["requests"]
    for ask in (lambda: keys.create(None), lambda: keys.renew(grant.key, CLOCK.now_s())):
        with pytest.raises(RateLimited) as refused:
            await ask()
        assert 590 < classify(refused.value, CLOCK.wall_ms()).wait_s <= 601  # the answer's Date has whole seconds
    assert binance_options_sandbox.meters()["requests"] == before
    await keys.release()


async def test_streams_of_one_account_share_and_others_do_not(binance_options_sandbox: LocalSandbox) -> None:
    one, same = keys_of(binance_options_sandbox), keys_of(binance_options_sandbox)
    other = listen_key_manager.share(binance_options_sandbox.venue, Secret("other"), CLOCK)
    assert one is same
    assert one is not other
    await one.create(None)
    await one.close(KEY)
    assert count(binance_options_sandbox, "DELETE") == 0, "not while another stream uses it"
    await same.release()
    await one.close(KEY)
    assert count(binance_options_sandbox, "DELETE") == 1
    await one.release()
    await other.release()
    again = keys_of(binance_options_sandbox)
    assert again is not one
    await again.release()


async def test_a_key_that_somebody_else_closed_is_closed(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    grant = await keys.create(None)
    binance_options_sandbox.fault("expire_key_silently")
    await keys.close(grant.key)
    assert count(binance_options_sandbox, "DELETE") == 1
    await keys.release()


@pytest.mark.parametrize(
    ("form", "url"),
    [
        (Attach.SUBSCRIBE, "wss://fstream.binance.com/private/stream"),
        (Attach.PATH, "wss://fstream.binance.com/private/ws/"),
        (Attach.QUERY, "wss://fstream.binance.com/private/ws?listenKey="),
        (Attach.STREAMS, "wss://fstream.binance.com/private/stream?streams="),
        (Attach.LEGACY_PATH, "wss://fstream.binance.com/ws/"),
    ],
)
async def test_how_a_key_is_put_on_a_socket(form: Attach, url: str) -> None:
    keys = listen_key_manager.share(
        PRODUCTION, KEY, CLOCK
    )  # as the first stream of the account has it; the next may differ
    attachment = keys.attachment(KEY, 7, replace(PRODUCTION, attach=form))
    assert attachment.url.startswith(url)
    assert "a%2Fb" not in repr(attachment)
    assert KEY.reveal() not in repr(attachment)
    if form is Attach.SUBSCRIBE:
        assert attachment.url == url, "the key is in no URL"
        assert attachment.request == b'{"method":"SUBSCRIBE","params":["' + KEY.reveal().encode() + b'"],"id":7}'
    else:
        assert attachment.request is None
        assert attachment.url.endswith("a%2Fb%3D" * 16), "and where it is, it is encoded"
    await keys.release()


async def test_a_ban_that_a_socket_was_told_silences_the_requests_for_keys(
    binance_options_sandbox: LocalSandbox,
) -> None:
    keys = keys_of(binance_options_sandbox)
    assert keys.silence() is None
    keys.refused(Banned(418, None, "the WebSocket handshake was refused", 300.0))
    with pytest.raises(Banned):
        await keys.create(None)
    assert "no requests for another 300 s" in str(keys.silence())
    assert count(binance_options_sandbox, "POST") == 0
    await keys.release()


async def test_a_limit_that_a_socket_was_told_holds_for_sockets_alone(binance_options_sandbox: LocalSandbox) -> None:
    keys = keys_of(binance_options_sandbox)
    keys.refused(RateLimited(429, None, "the WebSocket handshake was refused", 30.0))
    waiting = asyncio.create_task(keys.may_connect())
    await keys.create(None)
    assert not waiting.done(), "a key may be asked for"
    waiting.cancel()
    await keys.release()
