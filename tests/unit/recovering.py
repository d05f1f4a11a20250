"""A recovery over a sandbox, for the tests of its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from typing import Any

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.account_state import FillIndex
from listenkey.core.timing import Timing
from listenkey.credentials import Credentials
from listenkey.errors import ListenKeyError, VenueDown
from listenkey.rest.account_client import AccountClient
from listenkey.stream.recovery import Recovery
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock

DOWN = VenueDown(503)


@asynccontextmanager
async def recovery_of(sandbox: LocalSandbox, **timing: float) -> AsyncIterator[Recovery]:
    credentials = Credentials.of(sandbox.api_key, sandbox.api_secret)
    times = Timing(**timing)  # type: ignore[arg-type]
    made = Recovery(credentials, sandbox.venue, SystemClock(), times, FillIndex(), lambda: None)
    try:
        await made.prepare()
        made.follows(whole=True)
        yield made
    finally:
        await made.aclose()


def recover(back_ms: int = 60_000, *, blind: bool = True) -> do.Recover:
    now_ms = SystemClock().wall_ms()
    return do.Recover(1, now_ms - back_ms, now_ms, now_ms - back_ms, blind)


async def no_part(_: on.RecoveredPart) -> None:
    raise AssertionError("it all fits into memory")


def break_lists(monkeypatch: pytest.MonkeyPatch, symbols: Container[str], error: ListenKeyError = DOWN) -> None:
    """Answer each request for the fills of these symbols with an error, a 503 where none is given."""
    trades_since = AccountClient.trades_since

    async def broken(snapshots: AccountClient, symbol: str | None, *more: Any) -> Any:
        if symbol in symbols:
            raise error
        return await trades_since(snapshots, symbol, *more)

    monkeypatch.setattr(AccountClient, "trades_since", broken)
