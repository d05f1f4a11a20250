"""
Measure how long each client is deaf when its socket is dropped: `python benchmarks/interop/recovery.py`.

All stream one account of one sandbox while a fill is made about every 20 ms. All sockets are dropped at once, without
a close frame. A client is back when it receives a fill that was made after that; what it never received is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # A script's own folder is on the path, and not the one it was started in.

from benchmarks.interop.clients import PEERS, all_attached, start_peer, start_tail  # noqa: E402
from benchmarks.interop.environments import DEFAULT  # noqa: E402
from benchmarks.interop.program import Program  # noqa: E402
from listenkey.testing import LocalSandbox  # noqa: E402

PER_SECOND = 50
BEFORE_S = 1.0
PATIENCE_S = 20.0
"""The time after which a client counts as never back."""


@dataclass(frozen=True)
class Outcome:
    """One client after one drop. `back_after_s` is None for never; `told` is how its user learns of it."""

    client: str
    back_after_s: float | None
    lost: int
    told: str


async def round_of(pythons: dict[str, Path]) -> list[Outcome]:
    with LocalSandbox() as sandbox:
        programs = {peer.title: await start_peer(peer, pythons[peer.title], sandbox) for peer in PEERS if peer.streams}
        programs["listenkey tail"] = await start_tail(sandbox)
        try:
            problem = await all_attached(list(programs.values()), sandbox)
            if problem:
                raise RuntimeError(f"a client could not be measured: {problem}")
            return await drop(sandbox, programs)
        finally:
            for one in programs.values():
                await one.stop()


async def drop(sandbox: LocalSandbox, programs: dict[str, Program]) -> list[Outcome]:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(sandbox.burst, int(BEFORE_S * PER_SECOND), per_second=PER_SECOND)
    before = set(sandbox.fills())
    dropped_s = loop.time()
    sandbox.fault("drop_sockets")

    def is_back(one: Program) -> bool:
        return bool(set(one.fills) - before)

    async def back(one: Program) -> float | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return one.last_fill_s - dropped_s if await one.until(is_back, PATIENCE_S) else None
        except TimeoutError:
            return None

    waiting = asyncio.gather(*(back(one) for one in programs.values()))
    while not waiting.done():
        await asyncio.to_thread(sandbox.burst, 10, per_second=PER_SECOND)
    took = await waiting
    truth = set(sandbox.fills())
    told = {title: how_told(one) for title, one in programs.items()}
    # Fills of the last moments may still be on their way to a client that is back.
    for one, seconds in zip(programs.values(), took, strict=True):
        if seconds is not None:
            await one.until(lambda one: bool(one.fills) and one.fills[-1] == sandbox.fills()[-1], 2.0)
    return [
        Outcome(title, None if seconds is None else round(seconds, 3), len(truth - set(one.fills)), told[title])
        for (title, one), seconds in zip(programs.items(), took, strict=True)
    ]


def how_told(one: Program) -> str:
    for said in one.said:
        if said.get("kind") == "gap_opened":
            return "a gap, from when to when"
        if "error" in said:
            return f"{said['error']} is raised"
        if "closed" in said:
            return "a close event"
    return "nothing"


def shown(outcomes: list[Outcome]) -> str:
    lines = [f"{'client':22}{'back after, median of':>24}{'worst':>10}{'fills lost':>16}  told"]
    for client in dict.fromkeys(outcome.client for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.client == client]
        times = [PATIENCE_S if outcome.back_after_s is None else outcome.back_after_s for outcome in mine]
        middle, worst = (
            f"not in {PATIENCE_S:.0f} s" if value >= PATIENCE_S else f"{value:.3f} s"
            for value in (statistics.median(times), max(times))
        )
        told = ", ".join(sorted({outcome.told for outcome in mine}))
        lost = sum(outcome.lost for outcome in mine)
        lines.append(f"{client:22}{f'{middle} of {len(mine)}':>24}{worst:>14}{lost:>12}  {told}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="How long each client is deaf after a dropped socket.")
    parser.add_argument("--envs", type=Path, default=DEFAULT, help=f"where their environments are ({DEFAULT})")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "peers-recovery.json")
    asked = parser.parse_args()
    try:
        pythons = {peer.title: peer.environment.python(asked.envs) for peer in PEERS if peer.streams}
    except (subprocess.SubprocessError, OSError) as error:
        print(f"a peer could not be installed: {type(error).__name__}", file=sys.stderr)
        return 1
    outcomes: list[Outcome] = []
    for number in range(asked.rounds):
        print(f"round {number + 1} of {asked.rounds} ...", file=sys.stderr)
        outcomes += asyncio.run(round_of(pythons))
    print(shown(outcomes))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n")
    ours = [outcome for outcome in outcomes if outcome.client == "listenkey tail"]
    return 0 if all(outcome.back_after_s is not None and outcome.told.startswith("a gap") for outcome in ours) else 1


if __name__ == "__main__":
    sys.exit(main())
