"""Commands are imported when they are called, and no secret is taken from the command line."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from listenkey.cli.groups import SECRET_OPTIONS, refuse_secrets
from listenkey.cli.main import COMMANDS, command, run


def test_every_command_named_is_there_and_tells_its_first_line() -> None:
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None, name
        assert found.name == name
        assert "Example" in (found.help or ""), f"{name} --help shows no example"
    assert command.get_command(context, "nonsense") is None


@pytest.mark.parametrize("option", sorted(SECRET_OPTIONS))
def test_a_secret_as_an_option_is_wrong_use_and_is_not_repeated(option: str) -> None:
    with pytest.raises(click.UsageError, match="never taken from the command line") as told:
        refuse_secrets(["tail", f"{option}=hunter2hunter2"], None)
    assert "hunter2" not in told.value.format_message()


def test_spelling_does_not_get_a_secret_through() -> None:
    with pytest.raises(click.UsageError):
        refuse_secrets(["--API_SECRET", "x"], None)
    refuse_secrets(["--", "--api-secret"], None)
    refuse_secrets(["--key-file", "x"], None)


def test_the_help_imports_no_command() -> None:
    names = [module for place, _ in COMMANDS.values() for module in [place.partition(":")[0]]]
    asked = (
        "import sys; from listenkey.cli.main import run; run(['--help']); "
        f"print([name for name in {names!r} + ['rich', 'listenkey.sandbox.server'] if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("typed", "meant"), [(["jurnal"], "journal"), (["tial"], "tail"), (["journal", "exprot"], "export")]
)
def test_a_slip_of_the_fingers_is_answered_with_what_was_meant(
    typed: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(typed) == 2
    assert f"Did you mean '{meant}'?" in capsys.readouterr().err


def test_a_command_that_resembles_none_gets_no_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["xyzzy"]) == 2
    assert "mean" not in capsys.readouterr().err
