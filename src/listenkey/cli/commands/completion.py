"""`listenkey completion`: the script that makes a shell complete the command."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from listenkey.cli.config.options import debug_option
from listenkey.cli.groups import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@debug_option
def completion(shell: str) -> None:
    """
    Print the completion script of SHELL.

    \b
    Examples:
      listenkey completion bash > ~/.local/share/bash-completion/completions/listenkey
      listenkey completion zsh > ~/.zfunc/_listenkey          # with fpath+=~/.zfunc before compinit
      listenkey completion fish > ~/.config/fish/completions/listenkey.fish
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows the three shells that the argument allows"
    click.echo(found(click.get_current_context().find_root().command, {}, "listenkey", "_LISTENKEY_COMPLETE").source())
