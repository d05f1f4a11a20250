"""The sources of what works in a thread."""

from __future__ import annotations

from listenkey.transport.threads import Threads


def test_the_system_gives_threads_events_and_a_time_that_goes_on() -> None:
    threads, done = Threads(), Threads().event()
    before_s = threads.now_s()
    thread = threads.thread(target=done.set, daemon=True)
    assert not thread.is_alive()
    thread.start()
    assert done.wait(20)
    assert done.is_set()
    assert threads.now_s() >= before_s
