"""Open a stream for a command: one place, so that every command does it alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from listenkey.cli.config.settings import Settings
    from listenkey.stream.user_stream import UserStream


def open_stream(
    chosen: Settings, *, journal: str | None = None, account: str | None = None, keep_days: float | None = None
) -> UserStream:
    """The stream of one account, not yet started: enter it with `async with`."""
    from listenkey.stream.user_stream import UserStream

    return UserStream(
        api_key=chosen.api_key,
        api_secret=chosen.api_secret,
        private_key=chosen.private_key,
        venue=chosen.venue,
        journal=journal,
        account=account,
        keep_days=keep_days,
    )
