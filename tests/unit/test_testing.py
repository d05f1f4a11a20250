"""The fixture that users get."""

from __future__ import annotations

import pytest

from listenkey import UserDataStreamsApi
from listenkey.errors import VenueDown
from listenkey.testing import LocalSandbox


def test_it_is_a_whole_exchange_for_plain_tests(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    with UserDataStreamsApi(api_key=sandbox.api_key, base_url=sandbox.rest_url) as api:
        assert api.options_create_listen_key_v1().listen_key
    assert sandbox.burst(5) == 5
    assert len(sandbox.fills()) == 5
    assert sandbox.fault("expire_key") > 0
    sandbox.clear_faults()
    before_ms = sandbox.advance(0)
    assert sandbox.advance(60_000) >= before_ms + 60_000
    other = sandbox.add_account("bob")
    assert other.api_key != sandbox.api_key
    assert sandbox.fills("bob") == []


def test_a_fault_may_name_a_method(binance_options_sandbox: LocalSandbox) -> None:
    binance_options_sandbox.fault("http_status", status=503, method="PUT")
    with UserDataStreamsApi(binance_options_sandbox.api_key, binance_options_sandbox.rest_url) as api:
        api.options_create_listen_key_v1()
        with pytest.raises(VenueDown):
            api.options_update_listen_key_v1()


async def test_and_for_async_ones(binance_options_sandbox: LocalSandbox) -> None:
    assert binance_options_sandbox.burst(1) == 1


def test_two_at_a_time_know_nothing_of_each_other() -> None:
    with LocalSandbox() as one, LocalSandbox() as two:
        assert one.rest_url != two.rest_url
        one.burst(2)
        assert two.fills() == []


def test_a_scaled_one_tells_the_client_so() -> None:
    with LocalSandbox(time_scale=60) as sandbox:
        assert sandbox.venue.time_scale == 60
