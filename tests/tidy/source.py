"""The house as text: its files, its modules, and what each imports. The rules are in the tests beside this file."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "listenkey"
SIMULATION: Final = "sim"
NOT_OURS: Final = {
    ".git",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "__pycache__",
    "build",
    "dist",
}


@dataclass(frozen=True)
class Module:
    """One Python file: its dotted name and its text."""

    name: str
    text: str
    is_package: bool = False
    path: str = "<planted>"

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@dataclass(frozen=True)
class House:
    """Modules by dotted name; made from `src/`, or from a mapping of names to texts in a self-test."""

    modules: Mapping[str, Module] = field(default_factory=dict)

    @classmethod
    def planted(cls, texts: Mapping[str, str]) -> House:
        """A house for a self-test. A name that another name lies below is a package."""
        names = dict.fromkeys([*texts, PACKAGE, *(name.rpartition(".")[0] for name in texts if "." in name)])
        packages = {name for name in names if any(other.startswith(name + ".") for other in names)}
        return cls({name: Module(name, texts.get(name, ""), name in packages) for name in names})

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.modules)

    def imports(self, module: Module) -> Iterator[tuple[str, int]]:
        """
        Every import of a module, as (dotted name, line): also those in functions and under TYPE_CHECKING.

        `from listenkey import venue` is an import of `listenkey.venue`, not of what `listenkey/__init__.py` shows.
        """
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = absolute(module, node)
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield (inner if inner in self.names else base), node.lineno

    def names_in_strings(self, module: Module) -> Iterator[tuple[str, int]]:
        """Modules named in strings, as lazy loaders do: `"listenkey.cli.tail:tail"`, or `".stream"` in a package."""
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            text = node.value.partition(":")[0]
            if text.startswith(".") and text.count(".") == 1 and module.is_package:
                text = module.name + text
            if text != module.name and text in self.names:
                yield text, node.lineno


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """The dotted name an import statement starts from, relative imports resolved."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    kept = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
    return ".".join([*kept, *([node.module] if node.module else [])])


@cache
def house() -> House:
    """Our own."""
    return _built(ROOT / "src", ROOT / "src")


@cache
def simulation() -> House:
    """The simulation, which is no part of the package and has floors of its own."""
    return _built(ROOT, ROOT / SIMULATION)


def _built(root: Path, source: Path) -> House:
    """The modules below `source`, by their names as seen from `root`."""
    found: dict[str, Module] = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path.read_text("utf-8"), is_package, str(path.relative_to(ROOT)))
    return House(found)


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed; outside a git checkout, every file that is not a tool's."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    )
    if listed.returncode == 0 and (ROOT / ".git").exists():
        return tuple(
            sorted(ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())
        )
    return tuple(
        sorted(path for path in ROOT.rglob("*") if path.is_file() and not NOT_OURS & set(path.relative_to(ROOT).parts))
    )


def texts(suffixes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(path from the root, text) of our files with one of these suffixes, or without a suffix where "" is named."""
    wanted = set(suffixes)
    for path in files():
        if path.suffix in wanted and path.name != "LICENSE":
            yield str(path.relative_to(ROOT)), path.read_text("utf-8")


@cache
def python_modules() -> tuple[Module, ...]:
    """Every Python file of the project, tests and benchmarks as well."""
    return tuple(Module(path.removesuffix(".py").replace("/", "."), text, path=path) for path, text in texts([".py"]))


def none_of(problems: Iterable[str]) -> None:
    """Assert that there are none; shows all of them, not the first that fits."""
    found = list(problems)
    assert not found, "\n".join(["", *found])
