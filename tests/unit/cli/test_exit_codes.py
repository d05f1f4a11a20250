"""Errors become exit codes and two lines."""

from __future__ import annotations

import click
import pytest

from listenkey import errors
from listenkey.cli import exit_codes

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


def every_error(kind: type[errors.ListenKeyError]) -> list[type[errors.ListenKeyError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in every_error(child))]


def test_every_error_of_the_library_has_a_meaning() -> None:
    assert {kind for kind, _, _ in exit_codes.MEANINGS} <= set(every_error(errors.ListenKeyError))
    for place, (kind, _, _) in enumerate(exit_codes.MEANINGS):
        wider = [above for above, _, _ in exit_codes.MEANINGS[:place] if issubclass(kind, above)]
        assert not wider, f"{kind.__name__} is hidden by {wider}"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("no"), 2),
        (errors.Refused(401, -2015, "Invalid API-key"), 3),
        (errors.KeyUnknown(400, -1125, "gone"), 3),
        (errors.Retired(410), 3),
        (errors.Banned(418), 4),
        (errors.RateLimited(429), 4),
        (errors.VenueDown(503), 4),
        (errors.Unreachable("eapi.binance.com", "refused"), 4),
        (errors.TimedOut("POST", 10), 4),
        (errors.ProtocolError("not JSON"), 4),
        (errors.Full("disk"), 5),
        (errors.Fenced("held"), 6),
        (errors.LeaseLost("held"), 6),
    ],
)
def test_codes(error: errors.ListenKeyError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.tell(error) == code
    what, todo = capsys.readouterr().err.splitlines()
    assert what.startswith("listenkey: ")
    assert todo.startswith("  what to do: ")


@pytest.mark.parametrize(
    ("text", "happened", "to_do"),
    [
        ("there is no journal; give a path", "there is no journal", "give a path"),
        ("x.pem can't be read", "x.pem can't be read", "correct the command line, the environment or the key file"),
        ("account='a' was given; name it (--account)", "--account 'a' was given", "name it"),
        ("/data/keep_days.db is a folder; give a file", "/data/keep_days.db is a folder", "give a file"),
    ],
    ids=["own advice", "none", "an argument", "a path that looks like one"],
)
def test_wrong_use_says_what_its_message_knows(
    text: str, happened: str, to_do: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_codes.tell(errors.UsageError(text)) == 2
    assert capsys.readouterr().err == f"listenkey: {happened}\n  what to do: {to_do}\n"


def test_the_errors_own_advice_is_not_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    exit_codes.tell(errors.Refused(401, -2015, "Invalid API-key"))
    assert capsys.readouterr().err.startswith("listenkey: HTTP 401, code -2015: Invalid API-key\n")


def test_a_bug_is_two_lines_and_with_debug_a_traceback_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError(f"sent {KEY}")

    with pytest.raises(RuntimeError) as raised:
        fail()
    assert exit_codes.tell(raised.value) == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 2
    assert exit_codes.tell(raised.value, debug=True) == 1
    traced = capsys.readouterr().err
    assert "in fail" in traced
    assert KEY not in told + traced


def test_a_group_of_errors_is_told_by_the_one_that_explains_it(capsys: pytest.CaptureFixture[str]) -> None:
    group = ExceptionGroup("tasks", [RuntimeError("x"), errors.Refused(401)])
    assert exit_codes.tell(ExceptionGroup("outer", [group])) == 3
    assert "HTTP 401" in capsys.readouterr().err


def test_ends_that_are_no_errors_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.tell(BrokenPipeError()) == 0
    assert exit_codes.tell(KeyboardInterrupt()) == exit_codes.tell(click.Abort()) == 130
    assert exit_codes.tell(SystemExit(7)) == 7
    assert capsys.readouterr().err == ""


def test_wrong_use_does_not_repeat_what_may_be_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_codes.tell(click.UsageError(f"Got unexpected extra argument ({KEY})")) == 2
    assert KEY not in capsys.readouterr().err
