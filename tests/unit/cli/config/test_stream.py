"""A stream is opened with what the settings say."""

from __future__ import annotations

import pytest

from listenkey.cli.config.settings import Addresses, load
from listenkey.cli.config.stream import open_stream
from listenkey.errors import UsageError


def test_the_settings_reach_the_stream() -> None:
    chosen = load(None, Addresses(venue="testnet"), {"BINANCE_API_KEY": "abc", "BINANCE_API_SECRET": "def"})
    stream = open_stream(chosen, account="alice")
    assert (stream.venue, stream.account) == (chosen.venue, "alice")
    with pytest.raises(UsageError, match="NATS"):
        open_stream(chosen, journal="nats://localhost")
