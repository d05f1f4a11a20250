"""Configurations and key files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

KEY: Final = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with this mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def key_file(folder: Path, name: str, *, signs: bool = True) -> Path:
    """The keys of an account, which are its name."""
    secret = f"BINANCE_API_SECRET=secret-of-{name}\n" if signs else ""
    return private(folder / f"{name}.env", f"BINANCE_API_KEY=key-of-{name}\n{secret}")


def config_of(folder: Path, *names: str, more: str = "") -> Path:
    """A configuration of these accounts, each with a key file, and with more lines in its first table."""
    accounts = []
    for name in names:
        key_file(folder, name)
        accounts.append(f'\n[[accounts]]\nname = "{name}"\nkey = "file:{name}.env"\n')
    path = folder / "gateway.toml"
    path.write_text(f'[gateway]\njournal = "journals"\n{more}' + "".join(accounts))
    return path
