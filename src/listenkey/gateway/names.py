"""The names that accounts may have: they stand in addresses, file names and subjects."""

from __future__ import annotations

import re
from typing import Final

from listenkey.errors import UsageError
from listenkey.key_sources.references import looks_like_a_key

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: str) -> None:
    """Raise UsageError for a name that no account can have. It is not repeated: it may be a key in the wrong place."""
    if not NAME.fullmatch(name):
        raise UsageError("this can't be an account's name: 1 to 64 letters, digits, _ and -, a letter or digit first")
    if looks_like_a_key(name):
        raise UsageError("this looks like a key itself, and an account's name is shown: take another")
