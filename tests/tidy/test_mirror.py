"""Every file of `src/` is proven somewhere, and every file is used: tests mirror the source, and nothing lies dead."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tests.tidy.source import PACKAGE, ROOT, House, Module, files, house, none_of

PROVEN_ELSEWHERE: Final[dict[str, str]] = {
    "listenkey.__main__": "tests/promises/test_command_ends_at_once.py: one line; the command runs as a process",
    "listenkey.cli.display.annotation": "tests/unit/cli/display/test_renderers.py: values only; what renderers make of them",
    "listenkey.core.actions": "tests/unit/core/test_lifecycle.py: values only",
    "listenkey.core.inputs": "tests/unit/core/test_lifecycle.py: values only",
    "listenkey.core.states": "tests/unit/core/test_lifecycle.py: values only",
    "listenkey.gateway.http.served": "tests/unit/gateway/http/test_accounts_api.py: protocols",
    "listenkey.gateway.journals": "tests/unit/gateway/test_account.py: a protocol",
    "listenkey.health": "tests/unit/stream/test_user_stream.py: values only",
    "listenkey.journal.base": "tests/contract/test_journals.py: a protocol",
    "listenkey.sandbox.__main__": "tests/sandbox/test_server.py: a few lines around the server",
    "listenkey.sandbox.exchange.black_scholes": "tests/sandbox/exchange/test_pricing.py: the formula alone says little",
    "listenkey.sandbox.exchange.exchange": "tests/sandbox/exchange/test_matching.py: the front of the world; trading is how it is reached",
    "listenkey.sandbox.rest_api.api_keys": "tests/sandbox/rest_api/test_api.py: who asks, as a request shows it",
    "listenkey.sandbox.exchange.orders": "tests/sandbox/exchange/test_book.py: values, and what a book does with them",
    "listenkey.sandbox.exchange.records": "tests/sandbox/exchange/test_matching.py: values only; what is written down in them is read there",
    "listenkey.sandbox.exchange.protection_calls": "tests/sandbox/exchange/test_protection.py: what is set is what protects",
    "listenkey.sandbox.rest_api.refusals": "tests/sandbox/rest_api/test_signatures.py: values only",
    "listenkey.sandbox.exchange.rejections": "tests/sandbox/exchange/test_order_validation.py: values only",
}
"""Module -> where it is proven instead, and why not in a file of its own."""

DOORS: Final = {
    "listenkey": "what users import",
    "listenkey.__main__": "python -m listenkey",
    "listenkey.gateway.http.server": "what `gateway run` serves",
    "listenkey.journal.consumer_cursor": "what consumers with an SQLite database of their own import; docs/how-to/use-a-journal.md",
    "listenkey.cli": "the command, named in pyproject.toml",
    "listenkey.testing": "the pytest plugin, named in pyproject.toml",
    "listenkey.sandbox.__main__": "python -m listenkey.sandbox",
}
"""Modules that nothing of ours imports, because somebody else does."""


def test_of(name: str) -> str:
    """Return the path of a module's own test."""
    parts = name.split(".")[1:]
    folder = ["tests"] if parts[0] == "sandbox" else ["tests", "unit"]
    return "/".join([*folder, *parts[:-1], f"test_{parts[-1].strip('_')}.py"])


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test


def says_only_what_it_is(module: Module) -> bool:
    """A docstring at most, and names of others that it shows."""
    return all(
        isinstance(statement, ast.Expr | ast.ImportFrom)
        or (isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__")
        for statement in module.tree.body
    )


def unproven(house: House, paths: Collection[str], elsewhere: Mapping[str, str]) -> Iterator[str]:
    """Modules without a test file of their own, and reasons that are no longer needed or name no file."""
    for name, module in house.modules.items():
        if name == PACKAGE or (module.is_package and says_only_what_it_is(module)):
            continue
        own = test_of(f"{name}.init" if module.is_package else name)
        candidates = {own, test_of(name)} if module.is_package else {own}
        proven = bool(candidates & set(paths))
        if not proven and name not in elsewhere:
            yield f"{name} has no {test_of(name)}"
        elif proven and name in elsewhere:
            yield f"{name} has a test of its own; take it out of PROVEN_ELSEWHERE"
    for name, where in elsewhere.items():
        if name not in house.names:
            yield f"{name} is in PROVEN_ELSEWHERE and is no module"
        if where.partition(":")[0] not in paths:
            yield f"{name} is said to be proven in {where.partition(':')[0]}, which does not exist"


def orphans(house: House, paths: Collection[str]) -> Iterator[str]:
    """Tests in tests/unit whose module is gone."""
    known = {test_of(name) for name in house.names if name != PACKAGE}
    known |= {test_of(f"{name}.init") for name, module in house.modules.items() if module.is_package}
    for path in paths:
        if path.startswith("tests/unit/") and path.rpartition("/")[2].startswith("test_") and path not in known:
            yield f"{path} mirrors no file of src"


def dead(house: House, doors: Collection[str]) -> list[str]:
    """Modules that nothing imports, not even by name in a lazy loader."""
    used = set(doors)
    for module in house.modules.values():
        mentions = [*house.imports(module), *house.names_in_strings(module)]
        used |= {name for name, _ in mentions if name != module.name}
    living = used | {name.rpartition(".")[0] for name in used}
    return sorted(house.names - living)


def test_every_module_has_a_test_of_its_own() -> None:
    paths = {str(path.relative_to(ROOT)) for path in files()}
    none_of(unproven(house(), paths, PROVEN_ELSEWHERE))
    none_of(orphans(house(), paths))


def test_no_module_lies_dead() -> None:
    none_of(dead(house(), DOORS))


def test_a_missing_test_is_found() -> None:
    planted = House.planted({"listenkey.clock": "", "listenkey.core.gap": "", "listenkey.sandbox.exchange.book": ""})
    paths = {"tests/unit/test_clock.py", "tests/sandbox/exchange/test_book.py", "tests/unit/core/test_gone.py"}
    assert list(unproven(planted, paths, {})) == ["listenkey.core.gap has no tests/unit/core/test_gap.py"]
    assert list(unproven(planted, paths, {"listenkey.core.gap": "tests/unit/test_clock.py: by hand"})) == []
    assert len(list(unproven(planted, paths, {"listenkey.core.gap": "tests/unit/no.py: by hand"}))) == 1
    assert (
        len(list(unproven(planted, paths, {"listenkey.clock": next(iter(paths)), "listenkey.no": next(iter(paths))})))
        == 3
    )
    assert list(orphans(planted, paths)) == ["tests/unit/core/test_gone.py mirrors no file of src"]


def test_a_dead_module_is_found() -> None:
    planted = House.planted(
        {
            "listenkey": "LAZY = {'tail': 'listenkey.cli.tail:tail', 'stream': '.stream'}",
            "listenkey.cli.tail": "from listenkey.core import gap",
            "listenkey.core.gap": "",
            "listenkey.core.old": "import listenkey.core.old",
            "listenkey.stream": "",
        }
    )
    assert dead(planted, {"listenkey"}) == ["listenkey.core.old"]
