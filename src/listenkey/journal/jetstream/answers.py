"""
Decide what to do about the server's answer to an item that was published.

The rule behind all of it: an item is stored exactly once or not at all, and none is skipped. An answer that leaves open
whether it was stored leads to a look at the account's newest item before anything is sent again.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

import msgspec

NO_SUCH_MESSAGE: Final = 10037
NO_SUCH_STREAM: Final = 10059
WRONG_LAST_SEQUENCE: Final = 10071
NO_ROOM: Final = 10077
ALREADY_IN_PROCESS: Final = 10158
BEING_CHECKED: Final = frozenset({10158, 10163, 10164, 10167, 10210, 10211})
"""Another publish of the same subject or id is being carried out, or too much at once: the same again in a moment."""

BATCH_HAS_DUPLICATE: Final = 10201
"""A batch is refused whole where one of its ids is known: part of it, or all, was stored by an earlier try."""

BATCH_INCOMPLETE: Final = 10176


class NextStep(enum.Enum):
    """The next step after an answer."""

    STORED = "stored"
    SEND_AGAIN = "send again"
    LOOK = "look what is stored"
    FENCED = "fenced"
    NO_ROOM = "no room"


class _ApiError(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class Answer(msgspec.Struct, frozen=True):
    """
    The server's answer to a publish, or to a request of its API.

    Attributes:
        seq: The stream's number of the message; the last one's of a batch.
        duplicate: Whether it had been stored by an earlier try.
        error: The refusal, if it is one.
    """

    seq: int = 0
    duplicate: bool = False
    error: _ApiError | None = None

    @property
    def code(self) -> int:
        """The code of the refusal; 0 where there is none."""
        return 0 if self.error is None else self.error.err_code

    @property
    def text(self) -> str:
        """The refusal in the server's words."""
        return "" if self.error is None else f"{self.error.description} ({self.error.err_code})"


_decode: Final = msgspec.json.Decoder(Answer).decode


def answer_of(data: bytes) -> Answer:
    """Read an answer. One that can't be read counts as a refusal of no known kind."""
    try:
        return _decode(data)
    except msgspec.DecodeError:
        return Answer(error=_ApiError(description="an answer that can't be read"))


class Step(NamedTuple):
    """
    The next step, and what is wrong.

    Attributes:
        wait_s: How long to wait before it.
        problem: The trouble in words; None where it is no trouble, or over in a moment.
    """

    next: NextStep
    wait_s: float = 0.0
    problem: str | None = None


STORED: Final = Step(NextStep.STORED)
MOMENT_S: Final = 0.02
RETRY_S: Final = 0.25
FULL_RETRY_S: Final = 1.0

UNANSWERED: Final = "no answer: the servers may be choosing a leader"


def step_after(answer: Answer) -> Step:
    """Return the next step after an answer."""
    code = answer.code
    if answer.error is None:
        return STORED if answer.seq else Step(NextStep.LOOK, RETRY_S, "an answer without a number")
    if code == WRONG_LAST_SEQUENCE:
        return Step(NextStep.FENCED)
    if code in BEING_CHECKED:
        return Step(NextStep.SEND_AGAIN, MOMENT_S)
    if code == BATCH_HAS_DUPLICATE:
        return Step(NextStep.LOOK, MOMENT_S)
    if code == BATCH_INCOMPLETE:
        return Step(NextStep.SEND_AGAIN, MOMENT_S)
    if code == NO_ROOM:
        return Step(NextStep.NO_ROOM, FULL_RETRY_S, f"the stream is full: {answer.text}")
    return Step(NextStep.SEND_AGAIN, RETRY_S, answer.text)


def step_unanswered(*, was_sent: bool) -> Step:
    """
    Return the next step where no answer came.

    Args:
        was_sent: Whether it may have been stored; without a leader nobody took it.
    """
    return Step(NextStep.LOOK if was_sent else NextStep.SEND_AGAIN, RETRY_S, UNANSWERED)
