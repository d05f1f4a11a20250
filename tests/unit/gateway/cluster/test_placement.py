"""Each worker comes to the same result, whatever it asks first; and nothing moves that need not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from listenkey.gateway.cluster.lease import NOBODY, AccountLease, WorkerSession
from listenkey.gateway.cluster.placement import LeaseStep, PlacesInLine, WorkersSeen, place_of

NAMES = [f"desk-{number}" for number in range(1000)]
A, B, C = ("w1", "a"), ("w2", "b"), ("w3", "c")


def holders(*workers: tuple[str, str]) -> dict[str, tuple[str, str]]:
    found = {}
    for name in NAMES:
        first = [each for each in workers if place_of(each, set(workers) - {each}, name) == 0]
        assert len(first) == 1
        found[name] = first[0]
    return found


def test_one_worker_is_first_in_line_and_a_new_one_moves_no_account_but_its_own() -> None:
    two, three = holders(A, B), holders(A, B, C)
    assert all(three[name] in {two[name], C} for name in NAMES)
    assert all(280 < count < 390 for count in Counter(three.values()).values())
    assert sorted(place_of(each, {A, B, C} - {each}, "desk-1") for each in (A, B, C)) == [0, 1, 2]


def test_two_of_one_name_are_told_apart() -> None:
    assert set(holders(A, ("w1", "z")).values()) == {("w1", "z")}


@dataclass
class Case:
    step: LeaseStep
    holder: str | None = NOBODY
    wanted_by: str = NOBODY
    place: int = 0
    waits: bool = False
    sees_dead: bool = True
    may_take: bool = True


@pytest.mark.parametrize(
    "case",
    [
        # Nobody holds it.
        Case(LeaseStep.TAKE, holder=None),
        Case(LeaseStep.TAKE, sees_dead=False),
        Case(LeaseStep.NOTHING, may_take=False),
        Case(LeaseStep.NOTHING, place=1, waits=True),
        Case(LeaseStep.TAKE, place=1),
        # It was let go for somebody.
        Case(LeaseStep.TAKE, wanted_by="me", place=1, waits=True),
        Case(LeaseStep.NOTHING, wanted_by="other"),
        Case(LeaseStep.NOTHING, wanted_by="other", place=1, waits=True),
        Case(LeaseStep.TAKE, wanted_by="other", place=1),
        Case(LeaseStep.TAKE, wanted_by="dead"),
        # It is ours.
        Case(LeaseStep.HOLD, holder="me", place=1),
        Case(LeaseStep.HOLD, holder="me", wanted_by="me"),
        Case(LeaseStep.HOLD, holder="me", wanted_by="dead"),
        Case(LeaseStep.LET_GO, holder="me", wanted_by="other"),
        # Another one has it.
        Case(LeaseStep.ASK, holder="other"),
        Case(LeaseStep.NOTHING, holder="other", sees_dead=False),
        Case(LeaseStep.NOTHING, holder="other", place=1),
        Case(LeaseStep.NOTHING, holder="other", wanted_by="me"),
        Case(LeaseStep.NOTHING, holder="other", wanted_by="third"),
        Case(LeaseStep.ASK, holder="other", wanted_by="dead"),
        # The one that has it is gone.
        Case(LeaseStep.TAKE, holder="dead"),
        Case(LeaseStep.NOTHING, holder="dead", sees_dead=False),
        Case(LeaseStep.NOTHING, holder="dead", place=1, waits=True),
        Case(LeaseStep.TAKE, holder="dead", place=1),
    ],
    ids=str,
)
def test_the_next_step(case: Case) -> None:
    moment = WorkersSeen("me", frozenset({"me", "other", "third"}), case.sees_dead, case.may_take)
    lease = None if case.holder is None else AccountLease("desk-1", case.holder, "w", case.wanted_by)
    assert moment.step(lease, case.place, waits=case.waits) is case.step


def test_the_line_is_of_those_that_are_alive_and_stay(caplog: pytest.LogCaptureFixture) -> None:
    line = PlacesInLine("w1", "a")
    line.form({"a": WorkerSession("w1", "")})
    assert line.place("desk-1") == 0
    line.form({"a": WorkerSession("w1", ""), "b": WorkerSession("w2", "", is_leaving=True)})
    assert {line.place(name) for name in NAMES} == {0}
    line.form({"a": WorkerSession("w1", ""), "b": WorkerSession("w2", "")})
    assert {line.place(name) for name in NAMES} == {0, 1}
    assert not caplog.messages
    line.form({"z": WorkerSession("w1", "")})
    assert {line.place(name) for name in NAMES} == {1}
    assert caplog.messages == ["another worker is called w1, too, and one of both gets no accounts"]
