"""A name is imported under its own name, so that a word in one file is the same word in the next."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from tests.tidy.source import Module, none_of, python_modules

CUSTOM: Final = {
    ("listenkey.core.actions", "do"): "the lifecycle's requests read as `do.OpenSocket`, in every file",
    ("listenkey.core.inputs", "on"): "what it is told reads as `on.KeyReady`, in every file",
    ("collections.abc.Set", "AbstractSet"): "`set` and `Set` are two things; typing's documentation has this alias",
    ("datetime", "dt"): "its class has the module's name",
    ("logging", "_logging"): "a public module shows no name that is not the library's",
    ("pyarrow", "pa"): "as in each page of pyarrow",
}
"""(the import, its other name) -> the reason for the custom."""


def aliases(module: Module) -> Iterator[tuple[str, str, int]]:
    """Yield imports under another name, as (import, the name, line)."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                if alias.asname not in (None, alias.name):
                    yield base + alias.name, str(alias.asname), node.lineno


def ours() -> list[Module]:
    """Return all modules but the tests', which name what they take to pieces as they like."""
    return [module for module in python_modules() if not module.path.startswith("tests/")]


def hidden(modules: Iterable[Module]) -> Iterator[str]:
    """Yield each import that hides a name."""
    for module in modules:
        for what, name, line in aliases(module):
            if (what, name) not in CUSTOM:
                yield f"{module.path}:{line}: {what} is called {name} here; import it as it is, or give it a better name"


def test_no_import_hides_a_name() -> None:
    none_of(hidden(ours()))


def test_each_custom_is_in_use() -> None:
    used = {(what, name) for module in ours() for what, name, _ in aliases(module)}
    assert used == set(CUSTOM)


def test_an_import_that_hides_a_name_is_found() -> None:
    text = """
from listenkey.core import reconciliation as reconcile, actions as do, inputs as inputs
import listenkey.venue as place
import logging
def later():
    from listenkey.core.bill import Bill as Account
"""
    found = list(hidden([Module("listenkey.core.a", text)]))
    assert [problem.split(": ")[1].split(" is")[0] for problem in found] == [
        "listenkey.core.reconciliation",
        "listenkey.venue",
        "listenkey.core.bill.Bill",
    ]
