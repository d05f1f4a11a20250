"""A click group that imports a command when it is called, and commands that refuse to take a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

import click

SECRET_OPTIONS: Final = frozenset(
    {"--api-key", "--apikey", "--key", "--api-secret", "--apisecret", "--secret", "--private-key", "--listen-key"}
)

NO_SECRETS: Final = (
    "keys and secrets are never taken from the command line: other users of this machine can read it, and the shell "
    "keeps it.\nSet BINANCE_API_KEY (and BINANCE_API_SECRET or BINANCE_PRIVATE_KEY_FILE), or use --key-file PATH."
)


def refuse_secrets(arguments: list[str], context: click.Context | None) -> None:
    """Wrong use, with the reason, where somebody tries to hand over a secret as an option. Never shows the value."""
    for argument in arguments:
        if argument == "--":
            return
        if argument.partition("=")[0].replace("_", "-").lower() in SECRET_OPTIONS:
            raise click.UsageError(NO_SECRETS, ctx=context)


@contextmanager
def a_reader_may_leave() -> Iterator[None]:
    """Ends well where nobody reads our output any more. Click itself would end with 1."""
    try:
        yield
    except BrokenPipeError:
        raise click.exceptions.Exit(0) from None


class Command(click.Command):
    """A click command that explains why it takes no secret."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        refuse_secrets(args, ctx)
        return super().parse_args(ctx, args)


class CommandGroup(click.Group):
    """A click group whose commands explain why they take no secret."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        refuse_secrets(args, ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise with_suggestion(error, args[0], self.list_commands(ctx)) from None


def with_suggestion(error: click.UsageError, name: str, names: Iterable[str]) -> click.UsageError:
    """The error, naming the command that was meant, where one is close to what was typed."""
    close = get_close_matches(name, list(names), n=1)
    if not close or close[0] in error.message:
        return error
    return click.UsageError(f"{error.message} Did you mean {close[0]!r}?", ctx=error.ctx)


class LazyGroup(CommandGroup):
    """
    Knows each command's place and first line of help, and imports it only to run it or to show its own help.

    `listenkey --help` is asked for by people and by every press of the tab key; it has to be there at once.

    Args:
        commands_at: Name to (`module:attribute`, the line of help), in the order of the list.
    """

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = commands_at

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with a_reader_may_leave():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with a_reader_may_leave():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click names it
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.commands_at:
            return None
        module, _, name = self.commands_at[cmd_name][0].partition(":")
        found = getattr(import_module(module), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.commands_at.items()])
