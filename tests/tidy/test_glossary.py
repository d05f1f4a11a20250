"""One concept, one word: the glossary is true, class names are unique, and retired names do not come back."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from tests.tidy.source import ROOT, House, house, none_of, simulation

GLOSSARY: Final = ROOT / "docs" / "glossary.md"
ROW: Final = re.compile(r"^\| (?!term |---)([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
QUOTED: Final = re.compile(r"`([^`]+)`")

SHARED_2026_11_30: Final[dict[str, frozenset[str]]] = {}
"""Class names that two modules had on 2026-11-30: none is left. This list may only become shorter."""

SHARED_MAX: Final = 0

RETIRED: Final[dict[str, frozenset[str]]] = {
    "core": frozenset(
        {
            "carried", "gap", "history", "known", "mending", "merge", "reconcile", "repair", "sockets", "venue_time",
            "verdict", "watch",
        }
    ),
    "events": frozenset({"vocabulary", "words"}),
    "journal": frozenset({"chain", "cursor", "facts", "joining", "making", "place", "rows"}),
    "wire": frozenset({"lines", "loose", "masking", "shapes"}),
    "cli": frozenset(
        {
            "board", "exits", "exporting", "figures", "keyfile", "lazy", "note", "opening", "plain", "redact", "rows",
            "screen", "shows", "view",
        }
    ),
    "sandbox": frozenset(
        {
            "agenda", "control", "control_messages", "door", "duties", "entry_checks", "holdings", "identities", "keys",
            "landing", "limits", "malformed", "meters", "trading", "whereabouts",
        }
    ),
}  # fmt: skip
"""Names of files and folders that a room had before it got the field's words."""

RETIRED_IN_SIM: Final = frozenset(
    {
        "alive", "answers", "apart", "cancelling", "guests", "manners", "polled", "restores", "rows", "sparing", "strokes",
        "tiers",
    }
)  # fmt: skip
"""Names of the simulation's files, wherever they lay, before it had packages."""

RETIRED_PREFIXES: Final = {"cli": ("demo_",)}

RETIRED_IDENTIFIERS: Final = frozenset(
    {
        "Arrived", "Barren", "Do", "Door", "Doubt", "Governor", "Grown", "LinkOwner", "LossWatch", "Mending", "Merge",
        "Misfit", "OfSymbol", "Opener", "Repair", "Share", "Spending", "Subscription", "Trades", "Troubled", "Unreadable",
        "Verdict", "WeightLimit", "Words", "judge", "loose", "mark_of", "masking", "mended", "mending", "reconcile",
        "repair", "verdict",
    }
)  # fmt: skip
"""Names of classes and functions, with or without an underscore, that were given up; the glossary has the words."""


def homes_of_classes(house: House) -> dict[str, set[str]]:
    """Return the modules of each public class name, without `listenkey.`."""
    homes: dict[str, set[str]] = defaultdict(set)
    for module in house.modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(module.name.partition(".")[2])
    return homes


