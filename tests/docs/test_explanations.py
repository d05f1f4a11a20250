"""Each dotted name of ours that a page names can be imported: a page that follows the code fails when the code moves."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.docs.pages import pages
from tests.tidy.source import none_of

DOTTED: Final = re.compile(r"`(listenkey(?:\.\w+)+)(?:\(\))?`")
TOURS: Final = {"docs/explanation/frame-to-item.md": 25, "docs/explanation/lost-message.md": 25}
"""Pages that follow the code, and the least number of functions and classes that each names."""


def resolved(name: str) -> Any:
    """Return what a dotted name stands for. Raises ImportError or AttributeError."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


def unresolved(found: Mapping[str, str]) -> Iterator[str]:
    for page, text in found.items():
        for name in dict.fromkeys(DOTTED.findall(text)):
            try:
                resolved(name)
            except (ImportError, AttributeError):
                yield f"{page}: there is no {name}; if it was moved, change the page"


def test_each_name_in_a_page_is_there() -> None:
    none_of(unresolved({page: text for page, text in pages().items() if not page.startswith("docs/decisions/")}))


@pytest.mark.parametrize(("page", "least"), TOURS.items())
def test_a_tour_names_functions_and_classes(page: str, least: int) -> None:
    names = set(DOTTED.findall(pages()[page]))
    assert sum(inspect.isroutine(resolved(name)) or inspect.isclass(resolved(name)) for name in names) >= least


def test_a_name_that_moved_is_found() -> None:
    planted = "`listenkey.UserStream.run` `listenkey.errors` `listenkey.no_such` `listenkey.items.Live.gone()` `listenkey tail`"
    assert [problem.split("no ")[1].split(";")[0] for problem in unresolved({"a.md": planted})] == [
        "listenkey.no_such",
        "listenkey.items.Live.gone",
    ]
