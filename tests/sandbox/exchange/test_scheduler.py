from __future__ import annotations

from listenkey.sandbox.exchange.scheduler import Scheduler


def test_things_are_taken_in_order_of_time_then_of_arrival_and_never_early() -> None:
    scheduler = Scheduler()
    assert scheduler.due_ms() is None
    for due_ms, name in ((30, "c"), (10, "a"), (30, "b"), (20, "d")):
        scheduler.put(due_ms, "kind", name)
    assert scheduler.due_ms() == 10
    assert scheduler.take(9) is None
    taken = []
    while (due := scheduler.take(30)) is not None:
        taken.append((due[0], due[3]))
    assert taken == [(10, ("a",)), (20, ("d",)), (30, ("c",)), (30, ("b",))]
