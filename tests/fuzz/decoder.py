"""
Fuzzes the decoder, guided by coverage: `python -m tests.fuzz.decoder [--runs N] [--seconds N] [--keep]`; `make fuzz`.

Atheris (libFuzzer) changes frames of the corpus and the fixtures, and keeps what reaches a new branch of `wire` or
`events`. A frame that breaks a promise of `frames.check`, or takes longer than a few seconds, ends the run with exit
code 1 and is written to `build/fuzz/`. `--keep` writes what was kept back into the corpus.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["listenkey.wire", "listenkey.events"]):
    from tests.fuzz import frames

ROOT: Final = Path(__file__).parents[2]
FOUND: Final = ROOT / "build" / "fuzz"
RUNS: Final = 10_000_000
SLOW_S: Final = 5
"""A frame that takes longer is a finding. A hundred thousand times what one takes: a busy machine is not a bug."""

LENGTH_MAX: Final = 2048
"""Events have under a kibibyte. Frames of a mebibyte are timed by test_frames.py."""

WORDS: Final = (
    '"e":"', '"E":', '"T":', '"o":{', '"s":"', '"stream":"', '"data":', '"listenKey":"', '"result":null', '"id":',
    '"error":{', '"code":', '"msg":"', "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE", "GREEK_UPDATE", "RISK_LEVEL_CHANGE",
    "BALANCE_POSITION_UPDATE", "listenKeyExpired", "TRADE", "null", "true", "1e400", "-0", "9223372036854775808",
    "NaN", "\\\\u0000", "\\\\ud800", "[[[[[[[[", "{}", "[]", frames.KEY,
)  # fmt: skip


def fill(folder: Path) -> None:
    """Corpus and fixtures as the files libFuzzer wants."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in [*frames.kept(), *frames.seeds()]:
        (folder / hashlib.sha256(frame).hexdigest()[:16]).write_bytes(frame)


def fuzz(arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    atheris.Setup([sys.argv[0], *arguments], frames.check)
    atheris.Fuzz()


def options(folder: Path) -> list[str]:
    """Return the options of every run."""
    words = folder.with_suffix(".dict")
    words.write_text("".join(f'"{word.replace(chr(34), chr(92) + chr(34))}"\n' for word in WORDS))
    FOUND.mkdir(parents=True, exist_ok=True)
    return [
        f"-dict={words}",
        f"-max_len={LENGTH_MAX}",
        f"-timeout={SLOW_S}",
        f"-artifact_prefix={FOUND}/",
        "-rss_limit_mb=1024",
    ]


def again(*arguments: str) -> int:
    """This program, as a process of its own."""
    return subprocess.run([sys.executable, "-m", "tests.fuzz.decoder", *arguments], cwd=ROOT, check=False).returncode


def keep(folder: Path) -> None:
    """Keep libFuzzer's inputs, the smallest of each kind, as the corpus; the fixtures are there anyway."""
    found = {path.read_bytes() for path in folder.iterdir()} - set(frames.seeds())
    lines = [base64.b64encode(frame) + b"\n" for frame in sorted(found, key=lambda one: (len(one), one))]
    frames.CORPUS.write_bytes(b"".join(lines))


def main() -> int:
    """See the head of this file."""
    if sys.argv[1:2] == ["--raw"]:
        fuzz(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.decoder")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seconds", type=int, default=0, help="end after so long; 0 is no limit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write what was found into the corpus")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "frames"
        fill(folder)
        limits = [f"-runs={asked.runs}", f"-max_total_time={asked.seconds}", f"-seed={asked.seed}"]
        failed = again("--raw", *options(folder), *limits, "-print_final_stats=1", str(folder))
        if asked.keep and not failed:
            keep(folder)
    return failed


if __name__ == "__main__":
    sys.exit(main())
