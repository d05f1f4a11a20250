"""The stream against a whole exchange: what happens to the socket and the key, and what the reader sees of it."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from listenkey import GapClosed, GapOpened, ListenKeyExpired, Live, Update, UserDataStreamsApi
from listenkey.core.timing import Timing
from listenkey.outcomes import GapCause
from listenkey.testing import LocalSandbox
from tests.promises.reader import Reader, reading


async def burst(sandbox: LocalSandbox, fills: int, per_second: float | None = None) -> None:
    await asyncio.to_thread(sandbox.burst, fills, per_second=per_second)


def numbered(reader: Reader) -> bool:
    return all(after.seq == before.seq + 1 for before, after in pairwise(reader.items))


async def test_a_healthy_stream_brings_the_ledger_once_in_order(binance_options_sandbox: LocalSandbox) -> None:
    async with reading(binance_options_sandbox) as reader:
        await burst(binance_options_sandbox, 500)
        await reader.until_fills(500)
        assert reader.fills() == binance_options_sandbox.fills()
        assert numbered(reader)
        assert reader.gaps() == []


async def test_dropped_sockets_are_replaced_within_half_a_second(binance_options_sandbox: LocalSandbox) -> None:
    took = []
    async with reading(binance_options_sandbox) as reader:
        for time_no in range(1, 8):
            began_s = time.monotonic()
            binance_options_sandbox.fault("drop_sockets")
            await reader.until_live(time_no + 1)
            took.append(time.monotonic() - began_s)
        await burst(binance_options_sandbox, 20)
        await reader.until_fills(20)
        assert reader.fills() == binance_options_sandbox.fills()
        assert len(reader.gaps()) == 7
    assert sorted(took)[len(took) // 2] <= 0.5


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4001])
async def test_any_close_code_is_answered_by_a_new_socket(binance_options_sandbox: LocalSandbox, code: int) -> None:
    async with reading(binance_options_sandbox) as reader:
        binance_options_sandbox.fault("drop_sockets", close_code=code)
        await reader.until_live(2)
        assert str(code) in reader.gaps()[0][0].why
        assert reader.gaps()[0][0].cause is GapCause.DISCONNECTED


async def test_a_gap_that_is_found_after_a_stall_holds_what_was_lost_in_it(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox) as reader:
        # All in one step of the event loop, which therefore reads nothing meanwhile.
        sandbox.burst(3)
        sandbox.fault("drop_sockets")
        sandbox.burst(3)
        time.sleep(0.3)  # noqa: ASYNC251 - this is the stall
        await reader.until_live(2)
        opened, closed = reader.gaps()[0]
        lost = sandbox.ledger()["fills"][3:]
        assert reader.fills() == sandbox.fills()[:3]
        assert all(opened.from_ms <= fill["time_ms"] <= closed.to_ms for fill in lost)


async def test_a_half_open_socket_is_noticed_and_replaced(binance_options_sandbox: LocalSandbox) -> None:
    quick = Timing(ping_after_s=0.2, dead_after_s=0.6)  # the ratio of the real ones
    async with reading(binance_options_sandbox, quick) as reader:
        began_s = time.monotonic()
        binance_options_sandbox.fault("half_open")
        await reader.until_live(2)
        assert time.monotonic() - began_s <= 10 * 0.6 / 7.5 + 0.5
        await burst(binance_options_sandbox, 20)
        await reader.until_fills(20)
        assert reader.fills() == binance_options_sandbox.fills()


@pytest.mark.parametrize("after", ["open", "close"])
async def test_an_expired_key_is_replaced_at_once(binance_options_sandbox: LocalSandbox, after: str) -> None:
    binance_options_sandbox.set_switches(after_key_end=after)
    async with reading(binance_options_sandbox) as reader:
        began_s = time.monotonic()
        binance_options_sandbox.fault("expire_key")
        await reader.until_live(2)
        assert time.monotonic() - began_s <= 2
        await burst(binance_options_sandbox, 20)
        await reader.until_fills(20)
        assert reader.fills() == binance_options_sandbox.fills()
        expired = [i for i in reader.items if isinstance(i, Update) and isinstance(i.event, ListenKeyExpired)]
        assert expired


async def test_a_key_that_died_silently_is_found_by_the_next_renewal(binance_options_sandbox: LocalSandbox) -> None:
    timing = Timing(renew_after_s=1.0)
    async with reading(binance_options_sandbox, timing) as reader:
        binance_options_sandbox.fault("expire_key_silently")
        await reader.until_live(2, within_s=1.0 * 1.1 + 2)
        await burst(binance_options_sandbox, 20)
        await reader.until_fills(20)
        assert reader.fills() == binance_options_sandbox.fills()


async def test_another_process_that_deletes_the_key_is_survived(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox

    def delete() -> None:
        with UserDataStreamsApi(api_key=sandbox.api_key, base_url=sandbox.rest_url) as other:
            other.options_delete_listen_key_v1()

    for pushes in (True, False):
        sandbox.set_switches(delete_pushes_expired=pushes)
        async with reading(sandbox, Timing(renew_after_s=1.0)) as reader:
            await asyncio.to_thread(delete)
            await reader.until_live(2, within_s=1.0 * 1.1 + 2)


async def test_a_rotation_under_traffic_loses_nothing_shows_nothing_twice_and_tells_no_gap(
    binance_options_sandbox: LocalSandbox,
) -> None:
    timing = Timing(rotate_after_s=1.0, rotate_jitter_s=0.0, overlap_s=0.5)
    async with reading(binance_options_sandbox, timing) as reader:
        await burst(binance_options_sandbox, 120, per_second=20)
        await reader.until_fills(120)
        assert reader.fills() == binance_options_sandbox.fills()
        assert [type(item) for item in reader.items if not isinstance(item, Update)] == [Live]
        health = reader.stream.health()
        assert health.rotations >= 3
        assert health.duplicates_removed > 0, "the sockets did overlap"
        raws = [item.raw for item in reader.items if isinstance(item, Update)]
        assert len(set(raws)) == len(raws)


async def test_a_socket_that_delivers_is_not_given_up_for_one_that_does_not(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox, Timing(rotate_after_s=0.3, rotate_jitter_s=0.0, overlap_s=0.3)) as reader:
        sandbox.fault("ack_dead")
        await burst(sandbox, 40, per_second=40)
        await reader.until_fills(40, within_s=5)
        assert reader.fills() == sandbox.fills()
        assert reader.gaps() == []
        assert "brought nothing" in reader.stream.health().why


async def test_frames_that_cant_be_read_end_nothing_and_are_told(binance_options_sandbox: LocalSandbox) -> None:
    presets = ["not_json", "array", "null", "number", "string", "wrong_types", "long_id", "big", "invalid_utf8"]
    async with reading(binance_options_sandbox) as reader:
        for preset in presets:
            binance_options_sandbox.fault("malformed_frame", frames=[preset])
            await burst(binance_options_sandbox, 3)
        await reader.until_fills(3 * len(presets))
        assert reader.fills() == binance_options_sandbox.fills()
        health = reader.stream.health()
        assert health.unreadable >= len(presets)
        assert health.reconnects == 0
        assert len(reader.gaps()) == health.unreadable


async def test_an_unknown_event_is_passed_on(binance_options_sandbox: LocalSandbox) -> None:
    async with reading(binance_options_sandbox) as reader:
        binance_options_sandbox.fault("malformed_frame", frames=["unknown_event"])
        await burst(binance_options_sandbox, 3)
        await reader.until_fills(3)
        assert reader.stream.health().unknown_events == 1
        assert reader.gaps() == []


async def test_duplicated_events_are_seen_once(binance_options_sandbox: LocalSandbox) -> None:
    async with reading(binance_options_sandbox) as reader:
        binance_options_sandbox.fault("duplicate_event", count=100)
        await burst(binance_options_sandbox, 50)
        await reader.until_fills(50)
        assert reader.fills() == binance_options_sandbox.fills()
        assert reader.stream.health().duplicates_removed >= 50


async def test_a_slow_reader_lags_and_loses_nothing(binance_options_sandbox: LocalSandbox) -> None:
    async with reading(binance_options_sandbox) as reader:
        await burst(binance_options_sandbox, 2000)
        most = 0
        while len(reader.fills()) < 2000:
            most = max(most, reader.stream.health().backlog)
            await reader.until_fills(len(reader.fills()) + 1)
        assert reader.fills() == binance_options_sandbox.fills()
        assert reader.stream.health().dropped == 0


async def test_streams_of_one_account_share_one_key_and_end_without_closing_it(
    binance_options_sandbox: LocalSandbox,
) -> None:
    sandbox = binance_options_sandbox
    async with reading(sandbox) as first, reading(sandbox) as second:
        assert first.stream.health().key_fingerprint == second.stream.health().key_fingerprint
        await burst(sandbox, 10)
        await first.until_fills(10)
        await second.until_fills(10)
        assert first.fills() == second.fills() == sandbox.fills()
    requests = sandbox.meters()["requests"]
    assert not any("DELETE" in str(request) for request in requests)


async def test_what_one_stream_learns_of_the_key_its_siblings_know_at_once(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with reading(binance_options_sandbox) as slow:  # It would find out at its own renewal, in 20 minutes.
        async with reading(binance_options_sandbox, Timing(renew_after_s=0.5)) as quick:
            lives = len(slow.of(Live)), len(quick.of(Live))
            binance_options_sandbox.fault("expire_key_silently")
            await quick.until_live(lives[1] + 1)
            await slow.until_live(lives[0] + 1)
            await asyncio.to_thread(binance_options_sandbox.burst, 5)
            await slow.until_fills(5)
            await quick.until_fills(5)
        assert slow.stream.health().key_fingerprint == quick.stream.health().key_fingerprint
        assert len(slow.gaps()) == 1


async def test_the_server_that_leaves_is_left_first(binance_options_sandbox: LocalSandbox) -> None:
    async with reading(binance_options_sandbox, Timing(overlap_s=0.2)) as reader:
        binance_options_sandbox.fault("server_shutdown")
        await burst(binance_options_sandbox, 60, per_second=30)
        await reader.until_fills(60)
        assert reader.fills() == binance_options_sandbox.fills()
        assert reader.stream.health().rotations == 1
        assert reader.gaps() == []


async def test_a_connection_that_is_refused_for_a_while_is_tried_until_it_opens(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with reading(binance_options_sandbox) as reader:
        binance_options_sandbox.fault("refuse_connections", duration_ms=1500)
        binance_options_sandbox.fault("drop_sockets")
        await reader.until_live(2)
        await burst(binance_options_sandbox, 10)
        await reader.until_fills(10)
        assert reader.fills() == binance_options_sandbox.fills()


async def test_the_socket_is_kept_while_rest_is_banned(binance_options_sandbox: LocalSandbox) -> None:
    async with reading(binance_options_sandbox, Timing(renew_after_s=0.5)) as reader:
        binance_options_sandbox.fault("ban", seconds=3600)
        await burst(binance_options_sandbox, 60, per_second=30)
        await reader.until_fills(60)
        assert reader.fills() == binance_options_sandbox.fills()
        assert reader.gaps() == []
        assert reader.stream.health().last_renewal_ok is False


async def test_an_event_that_proves_the_key_comes_after_the_live_it_proves(
    binance_options_sandbox: LocalSandbox,
) -> None:
    async with reading(binance_options_sandbox) as reader:
        binance_options_sandbox.fault("hang_http")  # so that no PUT can prove it
        binance_options_sandbox.fault("drop_sockets")
        await reader.until(lambda: len(reader.of(GapOpened)) == 1)
        while len(reader.of(Live)) < 2:
            await burst(binance_options_sandbox, 1)
        await reader.until_fills(1)
        kinds = [type(item) for item in reader.items[1:4]]
        assert kinds == [GapOpened, GapClosed, Live]
        binance_options_sandbox.clear_faults()
