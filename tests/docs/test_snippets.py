"""
Test the snippets of the pages: Python compiles and imports what exists, marked blocks run, commands are understood.

A mark is an HTML comment above a block:

    run                        runs to its end and exits with 0
    run until: PATTERN         prints a line with this pattern, and is then stopped
    file: NAME                 is put beside what is run with pytest on the same page
    run with pytest: NAME      is a test file whose tests pass
    reads a journal: NAME      see test_journal_page.py

The code is run as it stands, with what a sandbox prints to be exported; nothing is patched.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from listenkey.cli.main import command
from listenkey.testing import LocalSandbox
from tests.docs.pages import ROOT, Block, blocks, blocks_in, commands_in, inline_commands, pages

PYTHON = blocks("python")
SHELLS = ("sh", "bash", "console", "shell")
WITHIN_S = 30

PYTEST_INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def of_kind(kind: str) -> list[Block]:
    return [block for block in PYTHON if block.mark.partition(":")[0] == kind]


def argument(block: Block) -> str:
    return block.mark.partition(":")[2].strip()


def missing_names(block: Block) -> Iterator[str]:
    """Yield the names that a block imports from listenkey and that aren't there."""
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "listenkey":
            module = importlib.import_module(node.module or "")
            for name in node.names:
                if not hasattr(module, name.name):
                    yield f"{node.module}.{name.name}"


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_python_compiles_and_imports_what_exists(block: Block) -> None:
    compile(block.text, block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert list(missing_names(block)) == []


FRAGMENTS = {"docs/how-to/moving-from.md"}
"""Pages of tasks whose blocks continue a program that the reader has already."""

TO_BE_COPIED = [
    block for block in PYTHON if block.page.startswith(("README", "docs/how-to", "docs/tutorial"))
    and block.page not in FRAGMENTS
]  # fmt: skip


@pytest.mark.parametrize("block", TO_BE_COPIED, ids=lambda block: block.place)
def test_what_is_to_be_copied_uses_no_name_that_it_does_not_define(block: Block) -> None:
    line = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--select", "F821", "-"]
    ended = subprocess.run(line, input=block.text, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_every_mark_is_known() -> None:
    kinds = {"", "run", "run until", "file", "run with pytest", "reads a journal"}
    assert [block.place for block in PYTHON if block.mark.partition(":")[0] not in kinds] == []
    assert of_kind("run")
    assert of_kind("run until")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Yield the variables that a sandbox where bots trade prints to be exported."""
    with LocalSandbox(market=True) as sandbox:
        addresses = {"LISTENKEY_REST_URL": sandbox.rest_url, "LISTENKEY_WS_URL": sandbox.ws_url}
        keys = {"BINANCE_API_KEY": sandbox.api_key, "BINANCE_API_SECRET": sandbox.api_secret}
        yield os.environ | addresses | keys | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT / "src")}


@pytest.mark.parametrize("block", of_kind("run"), ids=lambda block: block.place)
def test_it_runs(block: Block, environment: dict[str, str], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", script(block, tmp_path)],
        env=environment,
        cwd=tmp_path,
        timeout=WITHIN_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("block", of_kind("run until"), ids=lambda block: block.place)
def test_it_runs_until_it_prints(block: Block, environment: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", script(block, tmp_path)],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(WITHIN_S, process.kill)
        watchdog.start()
        printed = []
        try:
            for line in process.stdout:
                printed.append(line)
                if re.search(argument(block), line):
                    break
            else:
                pytest.fail("it never printed what was to come:\n" + "".join(printed))
        finally:
            watchdog.cancel()
            process.kill()
    assert "Traceback" not in "".join(printed)


PROGRAMS = [block for block in of_kind("run until") if "UserStream(" in block.text and "asyncio.run" in block.text]
"""Whole programs of a user."""


def test_there_are_programs() -> None:
    assert {"README.md", "docs/reference/stream.md"} <= {block.page for block in PROGRAMS}


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: block.place)
def test_ctrl_c_ends_a_program_with_a_line(block: Block, environment: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", script(block, tmp_path)],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(WITHIN_S, process.kill)
        watchdog.start()
        try:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=WITHIN_S)
        finally:
            watchdog.cancel()
            process.kill()
    assert (process.returncode, errors, out.splitlines()[-1]) == (0, "", "stopped")


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: block.place)
def test_a_wrong_key_ends_a_program_with_a_line(block: Block, environment: dict[str, str], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", script(block, tmp_path)],
        env=environment | {"BINANCE_API_KEY": "w" * 64},
        cwd=tmp_path,
        timeout=WITHIN_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("refused: ")
    assert "Traceback" not in ended.stderr


FIRST_PROGRAMS = [block for block in PYTHON if re.search(r"environ.*BINANCE_API_KEY", block.text)
                  and not re.search(r"connect-|moving-from", block.page)]  # fmt: skip
"""Programs that are copied and run as they stand; the other pages' programs are of other libraries, or of a reader who has one."""


@pytest.mark.parametrize("block", FIRST_PROGRAMS, ids=lambda block: block.place)
def test_a_program_without_its_variables_says_which_to_set(block: Block, tmp_path: Path) -> None:
    without = {name: value for name, value in os.environ.items() if not name.startswith(("BINANCE", "LISTENKEY"))}
    ended = subprocess.run(
        [sys.executable, "-W", "error", script(block, tmp_path)],
        env=without | {"PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        timeout=WITHIN_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "BINANCE_API_KEY is not set: export it first\n")


def test_only_one_file_of_a_name_is_shown() -> None:
    named = [(name, block.page) for block in PYTHON for name in re.findall(r"^file: (\S+)", block.mark)]
    saved = [
        (name, page) for page, text in pages().items() for name in re.findall(r"Save (?:it|this) as `(\w+\.py)`", text)
    ]
    names = [name for name, _ in (*named, *saved)]
    assert names
    assert sorted(names) == sorted(set(names))


def script(block: Block, folder: Path) -> str:
    path = folder / "snippet.py"
    path.write_text(block.text, "utf-8")
    return str(path)


@pytest.mark.parametrize("page", sorted({block.page for block in of_kind("run with pytest")}))
def test_its_tests_pass(page: str, tmp_path: Path) -> None:
    shown = [block for block in [*of_kind("file"), *of_kind("run with pytest")] if block.page == page]
    for block in shown:
        (tmp_path / argument(block)).write_text(block.text, "utf-8")
    (tmp_path / "pytest.ini").write_text(PYTEST_INI, "utf-8")
    tests = sum(block.text.count("def test_") for block in shown)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}"},
        timeout=2 * WITHIN_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert f"{tests} passed" in ended.stdout


def misunderstood(arguments: list[str], *, named_only: bool = False) -> str:
    """
    Return why the command would not take these arguments, or nothing. Nothing is carried out.

    `named_only`: a sentence that names a command need not give its arguments.
    """
    found: click.Command = command
    context: click.Context | None = None
    name = "listenkey"
    try:
        while isinstance(found, click.Group):
            context = found.make_context(name, list(arguments), parent=context)
            if not (rest := [*context._protected_args, *context.args]):
                return ""
            typed, inner, arguments = found.resolve_command(context, rest)
            assert inner is not None
            name, found = typed or "", inner
        found.make_context(name, list(arguments), parent=context)
    except click.MissingParameter as error:
        return "" if named_only else error.format_message()
    except click.exceptions.Exit as ended:
        return "" if ended.exit_code == 0 else f"exit {ended.exit_code}"
    except click.ClickException as error:
        return error.format_message()
    return ""


def test_every_command_line_is_understood() -> None:
    shown = [
        (block.place, words, misunderstood(words))
        for page, text in pages().items()
        for block in blocks_in(page, text)
        if block.language in SHELLS
        for words in commands_in(block.text)
    ]
    named = [
        (page, words, misunderstood(words, named_only=True))
        for page, text in pages().items()
        for code in inline_commands(text)
        for words in commands_in(code)
    ]
    assert shown
    assert named
    assert [f"{place}: listenkey {' '.join(words)}: {why}" for place, words, why in shown + named if why] == []


def test_a_wrong_command_line_is_found() -> None:
    shell = """
        X=1 .venv/bin/listenkey tail --jsn | jq .  # listenkey no
        pip install listenkey && listenkey key begin > x
        listenkey completion
        listenkey demo --seconds 5
    """
    commands = list(commands_in(shell))
    assert [bool(misunderstood(words)) for words in commands] == [True, True, True, False]
    assert [bool(misunderstood(words, named_only=True)) for words in commands] == [True, True, False, False]


def test_a_wrong_import_is_found() -> None:
    page = "<!-- run -->\n```python\nfrom listenkey import UserStream, UserSteam\n```\n"
    (block,) = blocks_in("page", page)
    assert block.mark == "run"
    assert list(missing_names(block)) == ["listenkey.UserSteam"]
