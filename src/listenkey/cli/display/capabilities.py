"""Tell what this process is connected to, and how it may look."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def stdout_is_terminal() -> bool:
    """Return True where a person looks at stdout in a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def colours_allowed(environment: Mapping[str, str] = os.environ) -> bool:
    """https://no-color.org: not where NO_COLOR holds anything."""
    return not environment.get("NO_COLOR")
