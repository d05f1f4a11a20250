"""Describe the arguments of a stream as one value, for code that passes them on."""

from __future__ import annotations

import os
from typing import Required, TypedDict

from listenkey.core.timing import Timing
from listenkey.venue import Venue


class StreamOptions(TypedDict, total=False):
    """The keyword arguments of `UserStream`; explained there."""

    api_key: Required[str]
    api_secret: str | None
    private_key: str | None
    venue: str | Venue | None
    journal: str | os.PathLike[str] | None
    consumer: str | None
    auto_commit: bool
    after: int | None
    keep_days: float | None
    keep_bytes: int | None
    account: str | None
    timing: Timing | None
    close_key_on_exit: bool
