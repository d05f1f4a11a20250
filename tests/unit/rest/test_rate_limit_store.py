"""The files that carry spent weight: written before a request leaves, read before the first one, and never in the way."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from listenkey.core.rate_limit_state import RateLimitState, write
from listenkey.rest import rate_limit_store as stores
from listenkey.rest.rate_limit_store import RateLimitStore, weight_path

VENUE = "https://eapi.binance.com"


def test_two_names_of_a_journal_have_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    assert weight_path(tmp_path / "b.db") == tmp_path / "a.db-weight"


async def test_what_one_writes_the_next_reads(tmp_path: Path) -> None:
    one, path = RateLimitStore(VENUE, 0), tmp_path / "w"
    assert not one.is_kept
    one.keep_in(path)
    assert (one.is_kept, one.is_unread) == (True, True)
    assert await one.join(0) == {}
    assert not one.is_unread
    one.now.spend(5, 1000)
    await one.saved()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not path.with_name("w~").exists()
    other = RateLimitStore(VENUE, 0)
    other.keep_in(path)
    assert await other.join(2000) == {1000: 5}
    await other.leave(path)
    other.now.spend(7, 3000)
    assert not other.is_kept


async def test_requests_at_once_share_a_write_and_the_last_is_written(tmp_path: Path) -> None:
    one, path = RateLimitStore(VENUE, 0), tmp_path / "w"
    one.keep_in(path)
    await one.join(0)

    async def spend(at_ms: int) -> None:
        one.now.spend(1, at_ms)
        await one.saved()

    await asyncio.gather(*(spend(at_ms) for at_ms in range(50)))
    other = RateLimitStore(VENUE, 0)
    other.keep_in(path)
    assert await other.join(100) == dict.fromkeys(range(50), 1)


async def test_a_request_waits_for_the_one_before_to_be_written_and_not_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Semaphore(0)
    written: list[bytes] = []

    def slowly(_: Path, text: bytes) -> None:
        may_write.acquire(timeout=20)
        written.append(text)

    monkeypatch.setattr(stores, "_replace", slowly)
    monkeypatch.setattr(stores, "SAVE_WITHIN_S", 20.0)
    one = RateLimitStore(VENUE, 0)
    one.keep_in(tmp_path / "w")
    one.now.spend(1, 1000)
    await asyncio.wait_for(one.saving(), 5)
    assert written == [], "the first goes at once"
    second = asyncio.ensure_future(one.saving())
    certain = asyncio.ensure_future(one.saved())
    await asyncio.sleep(0)
    assert not second.done()
    may_write.release()
    await asyncio.wait_for(second, 5)
    assert len(written) == 1
    assert not certain.done()
    may_write.release()
    await asyncio.wait_for(certain, 5)
    await asyncio.wait_for(one.saving(), 5)
    leaving = asyncio.ensure_future(one.leave(tmp_path / "w"))
    await asyncio.sleep(0)
    assert not leaving.done(), "what is under way is to be written"
    may_write.release()
    await asyncio.wait_for(leaving, 5)
    assert len(written) == 3


async def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, released = threading.Event(), threading.Event()

    def hang(path: Path, text: bytes) -> None:
        hangs.set()
        released.wait(20)

    monkeypatch.setattr(stores, "_replace", hang)
    monkeypatch.setattr(stores, "SAVE_WITHIN_S", 0.01)
    one = RateLimitStore(VENUE, 0)
    one.keep_in(tmp_path / "w")
    await asyncio.wait_for(one.saved(), 5)
    await asyncio.wait_for(one.saved(), 5)
    await asyncio.wait_for(one.saving(), 5)
    assert hangs.is_set()
    released.set()
    monkeypatch.setattr(stores, "SAVE_WITHIN_S", 10.0)
    await asyncio.wait_for(one.saved(), 5)


async def test_what_cannot_be_written_or_read_is_no_reason_to_stop(tmp_path: Path) -> None:
    one = RateLimitStore(VENUE, 0)
    one.keep_in(tmp_path / "no such folder" / "w")
    (tmp_path / "w").write_bytes(b"\xff\x00")
    one.keep_in(tmp_path / "w")
    assert await one.join(0) == {}
    await one.saved()
    assert (tmp_path / "w").read_bytes() == write(RateLimitState(VENUE))


async def test_what_a_killed_process_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "w~").write_bytes(b"x" * 10_000)
    one = RateLimitStore(VENUE, 0)
    one.keep_in(tmp_path / "w")
    await one.saved()
    assert (tmp_path / "w").read_bytes() == write(RateLimitState(VENUE))
    assert not (tmp_path / "w~").exists()


def test_a_loop_that_has_closed_is_told_nothing(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    RateLimitStore(VENUE, 0)._in_thread(loop, [tmp_path / "w"], b"x", [])
    assert (tmp_path / "w").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["w", "w~"])
async def test_a_special_file_where_ours_should_be_holds_up_nobody_and_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / "w"
    os.mkfifo(tmp_path / name)
    one = RateLimitStore(VENUE, 0)
    one.keep_in(path)
    async with asyncio.timeout(10):
        assert await one.join(0) == {}
        one.now.spend(5, 1000)
        done = one._save()
        await done
    assert (tmp_path / name).is_fifo()


def test_a_file_that_a_link_names_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(write(RateLimitState(VENUE, {1000: 5})))
    (tmp_path / "w").symlink_to(tmp_path / "other")
    assert stores._texts([tmp_path / "w"]) == []


async def test_journals_that_lie_together_share_a_file_until_the_last_has_closed(tmp_path: Path) -> None:
    one, path = RateLimitStore(VENUE, 0), tmp_path / "w"
    for _ in range(3):
        one.keep_in(path)
    await one.join(0)
    await one.leave(path)
    await one.leave(path)
    assert one.is_kept
    await one.leave(path)
    assert not one.is_kept
