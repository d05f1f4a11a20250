"""
Check that every type that users see is known in full, as their editors will show it. Run by `make types`.

pyright counts every module of a package as public. Ours are rooms of a house, and users are promised the names that
`listenkey` shows, `listenkey.errors`, `listenkey.events` and `listenkey.testing`; so what pyright finds is kept where
one of those is defined.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import listenkey
import listenkey.testing
from listenkey import errors, events

NO_PROMISE = {"listenkey.testing.LocalSandbox.sandbox": "a way into the sandbox's inside, which may change"}


def promised() -> set[str]:
    """Return the full names of classes and functions that are public, and of modules that are public as a whole."""
    names = {module.__name__ for module in (errors, events, listenkey.testing)}
    for name in listenkey.__all__:
        thing = getattr(listenkey, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            names.add(f"{defined_in(thing)}.{thing.__qualname__}")
    return names


def defined_in(thing: Any) -> str:
    """The module where it is written, even if it says `listenkey` of itself."""
    path = Path(inspect.getfile(thing)).with_suffix("")
    return ".".join(path.parts[len(Path(listenkey.__file__).parts) - 2 :]).removesuffix(".__init__")


def problems(found: list[dict[str, Any]], names: set[str]) -> Iterator[str]:
    for symbol in found:
        parts = symbol["name"].split(".")
        if not any(".".join(parts[:length]) in names for length in range(1, len(parts) + 1)):
            continue
        if symbol["name"] in NO_PROMISE:
            continue
        for diagnostic in symbol["diagnostics"]:
            line = diagnostic.get("range", {}).get("start", {}).get("line", -1) + 1
            yield f"{diagnostic.get('file', '')}:{line}: {symbol['name']}: {diagnostic['message']}"


def main() -> int:
    # pyright looks for packages beside the first `python` on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--verifytypes", "listenkey", "--ignoreexternal", "--outputjson"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    if not run.stdout.startswith("{"):
        print(run.stdout, run.stderr, sep="\n")
        return 1
    symbols = json.loads(run.stdout)["typeCompleteness"]["symbols"]
    names = promised()
    known = {symbol["name"] for symbol in symbols}
    # A name that pyright doesn't know would be checked by nobody.
    missing = sorted(
        name for name in names if name not in known and not any(one.startswith(name + ".") for one in known)
    )
    found = [*(f"{name}: pyright doesn't see it" for name in missing), *problems(symbols, names)]
    print("\n".join(found) or f"pyright: every type of the {len(names)} public names is known")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
