"""No regular expression of ours takes longer than linear time, whatever text it meets."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import listenkey
from listenkey.errors import ListenKeyError
from listenkey.wire import redaction
from listenkey.wire.responses import Response, listen_key_answer

SRC = Path(listenkey.__file__).parent
SHORT, LONG = 4 * 1024, 16 * 1024
LINEAR_S = 0.2
"""Of CPU for `LONG`: ten times what the slowest takes here. A square of the length takes seconds."""

RATIO_MAX = 10
"""Four times the length takes four times as long; a square of it sixteen times."""

MEASURABLE_S = 0.02
UNITS = ["_", "a", "A", "0", "9", " ", "\t", "\n", '"', "\\", "-", "{", "[", "=", "%", "/", ":", "\x1b", "\u202e"]
UNITS += [
    "a_",
    "0.",
    "\\u0061",
    "\\ud800",
    "until ",
    "until 1",
    '"stream"',
    '"listenKey":"',
    "a-0",
    "::",
    "x://",
    "\x1b[0;",
]
TOOK_33_S = re.compile(r"[A-Za-z0-9]{24,}|(?=[A-Za-z_+/=.%~-]*[0-9])[A-Za-z0-9_+/=.%~-]{32,}")


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every pattern in `src`: the ones that have a name, and the ones in the middle of the code."""
    for info in pkgutil.walk_packages(listenkey.__path__, "listenkey."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            found = getattr(value, "__self__", value)
            if isinstance(found, re.Pattern):
                yield f"{info.name}.{name}", found
    for path in sorted(SRC.rglob("*.py")):
        yield from inline(path.relative_to(SRC).as_posix(), path.read_text("utf-8"))


def inline(name: str, source: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The patterns that stand in calls like `re.sub(r"...", ...)`."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr != "compile"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield f"{name}:{node.lineno}", re.compile(node.args[0].value)


FOUND = {f"{name} {pattern.pattern!r}": pattern for name, pattern in patterns()}


def cpu_s(pattern: re.Pattern[Any], text: str | bytes) -> float:
    """Return the CPU time of looking through a text, in all ways in which a pattern is used."""
    began_s = time.process_time()
    pattern.search(text)
    pattern.fullmatch(text)
    for _ in pattern.finditer(text):
        pass
    return time.process_time() - began_s


def slow(pattern: re.Pattern[Any]) -> list[str]:
    """The first text that takes the pattern longer than linear time."""
    for unit in UNITS:
        for end in ("", "\x00"):
            short, long = ((unit * (size // len(unit))) + end for size in (SHORT, LONG))
            texts = (short.encode(), long.encode()) if isinstance(pattern.pattern, bytes) else (short, long)
            took_s = [min(cpu_s(pattern, text) for _ in range(2)) for text in texts]
            if took_s[1] > LINEAR_S or (took_s[1] > MEASURABLE_S and took_s[1] > RATIO_MAX * max(took_s[0], 1e-4)):
                return [f"{unit!r}: {took_s[0]:.4f} s, then {took_s[1]:.4f} s"]
    return []


@pytest.mark.parametrize("name", FOUND)
def test_a_pattern_takes_linear_time(name: str) -> None:
    assert slow(FOUND[name]) == []


def test_the_patterns_are_found_and_a_slow_one_is_noticed() -> None:
    assert len(FOUND) > 20
    assert any("wire/responses.py" in name for name in FOUND)
    assert any("wire.redaction." in name for name in FOUND)
    assert slow(re.compile("_*1"))


@pytest.mark.parametrize("name", [b"_", b"a", b"0", b"-_", b"=", b"%41", b"\xc3\xa4"])
@pytest.mark.parametrize("status", [200, 400, 418])
def test_an_answer_of_a_mebibyte_that_is_none_is_refused_at_once(name: bytes, status: int) -> None:
    for size in (64_000, 1 << 20):
        body = b'{"' + name * (size // len(name)) + b'":1,"msg":"' + name * 1000 + b'"}'
        began_s = time.process_time()
        with pytest.raises(ListenKeyError):
            listen_key_answer(Response(status, (), body))
        assert time.process_time() - began_s < 0.1


def test_what_hides_a_secret_hides_as_much_as_before() -> None:
    for text in (
        "a" * 24,
        "x" * 23 + " " + "y" * 40,
        "IP/" + "a" * 24 + "_tail",
        "-" * 31 + "1",
        "MANDATORY_PARAM_EMPTY_OR_MALFORMED " + "b" * 64,
        "_" * 40 + "c" * 30 + "_" * 40,
        "key=" + "A1" * 20 + "&x=1",
    ):
        before = TOOK_33_S.sub("[hidden]", text)
        now = redaction.mask(text)
        assert now.count("[hidden]") >= 1 or before == text
        assert len(now) <= len(before)
        assert "a" * 24 not in now
