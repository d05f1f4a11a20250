"""Test that the pages about the calls and the errors are true: snippets run, tables and messages are what happens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from listenkey import errors
from listenkey.sandbox.server import Sandbox
from listenkey.transport import address
from listenkey.wire.responses import Response, listen_key_answer, read

ROOT = Path(__file__).parents[2]
CALLS = (ROOT / "docs/reference/UserDataStreamsApi.md").read_text()
ERRORS = (ROOT / "docs/reference/errors.md").read_text()
SNIPPETS = [
    pytest.param(code, id=f"{page}-{number}")
    for page, text in (("UserDataStreamsApi", CALLS), ("errors", ERRORS))
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
]
CODES = re.findall(r"^\| (-\d+) \| (\w+) \| (\d+) \| `(\w+)` \|", ERRORS, re.MULTILINE)
SAYINGS = re.findall(r"^### (\w+)\n.*?^\*Says:\* `(.+?)`$", ERRORS, re.MULTILINE | re.DOTALL)


def classes(top: type[errors.ListenKeyError]) -> set[str]:
    """The class and its subclasses, but for the command's and the gateway's own: no program catches those."""
    own = ("listenkey.cli.", "listenkey.gateway.", "listenkey.journal.sqlite.salvage")
    below = [one for one in top.__subclasses__() if not one.__module__.startswith(own)]
    return {top.__name__}.union(*map(classes, below))


@pytest.mark.parametrize("code", SNIPPETS)
async def test_each_snippet_runs_against_the_sandbox(code: str) -> None:
    async with Sandbox(market=False) as sandbox:
        found = sandbox.describe()
        environment = {
            **os.environ,
            "BINANCE_API_KEY": found["accounts"][0]["api_key"],
            "LISTENKEY_REST_URL": found["rest_url"],
            "ROUNDS": "1",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", code, env=environment, stderr=asyncio.subprocess.PIPE
        )
        _, told = await process.communicate()
    assert (process.returncode, told.decode()) == (0, "")


def test_the_pages_have_what_is_looked_for() -> None:
    assert (len(SNIPPETS), len(CODES), len(SAYINGS)) == (4, 17, 13)
    for method, verb in (("create", "POST"), ("update", "PUT"), ("delete", "DELETE")):
        assert f"## options_{method}_listen_key_v1\n\n`{verb} /eapi/v1/listenKey`" in CALLS
    assert CALLS.count("**Parameters**: none.") == 3
    assert CALLS.count("**Return type**:") == CALLS.count("**Authorization**: API key.") == 3


@pytest.mark.parametrize(("code", "name", "status", "kind"), CODES, ids=[f"{row[0]}-{row[2]}" for row in CODES])
def test_each_code_becomes_the_class_the_table_names(code: str, name: str, status: str, kind: str) -> None:
    catalog = json.loads((ROOT / "tests/fixtures/error_catalog.json").read_text())
    known = {str(entry["code"]): entry["name"] for entry in catalog} | {
        "-1003": "TOO_MANY_REQUESTS",
        "-1007": "TIMEOUT",
    }
    assert known[code] == name
    with pytest.raises(errors.VenueError) as caught:
        read(Response(int(status), (), json.dumps({"code": int(code), "msg": ""}).encode()))
    assert type(caught.value).__name__ == kind


def test_the_tree_is_the_tree() -> None:
    drawn = set(re.findall(r"\b([A-Z][A-Za-z]+)  ", ERRORS.partition("```text")[2].partition("```")[0]))
    assert drawn | {"ListenKeyError"} == classes(errors.ListenKeyError) | {"ListenKeyError"}
    for name in classes(errors.ListenKeyError) - {"ListenKeyError", "TransportError", "Full", "Corrupt", "Fenced"}:
        assert f"\n### {name}\n" in ERRORS


@pytest.mark.parametrize(("kind", "saying"), SAYINGS, ids=[kind for kind, _ in SAYINGS])
def test_each_example_is_what_the_error_says(kind: str, saying: str) -> None:
    error = example(kind, saying)
    assert type(error).__name__ == kind
    assert str(error) == saying


def example(kind: str, saying: str) -> errors.ListenKeyError:
    """The error the page quotes, made by what makes it where that is pure."""
    if from_venue := re.match(
        r"HTTP (\d+)(?:, code (-\d+))?: (.*?)(?: \(wait (\d+) s\))?; (?:see|check|the|syn|wait|send)", saying
    ):
        status, code, message, wait = from_venue.groups()
        said = {"msg": message} | ({"code": int(code)} if code else {})
        body = b"<html>" if message == "a page in HTML" else json.dumps(said).encode()
        return raised_by(lambda: read(Response(int(status), (("Retry-After", wait or ""),), body)))
    match kind:
        case "UsageError":
            return raised_by(lambda: address.check("http://eapi.binance.com"))
        case "ProtocolError":
            return raised_by(lambda: listen_key_answer(Response(200, (), b"{}")))
        case "Unreachable":
            return errors.Unreachable("eapi.binance.com", os.strerror(111))
        case "TimedOut":
            return errors.TimedOut("PUT /eapi/v1/listenKey", 10.0)
    return errors.Disconnected(1001, "going away")


def raised_by(call: Callable[[], object]) -> errors.ListenKeyError:
    with pytest.raises(errors.ListenKeyError) as caught:
        call()
    return caught.value
