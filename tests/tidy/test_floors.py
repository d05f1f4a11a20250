"""
The floors of the house: imports go down or stay on their floor, never up, never in a circle.

The table here is the law; CONTRIBUTING.md draws it. Imports in functions and under TYPE_CHECKING count as well: a
dependency is one wherever it is written.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.tidy.source import PACKAGE, SIMULATION, House, Module, house, none_of, simulation

WORDS, WIRE, CORE, HANDS, REST, ONE, MANY, PUBLIC, PEOPLE = range(9)

ROOMS: Final = {
    "venue": WORDS,
    "errors": WORDS,
    "events": WORDS,
    "items": WORDS,
    "outcomes": WORDS,
    "credentials": WORDS,
    "health": WORDS,
    "metrics": HANDS,
    "wire": WIRE,
    "core": CORE,
    "transport": HANDS,
    "journal": HANDS,
    "key_sources": HANDS,
    "rest": REST,
    "stream": ONE,
    "blocking": ONE,
    "gateway": MANY,
    "": PUBLIC,  # listenkey/__init__.py: the public names
    "testing": PEOPLE,
    "cli": PEOPLE,
    "__main__": PEOPLE,
}
"""The room is the name below `listenkey`; a room is a file, or a folder of files."""

NEIGHBOUR: Final = "sandbox"
NEIGHBOUR_MAY_IMPORT: Final = {"venue", NEIGHBOUR}
MAY_IMPORT_NEIGHBOUR: Final = {"testing", "cli", NEIGHBOUR}

NO_OUTSIDE: Final = {
    "aiohttp", "asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "picows", "queue",
    "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib.request", "warnings",
}  # fmt: skip
"""Modules for which a module that only holds words, turns bytes into values, or decides has no use."""

THIRD_PARTIES: Final = {
    "aiohttp": {"transport", "gateway", NEIGHBOUR},
    "click": {"cli"},
    "cryptography": {"wire", NEIGHBOUR},
    "keyring": {"key_sources"},
    "msgspec": {"events", "items", "health", "journal", "wire", "core", "stream", "gateway", "cli", NEIGHBOUR},
    "nats": {"journal"},
    "picows": {"transport"},
    "prometheus_client": {"metrics"},
    "psycopg": {"gateway"},
    "pyarrow": {"cli"},
    "pytest": {"testing"},
    "pytest_asyncio": {"testing"},
    "redis": {"gateway"},
    "rich": {"cli"},
    "yarl": {"transport"},  # aiohttp takes its addresses as these
}
"""The rooms that may use each package. Each package has a page in docs/decisions."""

NEIGHBOUR_DOORS: Final = {
    "__init__",
    "__main__",
    "clock",
    "http_server",
    "http_connections",
    "server",
    "websocket_server",
}
"""Files of the sandbox that touch the outside; its world and its rules are as pure as our own core."""


def room(name: str) -> str:
    return (name + "..").split(".")[1]


def floors_broken(house: House) -> Iterator[str]:
    """Imports that climb, doors that are not doors, rooms nobody knows."""
    for module in house.modules.values():
        here = room(module.name)
        if here not in ROOMS and here != NEIGHBOUR:
            yield f"{module.name}: no such room; give it a floor in tests/tidy/test_floors.py, and a reason"
            continue
        for name, line in house.imports(module):
            if name.split(".")[0] == PACKAGE and (why := climbs(here, room(name))):
                yield f"{module.path}:{line}: {here or PACKAGE} imports {name}: {why}"


def climbs(here: str, there: str) -> str:
    """Return why `here` may not import `there`; empty when it may."""
    if here == NEIGHBOUR:
        return "" if there in NEIGHBOUR_MAY_IMPORT else "the sandbox shares venue.py with the client and nothing else"
    if there == NEIGHBOUR:
        return "" if here in MAY_IMPORT_NEIGHBOUR else "only testing and cli open the sandbox"
    if there not in ROOMS:
        return "no such room"
    return "imports go down, never up" if ROOMS[there] > ROOMS[here] else ""


def circles(house: House) -> list[list[str]]:
    """Groups of modules that import each other, directly or by way of others."""
    below = {
        name: {there for there, _ in house.imports(module) if there in house.names and there != name}
        for name, module in house.modules.items()
    }

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = list(below[start])
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead.extend(below[name])
        return seen

    reached = {name: reach(name) for name in below}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in below
        if name in reached[name]
    }
    return [list(group) for group in sorted(groups)]


def is_pure(module: Module) -> bool:
    """Words, wire and core; and the sandbox behind its doors."""
    here = room(module.name)
    if here == NEIGHBOUR:
        return module.name.rpartition(".")[2] not in NEIGHBOUR_DOORS and not module.is_package
    return ROOMS.get(here, PEOPLE) <= CORE


def outside_touched(house: House) -> Iterator[str]:
    """Clocks, sockets, files and dice where there must be none: in words, wire, core and the sandbox's world."""
    for module in house.modules.values():
        if not is_pure(module):
            continue
        for name, line in house.imports(module):
            # A `random.Random` that is given in is an argument; drawing one's own is not allowed, see below.
            allowed = name == "random" and room(module.name) == NEIGHBOUR
            if not allowed and (name in NO_OUTSIDE or name.split(".")[0] in NO_OUTSIDE - {"urllib.request"}):
                yield f"{module.path}:{line}: {module.name} imports {name}; time, chance and the outside are given to it"
        yield from own_clock_or_dice(module)


