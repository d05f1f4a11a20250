"""Each shell gets a script, and it completes."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from listenkey.cli.main import command, run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_this_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_LISTENKEY_COMPLETE" in capsys.readouterr().out


def test_commands_options_and_values_are_completed() -> None:
    complete = ShellComplete(command, {}, "listenkey", "_LISTENKEY_COMPLETE")
    assert [item.value for item in complete.get_completions([], "d")] == ["demo", "doctor"]
    assert "--journal" in [item.value for item in complete.get_completions(["tail"], "--")]
    assert [item.value for item in complete.get_completions(["tail", "--venue"], "")] == [
        "production",
        "legacy",
        "testnet",
    ]


def test_an_unknown_shell_is_wrong_use() -> None:
    assert run(["completion", "csh"]) == 2
