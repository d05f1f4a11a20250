"""Break a build: replace names of the client for as long as a `with` lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from unittest.mock import patch

from listenkey.core import lifecycle
from listenkey.core.lifecycle import Lifecycle

Patches: TypeAlias = contextlib.ExitStack
NEVER_S: Final = 1e12


def put(patches: Patches, place: Any, name: str, stand_in: Any) -> None:
    """A name stands for something else."""
    patches.enter_context(patch.object(place, name, stand_in))


def transition(patches: Patches, name: str, make: Callable[[Callable[..., None]], Callable[..., None]]) -> None:
    """A transition of the lifecycle does something else; `make` is given what it did."""
    real = getattr(Lifecycle, name)
    other = make(real)
    table = {pair: other if known is real else known for pair, known in lifecycle.TRANSITIONS.items()}
    patches.enter_context(patch.dict(lifecycle.TRANSITIONS, table))
    put(patches, Lifecycle, name, other)