def own_clock_or_dice(module: Module) -> Iterator[str]:
    calls = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid4", "uuid.uuid1"}
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute):
            continue
        written = ast.unparse(node)
        drawn = written.startswith("random.") and written != "random.Random"
        if drawn or any(written == call or written.endswith("." + call) for call in calls):
            yield f"{module.path}:{node.lineno}: {module.name} asks {written}; it must be an argument"


def third_parties_astray(house: House) -> Iterator[str]:
    """Packages used in a room that has no business with them."""
    for module in house.modules.values():
        for name, line in house.imports(module):
            top = name.split(".")[0]
            if top == PACKAGE or top in sys.stdlib_module_names:
                continue
            if room(module.name) not in THIRD_PARTIES.get(top, set()):
                yield f"{module.path}:{line}: {module.name} imports {top}; see THIRD_PARTIES in tests/tidy/test_floors.py"


INNER_FLOORS: Final = {
    "cli": {"config": 1, "display": 1, "demo": 2, "gateway": 2, "commands": 3, "main": 4, "__init__": 5},
    "sandbox": {
        "exchange": 1,
        "rest_api": 2,
        "websocket": 2,
        "world": 3,
        "admin_api": 4,
        "websocket_server": 4,
        "http_server": 5,
        "server": 6,
        "__main__": 7,
    },
}
"""Room -> the floors within it. Its other files are the ground, and import none of these."""


def inner_floors_broken(house: House) -> Iterator[str]:
    """Imports that climb within a room: a command uses what is displayed, and never the other way round."""

    def floor(floors: Mapping[str, int], name: str) -> int:
        return floors.get([*name.split("."), "__init__"][2], 0)

    for module in house.modules.values():
        floors = INNER_FLOORS.get(room(module.name), {})
        for name, line in house.imports(module):
            if floors and room(name) == room(module.name) and floor(floors, name) > floor(floors, module.name):
                yield f"{module.path}:{line}: {module.name} imports {name}: imports go down, never up"


SIM_FLOORS: Final = {
    "": 0,  # sim/__init__.py
    "judge": 0,
    "kernel": 1,
    "environment": 2,
    "client": 3,
    "faults": 4,
    "world": 5,
    "checkers": 6,
    "runner": 7,
    "mutants": 8,
    "__main__": 9,
}
"""The floors of the simulation, by the name below `sim`."""

