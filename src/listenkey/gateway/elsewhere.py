"""The place of an account that another worker holds."""

from __future__ import annotations

from typing import NamedTuple


class Elsewhere(NamedTuple):
    """
    The worker that holds an account.

    Attributes:
        worker: Its name; empty where nobody holds it at the moment.
        url: Where it answers.
    """

    worker: str = ""
    url: str = ""

    def __str__(self) -> str:
        return f"{self.worker} at {self.url}" if self.worker else "nobody"


def is_with_another(where: Elsewhere | None) -> bool:
    """Return True where another worker holds an account; `where` is None of one that is held here."""
    return where is not None and bool(where.worker)
