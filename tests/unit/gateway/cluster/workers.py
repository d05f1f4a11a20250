"""Several gateways on one log, each with a folder of its own, in the process of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from listenkey.gateway.config import read_config
from listenkey.gateway.service import GatewayService
from listenkey.testing import LocalSandbox
from tests.unit.gateway.written import private

TOKEN = "a-token-that-all-workers-have-in-common"


def worker_config(
    folder: Path, sandbox: LocalSandbox, journal: str, worker: str, *names: str, session_s: int = 3
) -> Path:
    """Write the configuration of one worker; the accounts are at the exchange, and their keys in the folder."""
    private(folder / "token", TOKEN)
    lines = [
        "[gateway]",
        'listen = "127.0.0.1:0"',
        f'journal = "{journal}"',
        f'folder = "{worker}"',
        f'worker = "{worker}"',
        f"session_s = {session_s}",
        'token_file = "token"',
        f'rest_url = "{sandbox.rest_url}"',
        f'ws_url = "{sandbox.ws_url}"',
        *(f'[[accounts]]\nname = "{name}"\nkey = "file:{name}.env"' for name in names),
    ]
    path = folder / f"{worker}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@asynccontextmanager
async def worker_of(
    folder: Path, sandbox: LocalSandbox, journal: str, worker: str, *names: str, session_s: int = 3
) -> AsyncIterator[GatewayService]:
    path = worker_config(folder, sandbox, journal, worker, *names, session_s=session_s)
    async with GatewayService(read_config(path)) as service:
        yield service


def held(service: GatewayService) -> set[str]:
    """The accounts that a worker holds."""
    return {account.name for account in service.accounts if account.elsewhere is None}


def live(service: GatewayService) -> set[str]:
    """The accounts whose streams a worker runs, and that have come through their start."""
    return {account.name for account in service.accounts if account.elsewhere is None and account.has_arrived}
