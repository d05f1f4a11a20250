"""Every file of `src/` is proven somewhere, and every file is used: tests mirror the source, and nothing lies dead."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tests.tidy.source import PACKAGE, ROOT, House, files, house, none_of

PROVEN_ELSEWHERE: Final[dict[str, str]] = {
    "listenkey.__main__": "one line; tests/promises runs the command as a process",
    "listenkey.sandbox.__main__": "a few lines; tests/promises and tests/sandbox run it as a process",
}
"""Module -> where it is proven, and why not in a file of its own."""

DOORS: Final = {
    "listenkey": "what users import",
    "listenkey.__main__": "python -m listenkey",
    "listenkey.cli": "the command, named in pyproject.toml",
    "listenkey.testing": "the pytest plugin, named in pyproject.toml",
    "listenkey.sandbox.__main__": "python -m listenkey.sandbox",
}
"""Modules that nothing of ours imports, because somebody else does."""


def test_of(name: str) -> str:
    """Where a module's own test lives."""
    parts = name.split(".")[1:]
    folder = ["tests"] if parts[0] == "sandbox" else ["tests", "unit"]
    return "/".join([*folder, *parts[:-1], f"test_{parts[-1].strip('_')}.py"])


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test


def unproven(house: House, paths: Collection[str], elsewhere: Mapping[str, str]) -> Iterator[str]:
    """Modules without a test file of their own, and reasons that are no longer needed."""
    for name, module in house.modules.items():
        if name == PACKAGE or (module.is_package and len(module.lines) <= 1):
            continue
        own = test_of(f"{name}.init" if module.is_package else name)
        candidates = {own, test_of(name)} if module.is_package else {own}
        proven = bool(candidates & set(paths))
        if not proven and name not in elsewhere:
            yield f"{name} has no {test_of(name)}"
        elif proven and name in elsewhere:
            yield f"{name} has a test of its own; take it out of PROVEN_ELSEWHERE"
    yield from (f"{name} is in PROVEN_ELSEWHERE and is no module" for name in elsewhere if name not in house.names)


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
    planted = House.planted({"listenkey.clock": "", "listenkey.core.gap": "", "listenkey.sandbox.book": ""})
    paths = {"tests/unit/test_clock.py", "tests/sandbox/test_book.py", "tests/unit/core/test_gone.py"}
    assert list(unproven(planted, paths, {})) == ["listenkey.core.gap has no tests/unit/core/test_gap.py"]
    assert list(unproven(planted, paths, {"listenkey.core.gap": "by hand"})) == []
    assert (
        len(list(unproven(planted, paths, {"listenkey.core.gap": "", "listenkey.clock": "", "listenkey.no": ""}))) == 2
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