NOT_FOR_SIM: Final = {"tests", "benchmarks"}


def sim_floors_broken(house: House) -> Iterator[str]:
    """Imports of the simulation that climb, or that lead to tests; and packages of it without a floor."""
    for module in house.modules.values():
        here = room(module.name)
        if here not in SIM_FLOORS:
            yield f"{module.name}: no such package; give it a floor in tests/tidy/test_floors.py, and a reason"
            continue
        for name, line in house.imports(module):
            top = name.partition(".")[0]
            if top in NOT_FOR_SIM:
                yield f"{module.path}:{line}: {module.name} imports {name}: tests use the simulation, not it them"
            elif top == SIMULATION and SIM_FLOORS.get(room(name), len(SIM_FLOORS)) > SIM_FLOORS[here]:
                yield f"{module.path}:{line}: {module.name} imports {name}: imports go down, never up"


ROOT: Final = Path(__file__).parents[2]


def drawn(text: str) -> dict[str, int]:
    """Return the rooms of a drawing of the house and their floors: names of files and folders after a floor's number."""
    rooms: dict[str, int] = {}
    floor: int | None = None
    for line in text.splitlines():
        if begins := re.match(r"(?:\| |  )([0-8]) \w+", line):
            floor = int(begins[1])
        elif not line.startswith("      " + " " * 9):
            floor = None
        if floor is not None:
            names = re.findall(r"`?([\w/]+?)(?:\.py|/)?`(?= *[,|])|\b([\w/]+?)(?:\.py|/)(?=\s|$|`)", line)
            rooms |= {(plain or marked).removeprefix("listenkey/"): floor for marked, plain in names}
    return {name if name != "__init__" else "": floor for name, floor in rooms.items()}


def test_each_drawing_of_the_house_has_every_room_on_its_floor() -> None:
    for page in ("CONTRIBUTING.md", "docs/decisions/0004-house-plan.md"):
        rooms = drawn((ROOT / page).read_text())
        wrong = {name for name in {*ROOMS, *rooms} if ROOMS.get(name) != rooms.get(name)}
        assert wrong <= {"__main__"}, f"{page}: {sorted(wrong)}"


def test_a_room_that_is_missing_from_a_drawing_or_on_another_floor_is_found() -> None:
    drawing = (
        "  4 account    rest.py  link.py\n               audit.py\n  1 wire       wire/    bytes: pure\nsandbox.py"
    )
    assert drawn(drawing) == {"rest": 4, "link": 4, "audit": 4, "wire": 1}
    table = (
        "| 4 one account | `rest`, `link` | join |\n| 3 hands | `wire/` | one |\n| the neighbour | `sandbox/` | no |"
    )
    assert drawn(table) == {"rest": 4, "link": 4, "wire": 3}


def test_no_import_climbs() -> None:
    none_of(floors_broken(house()))
    none_of(inner_floors_broken(house()))
    none_of(sim_floors_broken(simulation()))


def test_no_import_goes_in_a_circle() -> None:
    none_of(" - ".join(circle) for each in (house(), simulation()) for circle in circles(each))


def test_what_decides_touches_nothing() -> None:
    none_of(outside_touched(house()))


def test_each_package_stays_in_its_rooms() -> None:
    none_of(third_parties_astray(house()))


def test_climbing_is_found_wherever_it_hides() -> None:
    planted = House.planted(
        {
            "listenkey.venue": "from __future__ import annotations",
            "listenkey.errors": "def late():\n    from listenkey.wire import frames",
            "listenkey.wire.frames": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..core import gap",
            "listenkey.core.gap": "from listenkey import venue\nfrom .. import errors",
            "listenkey.transport.clock": "from listenkey import UserStream",
            "listenkey.rest": "import listenkey.sandbox.server",
            "listenkey.sandbox.server": "from listenkey import errors, venue",
            "listenkey.cli.demo": "from listenkey.sandbox.server import Sandbox\nfrom listenkey import UserStream",
            "listenkey.utils": "",
        }
    )
    found = {problem.partition(":")[2].split(": ")[1] for problem in floors_broken(planted) if "imports" in problem}
    assert found == {
        "errors imports listenkey.wire.frames",
        "wire imports listenkey.core.gap",
        "transport imports listenkey",
        "rest imports listenkey.sandbox.server",
        "sandbox imports listenkey.errors",
    }
    assert any(problem.startswith("listenkey.utils: no such room") for problem in floors_broken(planted))


