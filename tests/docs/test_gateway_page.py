"""The first minute of docs/how-to/run-a-gateway.md, typed as it stands there but for the two ports."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks_in

PAGE = "docs/how-to/run-a-gateway.md"
WITHIN_S = 90


def page_blocks() -> list[Block]:
    return list(blocks_in(PAGE, (ROOT / PAGE).read_text("utf-8")))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.skipif(shutil.which("curl") is None, reason="2026-11-30: there is no curl here")
@pytest.mark.skipif(shutil.which("bash") is None, reason="2026-11-30: there is no bash here")
def test_the_first_minute_is_as_the_page_shows_it(tmp_path: Path) -> None:
    sandbox_port, port = free_port(), free_port()
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "listenkey").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m listenkey "$@"\n')
    (commands / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for command in commands.iterdir():
        command.chmod(0o700)

    def here(text: str) -> str:
        # Others may have the page's ports on this machine.
        text = text.replace("8700", str(sandbox_port)).replace("8780", str(port))
        return text.replace("listenkey sandbox", f"listenkey sandbox --port {sandbox_port}")

    folder = tmp_path / "first"
    folder.mkdir()
    lines = []
    for block in page_blocks():
        kind, _, name = block.mark.partition(": ")
        if kind == "file":
            (folder / name).write_text(here(block.text))
        elif kind == "first minute":
            lines.append(f"echo '--- {block.line}'\n{here(block.text)}")
    out, err, code = typed(
        "set -eu; trap 'kill $(jobs -p) 2> ends || true' EXIT\n" + "\n".join(lines), folder, commands
    )
    assert code == 0, f"{out}\n{err}"
    _, started, checked, ran, listed, followed, booked, ended = out.split("--- ")
    assert started.split() == [str(page_line(0))]
    assert "gateway.toml has no mistake" in checked
    assert "3: desk-1, desk-2, desk-3" in checked
    assert '{"status":"alive"}' in ran
    rows = json.loads(listed.partition("\n")[2])["accounts"]
    assert [row["name"] for row in rows] == ["desk-1", "desk-2", "desk-3"]
    assert "\nid: 1\ndata: {" in followed
    assert "ORDER_TRADE_UPDATE" in followed
    assert [" @ " in line for line in booked.splitlines()[1:]] == [True] * 3
    assert "3 accounts, " in ended
    token = (folder / "journals/token").read_text().strip()
    assert (folder / "header").stat().st_mode & 0o077 == 0
    assert token not in err


def page_line(number: int) -> int:
    return [block.line for block in page_blocks() if block.mark == "first minute"][number]


def typed(script: str, folder: Path, commands: Path) -> tuple[str, str, int]:
    """Run a script in a session of its own; whatever it started is gone afterwards."""
    environment = {name: os.environ[name] for name in ("HOME", "LANG", "VIRTUAL_ENV") if name in os.environ}
    environment |= {"PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"it hangs:\n{out}\n{err}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return out, err, process.returncode
