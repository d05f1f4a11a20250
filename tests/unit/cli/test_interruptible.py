from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from listenkey.cli.interruptible import interruptible
from listenkey.errors import Corrupt


def test_what_the_work_returns_or_raises_is_passed_on() -> None:
    assert interruptible(lambda: 5) == 5

    def fails() -> None:
        raise Corrupt("so")

    with pytest.raises(Corrupt, match="so"):
        interruptible(fails)


@pytest.mark.parametrize("listens", [True, False])
def test_ctrl_c_ends_it_in_the_middle_of_a_question(listens: bool, tmp_path: Path) -> None:
    """Also where the question never looks whether it is to end: then it is left behind."""
    script = f"""
import sqlite3, sys
from pathlib import Path
from listenkey.cli import exit_codes
from listenkey.cli.interruptible import interruptible
from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.store import Store
made = Store(Path(sys.argv[1]), "a3f1")
made.open()
made.close()
connection = open_reader(Path(sys.argv[1]))
if not {listens}:
    connection.set_progress_handler(None, 0)
def work():
    print("asking", flush=True)
    try:
        connection.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n").fetchone()
    except sqlite3.OperationalError as error:
        print(error, flush=True)
try:
    interruptible(work)
except BaseException as error:
    sys.exit(exit_codes.tell(error))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "a.db")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stdout.read() == ("interrupted\n" if listens else "")
