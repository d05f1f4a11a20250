"""
The event loop of the command and of the blocking twins: uvloop's where it is installed, else the standard library's.

In a program that is async itself the loop is its own choice; a stream runs on either. See docs/decisions/0010.
"""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from typing import Final

CHOICE: Final = "LISTENKEY_LOOP"
"""`asyncio` leaves uvloop where it is."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new loop, not running."""
    if os.environ.get(CHOICE) != "asyncio":
        try:
            loop: asyncio.AbstractEventLoop = import_module("uvloop").new_event_loop()
        except ImportError:
            pass
        else:
            return loop
    return asyncio.new_event_loop()
