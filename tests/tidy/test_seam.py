"""
The seam between the client and the simulation: a stream's `Runtime`, and public names.

The simulation passes its clock, random numbers, connections, threads and files through `Runtime`. It replaces no name of
the client's modules, and reads no private name but those listed here. The broken builds of `sim/mutants/` do both.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from tests.tidy.source import SIMULATION, House, Module, none_of, simulation

PRIVATE: Final = {
    ("sim.client.process", "_driver"): "a stream's parts; faults age its sockets, and its status is noted at each step",
    (
        "sim.environment.network",
        "_owner",
    ): "whose connection a socket is; pings that nothing can happen to are left out",
    ("sim.kernel.loop", "_set_running_loop"): "asyncio's word for whoever writes an event loop",
}
PRIVATE_MAX: Final = 5

PATCHED: Final = {
    ("sim.faults.network", "setattr"): "an attribute of the simulation's own network, named by the fault",
}

PATCHES: Final = frozenset({"patch", "setattr", "MonkeyPatch"})


def private_names(module: Module) -> Iterator[tuple[str, int]]:
    """The names with an underscore that a module reads and does not define, with the line."""
    defined = {node.name for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    fields = [node.target for node in ast.walk(module.tree) if isinstance(node, ast.AnnAssign)]
    defined |= {field.id for field in fields if isinstance(field, ast.Name)}
    used: list[tuple[str, int]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self":
                defined.add(node.attr)
            used.append((node.attr, node.lineno))
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            used += [(alias.name, node.lineno) for alias in node.names if alias.name.startswith("_")]
    return (one for one in used if one[0] not in defined)


def patches(module: Module) -> Iterator[tuple[str, int]]:
    """The calls that replace a name somewhere else, and the constants that are set from there, with the line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            names = {each.id for each in ast.walk(node.func) if isinstance(each, ast.Name)}
            yield from ((name, node.lineno) for name in names & PATCHES)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del) and node.attr.isupper():
            yield node.attr, node.lineno  # a constant, and so a module's or a class's


def through_the_seam(
    sim: House, private: Mapping[tuple[str, str], str], patched: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """Yield each use that goes past the seam."""
    for module in sim.modules.values():
        if module.name.startswith(f"{SIMULATION}.mutants"):
            continue
        for name, line in private_names(module):
            if (module.name, name) not in private:
                yield f"{module.path}:{line}: {name} is private to another module; give its owner a public name"
        for name, line in patches(module):
            if (module.name, name) not in patched:
                yield f"{module.path}:{line}: {name} replaces a name of another module; pass it through Runtime"


def test_the_simulation_keeps_to_the_seam() -> None:
    none_of(through_the_seam(simulation(), PRIVATE, PATCHED))


def test_the_exceptions_are_few_and_still_there() -> None:
    sim = simulation().modules
    assert len(PRIVATE) <= PRIVATE_MAX
    assert all(name in {used for used, _ in private_names(sim[module])} for module, name in PRIVATE)
    assert all(name in {used for used, _ in patches(sim[module])} for module, name in PATCHED)


def test_what_goes_past_the_seam_is_found() -> None:
    text = """
from listenkey.transport.websocket import _shake_hands
def own(): self._mine = 1; return self._mine
def theirs(stream): return stream._driver
def base(self): return self._runtime
def replaced(): patch.object(place, "connect", other); setattr(place, "Store", other)
def set(): venue.ROWS_MAX = 5; limits.rows_max = 5
"""
    found = list(through_the_seam(House({"sim.a": Module("sim.a", text)}), {}, {}))
    assert [problem.split(": ")[1].split()[0] for problem in found] == [
        "_shake_hands", "_driver", "_runtime", "patch", "setattr", "ROWS_MAX",
    ]  # fmt: skip
    assert not list(through_the_seam(House({"sim.mutants.a": Module("sim.mutants.a", text)}), {}, {}))
