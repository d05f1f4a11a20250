"""The public names: each says what it is, and importing them loads only what a stream needs."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from tests.tidy.source import none_of

MISSING: Final = object()
HEAVY: Final = {"aiohttp", "click", "rich", "cryptography", "sqlite3", "pytest", "listenkey.cli", "listenkey.sandbox"}
"""The modules that `import listenkey` leaves to the moment they are needed."""


def own_docstring(thing: object) -> str:
    """The docstring somebody wrote for it: not its base's, and not the signature that a dataclass writes."""
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else getattr(thing, "__doc__", None)
    name = getattr(thing, "__name__", "")
    return "" if not isinstance(text, str) or text.startswith(f"{name}(") else text.strip()


def public_names() -> dict[str, object]:
    """By name, in their order. Imported here, so that a broken package is one red test and not a broken suite."""
    package = importlib.import_module("listenkey")
    return {name: getattr(package, name, MISSING) for name in package.__all__}


def undocumented(public: Mapping[str, object]) -> Iterator[str]:
    """Public classes and functions, and their public methods, that don't say what they are."""
    for name, thing in public.items():
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        if not own_docstring(thing):
            yield name
        methods = vars(thing) if inspect.isclass(thing) else {}
        for method, value in methods.items():
            function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if not method.startswith("_") and inspect.isfunction(function) and not own_docstring(function):
                yield f"{name}.{method}"


def test_every_public_name_says_what_it_is() -> None:
    none_of(undocumented(public_names()))


def test_the_public_names_are_listed_once_and_exist() -> None:
    names = importlib.import_module("listenkey").__all__
    assert len(names) == len(set(names))
    assert [name for name, thing in public_names().items() if thing is MISSING] == []


def test_importing_loads_only_what_a_stream_needs() -> None:
    program = "import json, sys, listenkey; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert HEAVY & set(json.loads(run.stdout)) == set()


def test_a_silent_name_is_found() -> None:
    class Silent:
        def method(self) -> None: ...

        def _private(self) -> None: ...

    class Told(Silent):
        """Says so."""

    found = list(undocumented({"Silent": Silent, "Told": Told, "NUMBER": 5}))
    assert found == ["Silent", "Silent.method"]
