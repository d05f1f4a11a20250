"""Words that must not stand in our files: dangerous calls, notes to ourselves, one machine's paths."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.tidy.source import Module, files, house, none_of, texts

NOTES: Final = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X|HA" + r"CK)\b")
"""A note to ourselves belongs to where work is planned. Written in pieces, so that it doesn't find itself."""

ONE_MACHINE: Final = re.compile(r"(?<![\w.~/-])/(?:home|work|root|Users)/|[A-Z]:\\Users\\")
"""A path that exists on the author's machine only."""

PROSE_AND_CODE: Final = (".py", ".md", ".toml", ".sh", ".yml", ".yaml", ".cfg", ".ini", ".txt", "")
CALLS: Final = {"eval", "exec", "compile", "__import__"}
IMPORTS: Final = {"pickle", "marshal", "shelve", "telnetlib"}
ATTRIBUTES: Final = {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "yaml.load", "os.system", "os.popen"}
ARGUMENTS: Final = {
    ("shell", True),
    ("verify", False),
    ("verify_ssl", False),
    ("ssl", False),
    ("check_hostname", False),
}
NAMELESS_FILES: Final = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}


def dangerous(module: Module) -> Iterator[str]:
    """Running text as code, reading pickles, opening shells, and every way to turn the check of a certificate off."""
    for node in ast.walk(module.tree):
        if word := dangerous_word(node):
            yield f"{module.path}:{getattr(node, 'lineno', 0)}: {word}"


def dangerous_word(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            return name
        case ast.Import(names=names) if any(name.name.split(".")[0] in IMPORTS for name in names):
            return ast.unparse(node)
        case ast.ImportFrom(module=str(name)) if name.split(".")[0] in IMPORTS:
            return ast.unparse(node)
        case ast.Attribute(attr=name) if name in ATTRIBUTES or ast.unparse(node) in ATTRIBUTES:
            return ast.unparse(node)
        case ast.keyword(arg=str(name), value=ast.Constant(value=bool(value))) if (name, value) in ARGUMENTS:
            return f"{name}={value}"
        case ast.Assign(targets=[ast.Attribute(attr="check_hostname")], value=ast.Constant(value=False)):
            return ast.unparse(node)
        case _:
            return ""


def found_in(text: str, pattern: re.Pattern[str]) -> list[int]:
    """The lines where it stands."""
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def test_nothing_dangerous_is_called() -> None:
    none_of(problem for module in house().modules.values() for problem in dangerous(module))


def test_no_notes_to_ourselves() -> None:
    none_of(f"{path}:{line}" for path, text in texts(PROSE_AND_CODE) for line in found_in(text, NOTES))


def test_no_path_of_one_machine() -> None:
    none_of(f"{path}:{line}" for path, text in texts(PROSE_AND_CODE) for line in found_in(text, ONE_MACHINE))


def test_every_file_has_a_name_that_says_something() -> None:
    assert [str(path) for path in files() if path.name in NAMELESS_FILES] == []


def test_danger_is_found_in_every_form() -> None:
    lines = [
        "ev" + "al('1')",
        "import pickle",
        "from marshal import loads",
        "context.verify_mode = ssl.CERT_NONE",
        "context.check_hostname = False",
        "get(url, verify=False)",
        "session.get(url, ssl=False)",
        "run('ls', shell=True)",
        "yaml.load(text)",
        "os.system('ls')",
    ]
    assert len(list(dangerous(Module("m", "\n".join(lines))))) == len(lines)
    assert list(dangerous(Module("m", "re.compile('x')\nrun(x, shell=False)\nget(u, ssl=context)"))) == []


def test_notes_and_paths_are_found() -> None:
    assert found_in("fine\n# TO" + "DO: later\n", NOTES) == [2]
    assert found_in("to do\nMAXXX", NOTES) == []
    assert found_in(
        f"see /{'home'}/me/notes\nat=/{'work'}/x\nhttps://a.example/{'home'}/\n./{'work'}/x", ONE_MACHINE
    ) == [1, 2]
