"""One loop on a thread, shared by all that wait for it."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from listenkey.blocking import portal as module
from listenkey.blocking.portal import Portal
from listenkey.errors import UsageError


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.close()
    assert portal_threads() == []


def portal_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "listenkey-portal"]


async def thread_id(*_: object) -> int:
    return threading.get_ident()


async def fail() -> None:
    raise KeyError("words")


def test_it_returns_and_raises_what_comes_of_it(portal: Portal) -> None:
    async def add(a: int, *, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    assert portal.call(add, 1, b=2) == 3
    with pytest.raises(KeyError, match="words"):
        portal.call(fail)


def test_nothing_starts_before_the_first_call_and_nothing_is_left_after_the_last_close() -> None:
    first, second = Portal(), Portal()
    assert portal_threads() == []
    one = first.call(thread_id)
    assert second.call(thread_id) == one
    first.close()
    first.close()
    assert second.call(thread_id) == one
    second.close()
    assert portal_threads() == []
    second.close()


def test_it_opens_again() -> None:
    portal = Portal()
    for _ in range(3):
        assert portal.call(thread_id)
        portal.close()
        assert portal_threads() == []


async def test_it_works_where_a_loop_is_running(portal: Portal) -> None:
    assert portal.call(thread_id) != threading.get_ident()


def test_many_threads_at_once_share_one_loop() -> None:
    def use(_: int) -> int:
        mine = Portal()
        try:
            return mine.call(thread_id)
        finally:
            mine.close()

    keeper = Portal()
    loop_thread = keeper.call(thread_id)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(use, range(400))) == {loop_thread}
    keeper.close()
    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(use, range(400)))) == 400
    assert portal_threads() == []


def test_ctrl_c_ends_the_wait_and_cancels_the_work(portal: Portal) -> None:
    cancelled = threading.Event()

    async def work() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        portal.call(work)
    assert cancelled.wait(5)


def test_waiting_for_oneself_is_refused_and_not_a_deadlock(portal: Portal) -> None:
    async def inside() -> None:
        portal.call(thread_id)

    with pytest.raises(UsageError, match="use the async class"):
        portal.call(inside)


def test_what_hangs_is_cancelled_when_the_last_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDING_WITHIN_S", 0.05)
    portal = Portal()
    future = portal.submit(asyncio.Event().wait)
    portal.close()
    assert future.cancelled()
    assert portal_threads() == []


def test_the_last_word_is_said_before_leaving() -> None:
    said = []

    async def last() -> None:
        await asyncio.sleep(0)
        said.append("closed")

    unused = Portal()
    unused.close(last)
    assert said == []
    used = Portal()
    used.call(thread_id)
    used.close(last)
    assert said == ["closed"]
    failing = Portal()
    failing.call(thread_id)
    with pytest.raises(KeyError):
        failing.close(fail)
    assert portal_threads() == []


def test_a_finalizer_may_leave_on_the_loops_own_thread() -> None:
    done = threading.Event()
    keeper = Portal()

    async def last() -> None:
        done.set()

    class Owner:
        def __init__(self) -> None:
            self.portal = Portal()
            self.portal.call(thread_id)
            weakref.finalize(self, self.portal.close, last, wait=False)

    owners = [Owner()]

    async def collect() -> None:
        owners.clear()
        gc.collect()

    keeper.call(collect)
    keeper.close()
    assert done.wait(5)
    assert portal_threads() == []


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_process_that_closes_nothing_ends_at_once_and_silently() -> None:
    script = (
        "import asyncio\nfrom listenkey.blocking.portal import Portal\n"
        "async def say(): print('here')\n"
        "portal = Portal(); portal.call(say); portal.submit(say).result()\n"
    )
    assert run(script) == "here\nhere\n"


def test_a_child_gets_a_loop_of_its_own_and_the_parent_keeps_its() -> None:
    script = """
import os, threading, warnings
from listenkey.blocking.portal import Portal
warnings.simplefilter("ignore")
async def where(): return os.getpid(), threading.get_ident()
portal = Portal()
before = portal.call(where)
child = os.fork()
if child == 0:
    ok = portal.call(where)[0] == os.getpid()
    portal.close()
    os._exit(0 if ok else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), portal.call(where) == before)
portal.close()
"""
    assert run(script) == "0 True\n"
