"""The weight of any 60 seconds stays within its share, whatever is asked for, answered, and told by the venue."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from listenkey.core.budget import WINDOW_S, Budget, Priority

STILL_S = 1e-6
"""Two times nearer than this are one: what a sum of floats may be off by."""


class Ask(NamedTuple):
    """Somebody wants to send; sent at once where it may be, asked again when it was told to where `patient`."""

    pause_s: float
    weight: int
    priority: Priority
    patient: bool


class Told(NamedTuple):
    """An answer's header: what others have used beside us, and how long the venue's minute still runs."""

    pause_s: float
    others: int
    minute_left_s: float


class Stopped(NamedTuple):
    """429 or 418: nothing for so long."""

    pause_s: float
    for_s: float


class Limited(NamedTuple):
    """`exchangeInfo` names a limit."""

    pause_s: float
    limit: int


PAUSES = st.floats(0, 20)
Step: TypeAlias = Ask | Told | Stopped | Limited
ASKS = st.builds(Ask, PAUSES, st.integers(1, 40), st.sampled_from(Priority), st.booleans())
STEPS = st.lists(
    st.one_of(
        ASKS,
        ASKS,
        st.builds(Told, PAUSES, st.integers(0, 500), st.floats(0.1, 60)),
        st.builds(Stopped, PAUSES, st.floats(0, 700)),
    ),
    max_size=80,
)


class Sender:
    """Does what a budget says, and keeps a book of its own."""

    def __init__(self, limit: int) -> None:
        self.budget = Budget(limit)
        self.now_s = 0.0
        self.sent: list[tuple[float, int]] = []
        self.blocked_until_s = 0.0

    def step(self, step: Step) -> None:
        self.now_s += step.pause_s
        match step:
            case Ask(_, weight, priority, patient):
                self.ask(weight, priority, patient=patient)
            case Told(_, others, minute_left_s):
                began_s = self.now_s - (WINDOW_S - minute_left_s)
                own = sum(weight for at_s, weight in self.sent if at_s >= began_s)
                self.budget.note_used(own + others, self.now_s, minute_left_s)
            case Stopped(_, for_s):
                self.blocked_until_s = max(self.blocked_until_s, self.now_s + for_s)
                self.budget.block(self.now_s + for_s)
            case Limited(_, limit):
                self.budget.limit = limit

    def ask(self, weight: int, priority: Priority, *, patient: bool) -> None:
        for _ in range(50):
            wait_s = self.budget.wait_s(weight, priority, self.now_s)
            assert wait_s >= 0
            if wait_s == 0:
                break
            if not patient:
                return
            self.now_s += wait_s + STILL_S
        else:
            raise AssertionError("what is told to wait is let go in the end")
        assert self.now_s >= self.blocked_until_s, "nothing at all leaves during a ban"
        alone = self.used() == 0
        self.budget.spend(weight, self.now_s)
        self.sent.append((self.now_s, weight))
        room = int(self.budget.limit * priority.value)
        assert self.used() <= room or alone, "within its share, or alone in its minute"

    def used(self) -> int:
        """Return the weight of the 60 seconds that end now, by our own book."""
        return sum(weight for at_s, weight in self.sent if at_s > self.now_s - WINDOW_S + STILL_S)


@given(STEPS, st.sampled_from([20, 100, 400, 2400]))
def test_no_60_seconds_hold_more_than_the_share(steps: list[Step], limit: int) -> None:
    sender = Sender(limit)
    for step in steps:
        sender.step(step)
    for begin_s, first in sender.sent:
        window = sum(weight for at_s, weight in sender.sent if begin_s <= at_s < begin_s + WINDOW_S - STILL_S)
        assert window <= max(limit * Priority.KEYS.value, first)


@given(st.lists(st.one_of(ASKS, st.builds(Limited, PAUSES, st.sampled_from([20, 100, 400, 2400]))), max_size=60))
def test_a_limit_that_changes_holds_for_all_that_comes_after_it(steps: list[Step]) -> None:
    sender = Sender(400)
    for step in steps:
        sender.step(step)


@given(STEPS)
def test_the_others_of_this_address_leave_a_key_what_the_venue_still_gives(steps: list[Step]) -> None:
    sender = Sender(400)
    for step in steps:
        sender.step(step)
    sender.now_s = max(sender.now_s, sender.blocked_until_s) + 2 * WINDOW_S
    assert sender.budget.wait_s(1, Priority.KEYS, sender.now_s) == 0, "an hour of trouble leaves no trace"
