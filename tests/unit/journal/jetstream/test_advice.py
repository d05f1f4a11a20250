from __future__ import annotations

import pytest

from listenkey.cli import exit_codes
from listenkey.errors import JournalError, Unreachable
from listenkey.journal.jetstream.advice import CHECK_SERVERS, MAKE_STREAMS, advised


def test_the_command_shows_the_advice_of_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.tell(advised(JournalError("the servers refused"))) == 5
    assert exit_codes.tell(advised(Unreachable("a:4222", "no"))) == 4
    assert capsys.readouterr().err.count(f"\n  what to do: {CHECK_SERVERS}\n") == 2


def test_advice_that_the_text_has_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    exit_codes.tell(advised(JournalError(f"there is no stream; {MAKE_STREAMS}"), MAKE_STREAMS))
    assert capsys.readouterr().err == f"listenkey: there is no stream\n  what to do: {MAKE_STREAMS}\n"
