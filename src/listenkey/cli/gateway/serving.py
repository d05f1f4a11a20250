"""Run a gateway until a signal, and follow its configuration at SIGHUP."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import signal
from typing import TYPE_CHECKING

import click

from listenkey.cli import exit_codes
from listenkey.cli.gateway.check_report import mistakes_text
from listenkey.cli.running import Stop, cancel_and_wait, first_of
from listenkey.errors import ListenKeyError
from listenkey.gateway.mistakes import ConfigError
from listenkey.gateway.service import GatewayService

if TYPE_CHECKING:
    from listenkey.gateway.config import GatewayConfig

log = logging.getLogger("listenkey")


class Hangups:
    """
    SIGHUPs, from the first moment of the process: one that comes while it starts must not end it.

    A terminal that is closed sends the same signal. Then it is meant as everywhere else: the gateway ends.
    """

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self._had_terminal = has_terminal()
        self._came_early = False
        signal.signal(signal.SIGHUP, self._early)

    def _early(self, *_: object) -> None:
        self._came_early = True

    def watch(self, stop: Stop) -> None:
        """Set `came` at each from now on, and for those before; a closed terminal asks to stop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._note, stop)
        if self._came_early:
            self._note(stop)

    def _note(self, stop: Stop) -> None:
        if self._had_terminal and not has_terminal():
            stop.on_signal()
        else:
            self.came.set()


def has_terminal() -> bool:
    """Return True where this process belongs to a terminal that is there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


async def serve(stop: Stop, config: GatewayConfig, hangups: Hangups, *, port: int | None, as_json: bool) -> int:
    """Start the gateway, say where it is, and wait for the end; the exit code."""
    for warning in config.warnings:
        exit_codes.print_error(f"listenkey: warning: {exit_codes.safe(str(warning))}")
    async with GatewayService(config, port=port) as service:
        click.echo(json.dumps(start_line(service)) if as_json else start_text(service))
        hangups.watch(stop)
        following = asyncio.create_task(follow_config(service, hangups.came))
        ending = asyncio.create_task(end_with(service))
        try:
            await first_of(stop, ending)
        finally:
            ending.cancel()
            await cancel_and_wait(following)
        lacking = [account.name for account in service.accounts if account.health().journal_problem]
        if lacking:
            stop.exit_code = exit_codes.JOURNAL
    if lacking:
        exit_codes.print_error(unwritten_text(lacking))
    return stop.exit_code


async def end_with(service: GatewayService) -> None:
    """Wait until nothing can be written any more, and raise the reason: another gateway writes, or the file is damaged."""
    raise await service.ended()


def start_line(service: GatewayService) -> dict[str, object]:
    """Return what a program needs to use the gateway."""
    return {"url": service.url, "token": service.token.reveal(), "accounts": len(service.accounts)}


def start_text(service: GatewayService) -> str:
    """Return what a person needs to use the gateway. A token is shown once: when it was made."""
    kept = service.token_file
    many = "1 account" if len(service.accounts) == 1 else f"{len(service.accounts)} accounts"
    lines = [f"gateway of {many} at {service.url} (Ctrl-C ends it)"]
    if service.token_is_new:
        lines.append(f"token: {service.token.reveal()}  (shown this once, and kept in {kept})")
    else:
        lines.append(f"token: in {kept}")
    # From a file and not as an argument: every user of this machine can read the command lines of all.
    header = f"<(printf 'Authorization: Bearer %s' \"$(cat {shlex.quote(str(kept))})\")"
    lines.append(f"try: curl -H @{header} {service.url}/v1/accounts")
    return "\n".join(lines)


def unwritten_text(names: list[str]) -> str:
    """Return what to say of an end while journals could not be written."""
    return (
        f"listenkey: it ended while the journal could not be written: {', '.join(names[:8])}{', …' if names[8:] else ''}\n"
        "  what to do: put that right, then start again: with a secret, REST is asked for the fills"
    )


async def follow_config(service: GatewayService, hung_up: asyncio.Event) -> None:
    """Read the configuration again at each SIGHUP; a failure is told, and the next SIGHUP is followed all the same."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        exit_codes.print_error(await _survived(service))


async def _survived(service: GatewayService) -> str:
    """Follow the configuration, and return what to say of it, whatever goes wrong."""
    try:
        return await reloaded(service)
    except Exception as bug:  # the top of a reload: whatever it raises, the next SIGHUP is followed
        log.exception("a bug in reading the configuration again")
        return failed_text(bug)


def failed_text(error: Exception) -> str:
    """Return what to say of a reload that failed in a way that nobody has foreseen."""
    return (
        f"listenkey: the configuration was not followed to its end ({type(error).__name__}); the log has more\n"
        "  what to do: send SIGHUP again, which does the rest; `listenkey gateway status` shows what runs"
    )


async def reloaded(service: GatewayService) -> str:
    """Follow the configuration, and return what to say of it."""
    path = service.config.path
    try:
        found, failures = await service.reload()
    except ConfigError as error:
        return f"listenkey: nothing was changed, since the file has mistakes\n{mistakes_text(error)}"
    except ListenKeyError as error:
        return f"listenkey: nothing was changed: {exit_codes.sentence(error)}"
    lines = [f"listenkey: {path} was read again: {found}"]
    lines += [f"  warning: {exit_codes.safe(str(warning))}" for warning in service.config.warnings]
    lines += [f"  not done, {exit_codes.safe(failure)}" for failure in failures]
    return "\n".join(lines)
