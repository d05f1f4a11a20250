"""
Two faults at once, drawn from a seed: the second begins while the client is busy with the first.

    python -m tests.chaos.pairs --count 60 --seed 1

Prints a line for each pair; ends with 1 where something was lost, doubled, or not told.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.chaos.stage import Stage

TIMING: Final = {
    "settle_after_s": [0.5, 1.0, 2.0, 6.0], "audit_every_s": 4.0, "lag_hold_s": 0.5, "lag_max_s": 6.0,
    "refused_retry_s": 2.0, "ping_after_s": 1.0, "dead_after_s": 3.0,
}  # fmt: skip
"""Seconds where there are minutes, so that a pair takes seconds as well."""

TRADE: Final = b'"x":"TRADE"'
DELETE: Final = "DELETE /eapi/v1/listenKey"
LIMIT: Final = 20_000


def _kill(stage: Stage) -> None:
    stage.client.process.send_signal(signal.SIGKILL)
    stage.client.process.wait()
    stage.restart_client()


def _stop(stage: Stage) -> None:
    stage.client.process.send_signal(signal.SIGSTOP)


def _refuse(stage: Stage) -> None:
    stage.proxy.refuse(refused=True)
    stage.proxy.cut(which="all")


def _stall(stage: Stage) -> None:
    stage.proxy.doors("stall")
    stage.proxy.cut()


def _delete_key(stage: Stage) -> None:
    before = stage.requests(DELETE)
    with suppress(OSError):  # While REST hangs, that of others hangs as well.
        stage.sandbox.ask("DELETE", "/eapi/v1/listenKey", within_s=1.0)
    stage.others_deleted += stage.requests(DELETE) - before


def _ban(stage: Stage) -> None:
    stage.allowed_refusals = True
    stage.sandbox.fault("ban", seconds=3)


FAULTS: Final[dict[str, Callable[[Stage], object]]] = {
    "reset": lambda stage: stage.proxy.cut("rst"),
    "closed": lambda stage: stage.sandbox.fault("drop_sockets", close_code=1012),
    "refused": _refuse,
    "half-open": lambda stage: stage.proxy.block(),
    "one way": lambda stage: stage.proxy.block("down"),
    "handshake hangs": _stall,
    "fills dropped": lambda stage: stage.proxy.rule("drop", match=TRADE, probability=0.3),
    "doubled": lambda stage: stage.proxy.rule("duplicate", probability=0.5),
    "changed places": lambda stage: stage.proxy.rule("reorder", window=4),
    "held": lambda stage: stage.proxy.rule("hold", match=TRADE, seconds=3, probability=0.5),
    "garbled": lambda stage: stage.proxy.rule("garble", match=TRADE, probability=0.3),
    "truncated": lambda stage: stage.proxy.rule("truncate", count=2, probability=0.3),
    "mute": lambda stage: stage.sandbox.fault("mute"),
    "key expires": lambda stage: stage.sandbox.fault("expire_key", account="alice"),
    "key dies": lambda stage: stage.sandbox.fault("expire_key_silently", account="alice"),
    "key deleted": _delete_key,
    "503": lambda stage: stage.sandbox.fault("http_status", status=503, path="/eapi", probability=0.7),
    "REST hangs": lambda stage: stage.sandbox.fault("hang_http", path="/eapi"),
    "REST lags": lambda stage: stage.sandbox.fault("rest_lag", ms=3_000),
    "stale": lambda stage: stage.sandbox.fault("stale_snapshot"),
    "banned": _ban,
    "stopped": _stop,
    "killed": _kill,
}


def run(folder: Path, first: str, second: str, seed: int) -> None:
    """One pair; raises AssertionError where something is wrong."""
    draw = random.Random(f"{seed} {first} {second}")
    with Stage(folder, seed=seed, timing=TIMING, switches={"weight_per_minute": LIMIT}) as stage:
        stage.warm_up(30)
        stage.traffic(fills=120, per_second=30)
        for name, wait_s in ((first, draw.uniform(0.02, 2.0)), (second, draw.uniform(0.5, 2.0))):
            FAULTS[name](stage)
            time.sleep(wait_s)
        stage.client.process.send_signal(signal.SIGCONT)
        stage.proxy.heal()
        stage.sandbox.clear_faults()
        stage.settle(within_s=90)
        stage.burst(5)
        stage.settle(within_s=90)
        stage.sockets_max = 2  # A socket that is being replaced may still be open.
        stage.check()


def drawn(count: int, seed: int) -> list[tuple[str, str]]:
    """So many different pairs, in both orders."""
    pairs = [(one, other) for one in FAULTS for other in FAULTS if one != other]
    return random.Random(seed).sample(pairs, min(count, len(pairs)))


def main() -> int:
    """Run pairs, and say what came of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    wrong = 0
    for number, (first, second) in enumerate(drawn(asked.count, asked.seed), 1):
        began_s = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(Path(folder), first, second, asked.seed)
                told = "ok"
            except AssertionError as error:
                wrong += 1
                told = f"WRONG: {error}"
        print(f"{number}/{asked.count} {first} + {second}: {told} ({time.monotonic() - began_s:.0f} s)", flush=True)  # noqa: T201
    print(f"{asked.count} pairs, {wrong} wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
