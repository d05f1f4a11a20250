"""The fixture that users get."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from listenkey import UserDataStreamsApi, UserStream
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


def test_it_waits_for_what_other_threads_bring_about(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    threading.Timer(0.05, sandbox.burst, (3,)).start()
    sandbox.wait_for(lambda: len(sandbox.fills()) == 3)
    with pytest.raises(TimeoutError, match=r"within 0\.02 s"):
        sandbox.wait_for(lambda: False, timeout_s=0.02)
    with pytest.raises(TimeoutError):
        sandbox.wait_for_listeners(timeout_s=0.02)
    with UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue):
        sandbox.wait_for_listeners()


def test_money_and_accounts_of_other_kinds(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    sandbox.transfer("12.5")
    sandbox.transfer("-2.5")
    assert [each["amount"] for each in sandbox.ledger()["transfers"]][1:] == ["12.50000000", "-2.50000000"]
    with pytest.raises(ValueError, match="-2018"):
        sandbox.transfer("-99999999")
    sandbox.add_account("maker", market_maker=True, trade_group_id=7)
    with pytest.raises(ValueError, match="is open"):
        sandbox.add_account("maker", trade_group_id=8)
    assert sandbox.add_account("maker").name == "maker"


def test_it_needs_no_pytest() -> None:
    script = """
import json, sys
sys.modules["pytest"] = None  # as if it were not installed
from listenkey import testing
with testing.LocalSandbox() as sandbox:
    made = sandbox.burst(2)
print(json.dumps([made, hasattr(testing, "binance_options_sandbox")]))
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(told.stdout) == [2, False]
