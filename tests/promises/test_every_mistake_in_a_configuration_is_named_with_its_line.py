"""A configuration with ten mistakes is told ten, each with its line; and no key that stood in it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.promises.command import environment, finished
from tests.unit.gateway.written import KEY, private

CONFIG = f"""\
[gateway]
listen = "0.0.0.0:8780"            # 1: other machines, and no token_file
journal = "file/journals"          # 2: below a file
keep-days = 90                     # 3: another word
token = "{KEY[:43]}"

[[accounts]]
name = "desk 1"                    # 5: a space
key = "{KEY}"

[[accounts]]
name = "desk-2"
key = "file:open.env"              # 7: open to others

[[accounts]]
name = "desk-2"                    # 8: twice
key = "env:NOT_THERE"              # 9: not set

[[accounts]]
name = "desk-3"
key = file:desk-3.env              # 10: no quotes

[[accounts]]                       # 11: no name
key = "keyring"                    # 12: no service
"""


@pytest.mark.parametrize("command", ["check", "run"])
def test_ten_mistakes_are_named_at_once(tmp_path: Path, command: str) -> None:
    private(tmp_path / "file", "")
    private(tmp_path / "open.env", f"BINANCE_API_KEY={KEY[::-1]}\n", 0o644)
    (tmp_path / "gateway.toml").write_text(CONFIG)
    ended = finished("gateway", command, "--config", str(tmp_path / "gateway.toml"), env=environment())
    told = ended.stdout if command == "check" else ended.stderr
    assert ended.returncode == 2
    lines = [line.split(":")[0].strip() for line in told.splitlines()[1:]]
    assert lines == [f"line {number}" for number in (2, 3, 4, 5, 8, 9, 13, 16, 17, 21, 23, 24)]
    for secret in (KEY, KEY[::-1]):
        assert secret[:12] not in ended.stdout + ended.stderr


def test_they_are_named_for_programs_as_well(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG)
    ended = finished("gateway", "check", "--json", "--config", str(tmp_path / "gateway.toml"), env=environment())
    assert ended.returncode == 2
    assert [mistake["line"] for mistake in json.loads(ended.stdout)["mistakes"]][:4] == [2, 4, 5, 8]
