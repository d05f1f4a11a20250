"""All mistakes stand in one error, in the order of the file."""

from __future__ import annotations

from pathlib import Path

from listenkey.errors import UsageError
from listenkey.gateway.mistakes import ConfigError, Mistake


def test_the_mistakes_are_in_the_order_of_their_lines() -> None:
    error = ConfigError(Path("g.toml"), [Mistake(9, "b"), Mistake(0, "a"), Mistake(10, "c")])
    assert isinstance(error, UsageError)
    assert str(error) == "g.toml has 3 mistakes: a; line 9: b; line 10: c"
    assert str(ConfigError(Path("g.toml"), [Mistake(2, "b")])) == "g.toml has 1 mistake: line 2: b"
