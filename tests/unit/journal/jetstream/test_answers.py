from __future__ import annotations

import msgspec
import pytest

from listenkey.journal.jetstream.answers import NextStep, answer_of, step_after, step_unanswered


def refusal(code: int, text: str = "no") -> bytes:
    return msgspec.json.encode({"error": {"code": 400, "err_code": code, "description": text}, "seq": 0})


@pytest.mark.parametrize(
    ("data", "step", "is_trouble"),
    [
        (b'{"stream":"S","seq":7}', NextStep.STORED, False),
        (b'{"stream":"S","seq":7,"duplicate":true}', NextStep.STORED, False),
        (b'{"stream":"S"}', NextStep.LOOK, True),
        (refusal(10071), NextStep.FENCED, False),
        (refusal(10158), NextStep.SEND_AGAIN, False),
        (refusal(10164), NextStep.SEND_AGAIN, False),
        (refusal(10163), NextStep.SEND_AGAIN, False),
        (refusal(10210), NextStep.SEND_AGAIN, False),
        (refusal(10176), NextStep.SEND_AGAIN, False),
        (refusal(10201), NextStep.LOOK, False),
        (refusal(10077), NextStep.NO_ROOM, True),
        (refusal(10023), NextStep.SEND_AGAIN, True),
        (refusal(10059), NextStep.SEND_AGAIN, True),
        (b"nonsense", NextStep.SEND_AGAIN, True),
        (b'{"seq":"x"}', NextStep.SEND_AGAIN, True),
    ],
)
def test_each_answer_has_its_next_step(data: bytes, step: NextStep, is_trouble: bool) -> None:
    found = step_after(answer_of(data))
    assert found.next is step
    assert (found.problem is not None) == is_trouble
    assert found.wait_s > 0 or step in {NextStep.STORED, NextStep.FENCED}


def test_only_what_may_have_been_stored_is_looked_for() -> None:
    assert step_unanswered(was_sent=True).next is NextStep.LOOK
    assert step_unanswered(was_sent=False).next is NextStep.SEND_AGAIN


def test_a_refusal_is_told_in_the_servers_words() -> None:
    assert answer_of(refusal(10077, "maximum bytes exceeded")).text == "maximum bytes exceeded (10077)"
    assert answer_of(b'{"seq":1}').text == ""