def test_climbing_within_a_room_is_found() -> None:
    planted = House.planted(
        {
            "listenkey.cli": "from listenkey.cli.main import main",
            "listenkey.cli.main": "from listenkey.cli import redaction",
            "listenkey.cli.redaction": "from listenkey.cli.display import text",
            "listenkey.cli.display.text": "def f():\n    from listenkey.cli.commands.tail import tail",
            "listenkey.cli.commands.tail": "from listenkey.cli.display import text\nfrom listenkey import stream",
        }
    )
    assert sorted(problem.split(": ")[1] for problem in inner_floors_broken(planted)) == [
        "listenkey.cli.display.text imports listenkey.cli.commands.tail",
        "listenkey.cli.redaction imports listenkey.cli.display.text",
    ]


def test_climbing_within_the_simulation_is_found() -> None:
    planted = House.planted(
        {
            "sim.kernel.loop": "import asyncio\nfrom listenkey import venue",
            "sim.environment.network": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sim.client import process",
            "sim.client.process": "from sim.environment.network import Network\nfrom sim.client import program",
            "sim.client.program": "def f():\n    from sim.world.world import World",
            "sim.world.world": "from tests.chaos import stage\nfrom sim import judge",
            "sim.judge": "",
            "sim.utils": "",
        }
    )
    found = {problem.partition(":")[2].split(": ")[1] for problem in sim_floors_broken(planted) if "imports" in problem}
    assert found == {
        "sim.environment.network imports sim.client.process",
        "sim.client.program imports sim.world.world",
        "sim.world.world imports tests.chaos",
    }
    assert any(problem.startswith("sim.utils: no such package") for problem in sim_floors_broken(planted))


def test_a_circle_is_found() -> None:
    planted = House.planted(
        {
            "listenkey.core.a": "from listenkey.core import b",
            "listenkey.core.b": "from listenkey.core.c import thing",
            "listenkey.core.c": "def f():\n    import listenkey.core.a",
            "listenkey.core.d": "from listenkey.core import a",
        }
    )
    assert circles(planted) == [["listenkey.core.a", "listenkey.core.b", "listenkey.core.c"]]


def test_a_clock_in_the_core_is_found() -> None:
    planted = House.planted(
        {
            "listenkey.core.gap": "import asyncio.queues\nfrom datetime import datetime\nx = datetime.now()",
            "listenkey.wire.frames": "import urllib.parse\nfrom urllib.request import urlopen",
            "listenkey.sandbox.trading.book": "import random\nrng = random.Random(1)\nx = random.random()",
            "listenkey.sandbox.server": "import asyncio",
            "listenkey.clock": "import time",
        }
    )
    assert {problem.split(": ")[1].split(";")[0] for problem in outside_touched(planted)} == {
        "listenkey.core.gap imports asyncio.queues",
        "listenkey.core.gap asks datetime.now",
        "listenkey.wire.frames imports urllib.request",
        "listenkey.sandbox.trading.book asks random.random",
    }


def test_a_stray_package_is_found() -> None:
    planted = House.planted({"listenkey.core.gap": "import numpy", "listenkey.cli.tail": "import click, json"})
    assert [problem.split(": ")[1] for problem in third_parties_astray(planted)] == [
        "listenkey.core.gap imports numpy; see THIRD_PARTIES in tests/tidy/test_floors.py"
    ]
