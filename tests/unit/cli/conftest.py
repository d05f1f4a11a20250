"""The command changes logging and remembers secrets for its process; each test gets a fresh start."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import pytest

from listenkey.testing import LocalSandbox


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_PRIVATE_KEY_FILE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("LISTENKEY_REST_URL", "LISTENKEY_WS_URL", "LISTENKEY_TIME_SCALE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("listenkey.key_sources.remembered.REMEMBERED", {})
    root = logging.getLogger()
    handlers, level, show = root.handlers[:], root.level, warnings.showwarning
    yield
    root.handlers[:], warnings.showwarning = handlers, show
    root.setLevel(level)


@pytest.fixture
def exchange(binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> LocalSandbox:
    """A sandbox that the environment points to, keys included."""
    monkeypatch.setenv("BINANCE_API_KEY", binance_options_sandbox.api_key)
    monkeypatch.setenv("LISTENKEY_REST_URL", binance_options_sandbox.rest_url)
    monkeypatch.setenv("LISTENKEY_WS_URL", binance_options_sandbox.ws_url)
    return binance_options_sandbox