def shared_names(house: House, allowed: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Class names of several modules, and entries of the list that are no longer needed."""
    homes = homes_of_classes(house)
    for name, modules in sorted(homes.items()):
        if len(modules) > 1 and not modules <= allowed.get(name, frozenset()):
            yield f"class {name} is in {', '.join(sorted(modules))}; give each concept a name of its own"
    for name in allowed:
        if len(homes.get(name, ())) < 2:
            yield f"class {name} is unique now; take it out of SHARED_2026_11_30"


def retired_names(house: House) -> Iterator[str]:
    """Modules whose file or folder has a name that was given up."""
    for name in house.modules:
        room, *inner = name.split(".")[1:] or [""]
        for part in inner:
            if part in RETIRED.get(room, ()) or part.startswith(RETIRED_PREFIXES.get(room, ("\0",))):
                yield f"{name}: {part!r} is a retired name; docs/glossary.md has the word for it"


def retired_in_simulation(house: House) -> Iterator[str]:
    """Modules of the simulation whose name was given up."""
    for name in house.modules:
        if retired := RETIRED_IN_SIM & set(name.split(".")):
            yield f"{name}: {min(retired)!r} is a retired name; docs/glossary.md has the word for it"


def retired_identifiers(*houses: House) -> Iterator[str]:
    """Yield classes and functions whose name was given up."""
    for module in (module for one in houses for module in one.modules.values()):
        kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        for node in (node for node in ast.walk(module.tree) if isinstance(node, kinds)):
            if node.name.lstrip("_") in RETIRED_IDENTIFIERS:
                yield f"{module.path}:{node.lineno}: {node.name} is a retired name; docs/glossary.md has the word for it"


def terms(glossary: str) -> list[tuple[str, str, str]]:
    """The rows of the glossary: term, meaning, and the place in the code."""
    return [(match[1].strip(), match[2].strip(), match[3].strip()) for match in ROW.finditer(glossary)]


def astray(glossary: str, sources: Mapping[str, str]) -> Iterator[str]:
    """Files and names of the last column that are not there. A folder is named with a slash at its end."""
    for term, _, where in terms(glossary):
        quoted = QUOTED.findall(where)
        files = [name for name in quoted if name.endswith(".py")]
        folders = [name for name in quoted if name.endswith("/")]
        for missing in [name for name in files if name not in sources]:
            yield f"docs/glossary.md: {term}: there is no {missing}; if it was renamed, change the row"
        for folder in folders:
            if not any(path.startswith(folder) for path in sources):
                yield f"docs/glossary.md: {term}: there is no {folder}"
        text = "\n".join(sources.get(name, "") for name in files)
        for name in quoted:
            if name not in files and name not in folders and not re.search(rf"\b{re.escape(name)}\b", text):
                yield f"docs/glossary.md: {term}: {name} is in none of its files; if it was renamed, change the row"


def doubled(names: Collection[str]) -> list[str]:
    """Return the names that come more than once."""
    return sorted({name for name in names if list(names).count(name) > 1})


def test_public_class_names_are_unique() -> None:
    none_of(shared_names(house(), SHARED_2026_11_30))
    assert len(SHARED_2026_11_30) <= SHARED_MAX


def test_no_retired_name_comes_back() -> None:
    none_of(retired_names(house()))
    none_of(retired_in_simulation(simulation()))
    none_of(retired_identifiers(house(), simulation()))


def test_the_glossary_is_true_and_in_order() -> None:
    glossary = GLOSSARY.read_text("utf-8")
    modules = (*house().modules.values(), *simulation().modules.values())
    sources = {module.path.removeprefix("src/listenkey/"): module.text for module in modules}
    none_of(astray(glossary, sources))
    assert doubled([term for term, _, _ in terms(glossary)]) == []
    for section in glossary.split("\n## ")[1:]:
        names = [term.lower() for term, _, _ in terms(section)]
        assert names == sorted(names), section.splitlines()[0]


def test_the_table_of_decisions_is_true() -> None:
    """The table of CONTRIBUTING names files and names as the glossary does."""
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## The code that decides")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z].+\?) \| (.+) \|$", table, re.MULTILINE)
    assert len(rows) > 10
    modules = house().modules.values()
    sources = {module.path.removeprefix("src/listenkey/"): module.text for module in modules}
    none_of(
        astray("\n".join(f"| {question} | | {where} |" for question, where in rows).replace("| |", "| - |"), sources)
    )


def test_a_shared_and_a_retired_name_are_found() -> None:
    planted = House.planted(
        {
            "listenkey.core.a": "class Held: ...\nclass One: ...\nclass _Own: ...",
            "listenkey.wire.b": "class Held: ...\nclass _Own: ...",
            "listenkey.cli.display.board": "",
            "listenkey.cli.demo_plug": "",
            "listenkey.sandbox.trading.book": "",
            "listenkey.core.board": "",
        }
    )
    assert [problem.split(";")[0] for problem in shared_names(planted, {})] == ["class Held is in core.a, wire.b"]
    assert list(shared_names(planted, {"Held": frozenset({"core.a", "wire.b"})})) == []
    assert [problem.split(" is")[0] for problem in shared_names(planted, {"One": frozenset({"core.a", "x"})})] == [
        "class Held",
        "class One",
    ]
    assert sorted(problem.split(":")[0] for problem in retired_names(planted)) == [
        "listenkey.cli.demo_plug",
        "listenkey.cli.display.board",
        "listenkey.sandbox.trading",
        "listenkey.sandbox.trading.book",
    ]


def test_a_retired_name_of_the_simulation_is_found() -> None:
    planted = House.planted({"sim.faults.network": "", "sim.faults.strokes": "", "sim.tiers": ""})
    assert sorted(problem.split(":")[0] for problem in retired_in_simulation(planted)) == [
        "sim.faults.strokes",
        "sim.tiers",
    ]


def test_a_retired_class_and_a_retired_function_are_found() -> None:
    text = "class Opener: ...\nclass Openers: ...\nclass Gap:\n    def _mended(self): ...\n    async def verdict(self): ..."
    found = list(retired_identifiers(House.planted({"listenkey.core.a": text})))
    assert [problem.split(" is ")[0].rpartition(" ")[2] for problem in found] == ["Opener", "_mended", "verdict"]


def test_a_row_that_is_not_true_is_found() -> None:
    glossary = "| term | meaning | in the code |\n|---|---|---|\n| gap | A span. | `core/gaps.py` (`Gaps`, `No`), `x.py`, `y/` |"
    assert terms(glossary) == [("gap", "A span.", "`core/gaps.py` (`Gaps`, `No`), `x.py`, `y/`")]
    assert [
        problem.split(": ")[2].split(";")[0] for problem in astray(glossary, {"core/gaps.py": "class Gaps: ..."})
    ] == [
        "there is no x.py",
        "there is no y/",
        "No is in none of its files",
    ]
