"""A configuration whose accounts are those of a sandbox, for tests that run a gateway."""

from __future__ import annotations

from pathlib import Path

from listenkey.testing import LocalSandbox
from tests.unit.gateway.written import private


def sandbox_keys(folder: Path, sandbox: LocalSandbox, *names: str) -> None:
    """Make accounts at the exchange, and a key file of each."""
    for name in names:
        made = sandbox.add_account(name)
        private(folder / f"{name}.env", f"BINANCE_API_KEY={made.api_key}\nBINANCE_API_SECRET={made.api_secret}\n")


def sandbox_config(folder: Path, sandbox: LocalSandbox, *names: str, more: str = "") -> Path:
    """Write a configuration of accounts whose key files are there."""
    lines = [
        "[gateway]",
        'listen = "127.0.0.1:0"',
        'journal = "journals"',
        f'rest_url = "{sandbox.rest_url}"',
        f'ws_url = "{sandbox.ws_url}"',
        more,
        *(f'[[accounts]]\nname = "{name}"\nkey = "file:{name}.env"' for name in names),
    ]
    path = folder / "gateway.toml"
    path.write_text("\n".join(lines) + "\n")
    return path
