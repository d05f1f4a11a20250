"""The door: exit codes come out, and nothing but two lines of an error."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from listenkey.cli.main import run


def test_version_and_help_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("listenkey ")
    assert run(["--help"]) == 0
    assert "listenkey demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["tail", "--nonsense"], ["tail", "--seconds", "x"], ["tail", "--seconds", "0"], ["key"]]
)
def test_wrong_use_is_2_and_says_where_help_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "--help" in capsys.readouterr().err + capsys.readouterr().out or arguments == ["key"]


NUMBERS = ("nan", "NaN", "inf", "-inf", "-1", "0", "1e300", "x", "")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "arguments",
    [["tail", "--seconds"], ["tail", "--keep-days"], ["tail", "--time-scale"], ["demo", "--seconds"],
     ["sandbox", "--time-scale"], ["journal", "prune", "a.db", "--older-than"]],
)  # fmt: skip
def test_a_time_that_is_none_is_wrong_use(
    arguments: list[str], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, number]) == 2
    assert "--help" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", str(2**62 + 1), str(2**63), str(10**40), "1.5", "nan", ""])
def test_a_number_that_no_item_has_is_wrong_use(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", "a.db", "--from", number]) == 2
    assert "--from" in capsys.readouterr().err


def test_a_secret_as_an_option_is_refused_on_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--api-key", "hunter2hunter2"],
        ["key", "--secret=hunter2hunter2"],
        ["tail", "--api_secret", "hunter2hunter2"],
    ):
        assert run(arguments) == 2
        told = capsys.readouterr().err
        assert "BINANCE_API_KEY" in told
        assert "hunter2" not in told


def test_closed_standard_streams_do_no_harm() -> None:
    for closing in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"{sys.executable}" -m listenkey --help {closing}'], capture_output=True, check=False
        )
        assert done.returncode == 0, (closing, done.stderr)
        assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "listenkey", "--help"], stdout=stdout, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["help"], ["help", "tail"], ["help", "journal", "export"]])
def test_help_is_a_command_too(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    asked = capsys.readouterr().out
    assert run([*arguments[1:], "--help"]) == 0
    assert asked == capsys.readouterr().out


def test_a_letter_that_the_encoding_lacks_ends_nothing() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from listenkey.cli.main import open_standard_streams; open_standard_streams(); print('✓ ü')",
        ],
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == b"\\u2713 \xfc\n"
