"""The program hears of each change once, and of a gateway that is gone when that has lasted."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.errors import ProtocolError
from listenkey.gateway.client.account_watch import AccountWatch
from listenkey.health import Health
from tests.unit.gateway.http.making import until

LIVE = b'{"status":"LIVE","fills_complete":true}'
GAP = b'{"status":"GAP"}'


def watch_of(said: list[Health], after_s: float = 60) -> AccountWatch:
    return AccountWatch(said.append, after_s, lambda _: None)


async def test_a_change_is_said_and_a_repetition_is_not() -> None:
    said: list[Health] = []
    watch = watch_of(said)
    for line in (LIVE, LIVE, GAP, LIVE):
        watch.told(line)
    assert [one.status for one in said] == ["LIVE", "GAP", "LIVE"]
    with pytest.raises(ProtocolError):
        watch.told(b"?")


async def test_a_short_outage_changes_the_health_and_is_not_said() -> None:
    said: list[Health] = []
    watch = watch_of(said)
    watch.told(LIVE)
    watch.lost("no route")
    since_ms = watch.health.status_since_ms
    watch.lost("refused")
    assert (watch.health.live, watch.health.status_since_ms) == (False, since_ms), "it is one outage"
    assert "refused" in watch.health.why
    watch.reached()
    statuses = [watch.health.status]
    watch.told(LIVE)
    assert [*statuses, watch.health.status] == ["CONNECTING", "LIVE"]
    assert len(said) == 1


async def test_one_that_lasts_is_said_once_and_so_is_its_end() -> None:
    said: list[Health] = []
    watch = watch_of(said, 0.02)
    watch.told(LIVE)
    watch.lost("no route")
    await until(lambda: len(said) == 2)
    watch.lost("no route")
    await asyncio.sleep(0.05)
    assert len(said) == 2
    watch.reached()
    watch.told(LIVE)
    assert [one.status for one in said] == ["LIVE", "CONNECTING", "LIVE"]
    watch.lost("x")
    watch.quiet()


async def test_without_a_function_nobody_is_told() -> None:
    watch = AccountWatch(None, 60, lambda _: None)
    watch.told(LIVE)
    assert watch.health.live


async def test_what_the_function_raises_goes_to_the_stream() -> None:
    failed: list[Exception] = []

    def broken(_: Health) -> None:
        raise ZeroDivisionError

    AccountWatch(broken, 60, failed.append).told(LIVE)
    assert isinstance(failed[0], ZeroDivisionError)
