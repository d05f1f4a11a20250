"""The count of wrong documents that were tried, at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest

TRIED: Final[pytest.StashKey[Counter[str]]] = pytest.StashKey()


@pytest.fixture
def tried(pytestconfig: pytest.Config) -> Counter[str]:
    """Return the number of documents with a wrong field that were tried, by kind."""
    return pytestconfig.stash.setdefault(TRIED, Counter())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the count to the process that prints it, where the tests run in several."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        tried: Counter[str] = session.config.stash.get(TRIED, Counter())
        output["tried"] = dict(tried)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a process of the tests has counted."""
    node.config.stash.setdefault(TRIED, Counter()).update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the count."""
    counts = config.stash.get(TRIED, Counter())
    if counts:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        terminalreporter.write_line(f"documents with one wrong field: {counts.total():,} ({kinds})")
