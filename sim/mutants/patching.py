"""Break a build: replace names of the client for as long as a `with` lasts."""

from __future__ import annotations

import contextlib
import inspect
import textwrap
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
    replace_transition(patches, real, other)
    put(patches, Lifecycle, name, other)


def replace_transition(patches: Patches, real: Callable[..., None], other: Callable[..., None]) -> None:
    """Another function stands in the table, wherever this one did."""
    known = lifecycle.TRANSITIONS.items()
    table = {pair: cell._replace(handle=other) if cell.handle is real else cell for pair, cell in known}
    patches.enter_context(patch.dict(lifecycle.TRANSITIONS, table))


def rewritten(patches: Patches, place: Any, name: str, *changes: tuple[str, str]) -> None:
    """
    A function is compiled anew, with pieces of its text in place of others.

    Raises:
        ValueError: The client's text is another one now, so that the mutant would change nothing.
    """
    real = inspect.unwrap(getattr(place, name))
    text = textwrap.dedent(inspect.getsource(real))
    for before, after in changes:
        if text.count(before) != 1:
            raise ValueError(f"{name} has {text.count(before)} times: {before}")
        text = text.replace(before, after)
    made: dict[str, Any] = {}
    exec(compile("from __future__ import annotations\n" + text, f"<{name}, broken>", "exec"), real.__globals__, made)
    put(patches, place, name, made[real.__name__])
