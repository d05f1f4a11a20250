"""Looks at REST history that come by themselves: what they make of it, and from when on they look."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core import reconciliation
from listenkey.core.bill import Bill
from listenkey.core.gaps import Resumed
from listenkey.core.reconciliation import Unbrought
from listenkey.errors import ListenKeyError, VenueDown
from listenkey.rest.account_client import AccountClient
from listenkey.rest.bounded_gather import AT_ONCE
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.unit.core.making import beat, order, position
from tests.unit.recovering import break_lists, no_part, recover, recovery_of

DAY_MS = 24 * 3600 * 1000


async def test_what_was_not_held_against_the_bill_until_it_was_forgotten_is_a_gap(
    binance_options_sandbox: LocalSandbox,
) -> None:
    now_ms = SystemClock().wall_ms()
    async with recovery_of(binance_options_sandbox) as recovery:
        recovery.backfill.limits.trades_kept_s = DAY_MS // 1000 + 600
        recovery.windows.began_ms, recovery.audits.audited_to_ms = 0, now_ms - 900_000
        doubt = await recovery.audits.audit(do.Audit(1, None, 0))
        assert isinstance(doubt, on.Doubted)
        assert doubt.reason == reconciliation.FORGOTTEN
        assert now_ms - 940_000 < doubt.from_ms < now_ms - 930_000, (
            "and half a minute before, in which the bill may have lagged"
        )
        assert await recovery.audits.audit(do.Audit(2, None, 0)) is None, "once"
        recovery.audits.audited_to_ms = now_ms - 900_000  # as where nothing is booked that shows that REST did not lag
        assert await recovery.audits.audit(do.Audit(3, None, 0)) is None, "REST may forget what was looked at"


async def test_an_account_is_idle_where_a_look_finds_nothing_at_stake(binance_options_sandbox: LocalSandbox) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        audits, known = recovery.audits, recovery.account_state

        async def is_idle(number: int) -> bool:
            [audited, *_] = await audits.look(do.Audit(number, None, 0))
            assert isinstance(audited, on.Audited)
            return audited.is_idle

        assert await is_idle(1)
        recovery.losses.delivering(position("0.5", recovery.windows.now_ms()))
        assert not await is_idle(2), "a position"
        recovery.losses.delivering(position("0", recovery.windows.now_ms()))
        assert await is_idle(3)
        recovery.losses.delivering(order(9, at_ms=recovery.windows.now_ms()))
        known.positions.clear()
        assert known.orders
        assert not (await is_idle(4)), "an order that lives"
        known.orders.clear()
        audits.outstanding.note("BTC-261225-90000-C", [1], "refused")
        assert not audits._is_idle(), "trades that REST does not list"


async def test_an_account_whose_contract_is_over_is_not_idle_until_the_end_of_its_position_is_known(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        ended = "BTC-240101-90000-C"
        recovery.losses.detector.unsettled.note([ended], recovery.windows.now_ms())
        assert recovery.audits.lists.expiries.awaits_any
        assert not recovery.audits._is_idle()
        recovery.losses.detector.unsettled.drop(ended)
        assert recovery.audits._is_idle()


async def test_a_look_that_finds_a_loss_calls_no_account_idle(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 5)
        sandbox.fault("clock_skew", ms=5000)
        recovery.backfill.time.forget()
        recovery.audits.audited_to_ms = None
        audited, missed = await recovery.audits.look(do.Audit(1, None, 0))
        assert isinstance(missed, on.StreamSilent)
        assert isinstance(audited, on.Audited)
        assert not audited.is_idle


async def test_an_audit_tells_one_loss_from_a_dead_socket(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        assert await recovery.audits.audit(do.Audit(1, None, SystemClock().wall_ms())) is None
        await asyncio.to_thread(sandbox.burst, 5)
        assert await recovery.audits.audit(do.Audit(2, None, 0)) is None, "too young to be missed"
        sandbox.fault("clock_skew", ms=5000)
        recovery.backfill.time.forget()
        recovery.audits.audited_to_ms = None
        dead = await recovery.audits.audit(do.Audit(3, None, 0))
        assert isinstance(dead, on.StreamSilent)
        assert "5 fills" in dead.reason.text
        recovery.losses.delivering(beat(SystemClock().wall_ms() + 1000))
        recovery.audits.audited_to_ms = None
        assert isinstance(await recovery.audits.audit(do.Audit(4, None, 0)), on.Doubted)


async def test_what_failed_audits_did_not_see_is_seen_when_a_later_gap_settles(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        assert await recovery.audits.audit(do.Audit(1, None, 0)) is None
        await asyncio.to_thread(sandbox.burst, 5)
        sandbox.fault("clock_skew", ms=5000)
        recovery.backfill.time.forget()
        later_ms = SystemClock().wall_ms() + 60_000
        assert await recovery.audits.audit(do.Audit(2, later_ms, 0)) is not None


async def test_a_look_that_settles_a_gap_leaves_the_first_place_to_those_that_are_open(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[AccountClient] = []
    bill_since = AccountClient.bill_since

    async def noted(client: AccountClient, since_ms: int) -> Bill:
        asked.append(client)
        return await bill_since(client, since_ms)

    monkeypatch.setattr(AccountClient, "bill_since", noted)
    async with recovery_of(binance_options_sandbox) as recovery:
        await recovery.audits.audit(do.Audit(1, None, 0))
        await recovery.audits.audit(do.Audit(2, SystemClock().wall_ms(), 0))
        assert asked == [recovery.backfill.steady, recovery.backfill.settling]


async def test_what_an_earlier_process_could_not_audit_any_more_is_audited_by_the_next(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        covered_ms = SystemClock().wall_ms() - 600_000
        recovery.audits.audited_to_ms = recovery.windows.began_ms = None
        recovery.resume(Resumed(covered_ms))
        recovery.follows(whole=False)
        assert recovery.audits._audit_since(do.Audit(1, None, 0)) <= covered_ms - 120_000


async def test_a_gap_that_an_earlier_process_left_open_is_audited_from_its_beginning_where_no_other_clock_is_known(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        covered_ms = SystemClock().wall_ms() - 600_000
        recovery.audits.audited_to_ms = recovery.windows.began_ms = None
        recovery.resume(Resumed(covered_ms, covered_ms - 900_000, open_since_ms=covered_ms - 900_000))
        recovery.follows(whole=False)
        assert recovery.audits._audit_since(do.Audit(1, None, 0)) <= covered_ms - 900_000 - 120_000


async def test_only_a_row_of_rest_history_shows_up_to_when_it_was_looked_at(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        audits, now_ms = recovery.audits, recovery.windows.now_ms()
        audits.audited_to_ms = now_ms - 60_000
        assert audits._shown_to(Unbrought(now_ms)) == now_ms - 60_000, "nothing is booked, or REST lags"
        assert audits._shown_to(Unbrought(now_ms, newest_ms=now_ms - 70_000)) == now_ms - 60_000
        assert audits._shown_to(Unbrought(now_ms, newest_ms=now_ms - 5_000)) == now_ms - 5_000
        assert audits._shown_to(Unbrought(now_ms, newest_ms=now_ms + 5_000)) == now_ms
        assert audits._shown_to(Unbrought(now_ms + 600_000)) == now_ms, "no longer than ten minutes"
        behind = Unbrought(now_ms, unshown_ms=now_ms - 40_000, newest_ms=now_ms - 5_000)
        assert audits._shown_to(behind) == now_ms - 5_000, "it never showed a row for a fill"
        audits.matching.shows_fills = True
        assert audits._shown_to(behind) == now_ms - 40_001


async def test_a_stream_whose_audits_fail_is_not_taken_for_whole(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox, audit_every_s=60.0) as recovery:
        now_s = SystemClock().now_s()
        assert recovery.audits.is_audited(now_s + 119)
        assert not recovery.audits.is_audited(now_s + 130)
        sandbox.fault("ban", seconds=60)
        with pytest.raises(ListenKeyError):
            await recovery.audits.audit(do.Audit(1, None, 0))
        assert not recovery.audits.is_audited(now_s + 130)


async def test_a_stream_whose_trades_rest_refuses_to_list_is_not_taken_for_whole_by_the_next_process(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with recovery_of(binance_options_sandbox, audit_every_s=60.0) as recovery:
        now_s = SystemClock().now_s()
        recovery.audits.outstanding.note("BTC-261225-90000-C", [1], "refused")
        assert not recovery.audits.is_audited(now_s)
        recovery.audits.outstanding.settle("BTC-261225-90000-C")
        assert recovery.audits.is_audited(now_s)


async def test_what_rest_refuses_late_in_a_stream_is_asked_for_by_the_next_audit(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    async def note_asked(_: AccountClient, symbol: str | None, *_more: object) -> None:
        asked.append(symbol)

    async with recovery_of(binance_options_sandbox) as recovery:
        for number in range(11):
            assert await recovery.audits.audit(do.Audit(number, None, 0)) is None
        monkeypatch.setattr(AccountClient, "trades_since", note_asked)
        recovery.audits.outstanding.note("BTC-261225-90000-C", [recovery.windows.now_ms() - 10_000], "refused")
        await recovery.audits.audit(do.Audit(11, None, 0))
        assert asked == ["BTC-261225-90000-C"]


async def test_a_poll_brings_what_is_old_enough_and_goes_on_where_the_last_one_ended(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, asked_from, bill_since = binance_options_sandbox, [], AccountClient.bill_since

    async def noted(snapshots: AccountClient, from_ms: int) -> Bill:
        asked_from.append(from_ms)
        return await bill_since(snapshots, from_ms)

    monkeypatch.setattr(AccountClient, "bill_since", noted)
    async with recovery_of(sandbox, lag_hold_s=5.0, lag_max_s=30.0) as recovery:
        began_ms = recovery.windows.began_ms
        now_ms = SystemClock().wall_ms()
        poll = do.Poll(1, now_ms - 120_000, now_ms - 120_000)
        await asyncio.to_thread(sandbox.burst, 5)
        assert (await recovery.audits.poll(poll)).fills == [], (
            "too young: REST may not show yet all that happened before them"
        )
        sandbox.fault("clock_skew", ms=60_000)
        recovery.backfill.time.forget()
        recovery.backfill.limiter.limit_reading.doubt()
        answer = await recovery.recover(poll, list, no_part)
        assert not recovery.backfill.limiter.limit_reading.is_doubted, "it was asked for before more than one list was"
        assert isinstance(answer, on.Recovered)
        assert (answer.attempt, answer.lost, answer.orders_due) == (1, (), False)
        assert len(recovery.combined([])) == 5
        for one in recovery.combined([]):
            recovery.losses.delivering(one.event)
        recovery.delivered(closed=False)
        assert (await recovery.audits.poll(poll)).fills == []
        assert asked_from[:2] == [began_ms, began_ms]
        assert asked_from[2] - asked_from[0] > 20_000, "half a minute before the end of the last one, and not all again"


async def test_the_list_of_one_symbol_that_breaks_down_hides_no_other_loss(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 20)
        fills = sandbox.fills()
        assert len({symbol for symbol, *_ in fills}) > 1
        sandbox.fault("clock_skew", ms=60_000)
        recovery.backfill.time.forget()
        began_ms = recovery.windows.began_ms or 0
        recovery.audits.audited_to_ms = began_ms
        poll = do.Poll(1, SystemClock().wall_ms() - 120_000, SystemClock().wall_ms() - 120_000)
        with monkeypatch.context() as patches:
            break_lists(patches, {fills[0][0]})
            missed = await recovery.audits.audit(do.Audit(1, None, 0))
            assert isinstance(missed, on.StreamSilent | on.Doubted)
            assert (recovery.audits.audited_to_ms or 0) <= began_ms, "it looks there again"
            polled = await recovery.audits.poll(poll)
            assert {reconciliation.key_of(row) for row in polled.fills} == {
                key for key in fills if key[0] != fills[0][0]
            }
            for one in reconciliation.combined(polled, [], recovery.account_state, 0):
                recovery.losses.delivering(one.event)
            with pytest.raises(VenueDown):
                await recovery.audits.poll(poll)
        polled = await recovery.audits.poll(poll)
        assert {reconciliation.key_of(row) for row in polled.fills} == {key for key in fills if key[0] == fills[0][0]}


async def test_a_loss_is_told_before_all_of_it_was_asked_for(binance_options_sandbox: LocalSandbox) -> None:
    """The weight limit may make a look at forty symbols last a minute, and nobody would know meanwhile."""
    sandbox = binance_options_sandbox
    async with recovery_of(sandbox) as recovery:
        await asyncio.to_thread(sandbox.burst, 100)
        traded = {symbol for symbol, *_ in sandbox.fills()}
        assert len(traded) > AT_ONCE
        sandbox.fault("clock_skew", ms=5000)
        recovery.backfill.time.forget()
        recovery.audits.audited_to_ms = None
        before = sandbox.meters()["requests"].get("GET /eapi/v1/userTrades", 0)
        dead = await recovery.audits.audit(do.Audit(1, None, 0))
        assert isinstance(dead, on.StreamSilent)
        assert "at least" in dead.reason.text
        assert sandbox.meters()["requests"]["GET /eapi/v1/userTrades"] - before <= AT_ONCE
        assert set(recovery._suspects) == traded
        first_ms = min(row["time_ms"] for row in sandbox.ledger()["fills"])
        assert recovery.windows.of_wall(dead.from_ms) <= first_ms
        found = await recovery.run(recover(), list)
        assert len(found.fills) == 100, "the recovery asks for the others"
