"""
Unmodified peers against the sandbox: `make peers`, or `python benchmarks/interop/run.py`.

Each peer runs in an environment of its own, beside `listenkey tail --json` on the same account. Then the sandbox makes
fills, and what each client received is compared with the sandbox's ledger. Ends with 1 when a result is not the
expected one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # A script's own folder is on the path, and not the one it was started in.

from benchmarks.interop.clients import PEERS, Peer, all_attached, start_peer, start_tail  # noqa: E402
from benchmarks.interop.environments import DEFAULT  # noqa: E402
from listenkey import __version__  # noqa: E402
from listenkey.testing import LocalSandbox  # noqa: E402

BUSY_FILLS, BUSY_RATE = 3_000, 150.0
QUIET_S = 10.0
"""The silence after which a client counts as done."""


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    peer: str
    version: str
    what: str
    expected: int
    received: int = 0
    missing: int = 0
    duplicates: int = 0
    foreign: int = 0
    in_order: bool = False
    seconds: float | None = None
    note: str = ""

    @property
    def good(self) -> bool:
        """All, once each, in order, and nothing else."""
        clean = not (self.missing or self.duplicates or self.foreign or self.note)
        return clean and self.in_order and self.received == self.expected


def compared(peer: str, version: str, what: str, got: list[Any], truth: list[Any], **more: Any) -> Row:
    """Compare what came with what happened; `in order` is about what did come."""
    counts, known = Counter(got), set(truth)
    place = {one: number for number, one in enumerate(truth)}
    places = [place[one] for one in got if one in place]
    return Row(
        peer,
        version,
        what,
        expected=len(truth),
        received=len(counts.keys() & known),
        missing=len(known - counts.keys()),
        duplicates=sum(counts.values()) - len(counts),
        foreign=len(counts.keys() - known),
        in_order=places == sorted(places),
        **more,
    )


async def receive(peer: Peer, python: Path, fills: int, per_second: float | None) -> list[Row]:
    """A streaming peer and `listenkey tail` beside it."""
    with LocalSandbox() as sandbox:
        theirs = await start_peer(peer, python, sandbox)
        ours = await start_tail(sandbox)
        programs = (theirs, ours)
        try:
            problem = await all_attached(programs, sandbox)
            began_s = asyncio.get_running_loop().time()
            if not problem:
                await asyncio.to_thread(sandbox.burst, fills, per_second=per_second)
                await asyncio.gather(*(one.until(lambda one: len(one.fills) >= fills, QUIET_S) for one in programs))
        finally:
            early = [one.ended for one in programs]
            codes = [await one.stop() for one in programs]
        ledger, truth = sandbox.ledger(), sandbox.fills()
    names = ((peer.title, peer.environment.version), ("listenkey tail beside it", __version__))
    rows = [
        compared(
            *name,
            "fills",
            one.fills,
            truth,
            seconds=round(one.last_fill_s - began_s, 2) if one.fills else None,
            note=problem or (f"ended with {code}" if code else "ended by itself" if too_soon else ""),
        )
        for name, one, code, too_soon in zip(names, programs, codes, early, strict=True)
    ]
    orders = [said["order"] for said in theirs.said if "order" in said]
    return [rows[0], *ended_orders(peer, orders, ledger), rows[1]]


def ended_orders(peer: Peer, orders: list[Any], ledger: dict[str, Any]) -> list[Row]:
    """Compare how each order ended, in the peer's view and in truth, for a peer that reports orders."""
    if not orders:
        return []
    truth = {(entry["symbol"], entry["order_id"]): entry["status"] for entry in ledger["orders"]}
    last = {tuple(order): status for order, status in orders}
    # The order of the ends is that of the fills; what is compared here is the set.
    got = sorted(last.items())
    return [compared(peer.title, peer.environment.version, "orders, as they ended", got, sorted(truth.items()))]


async def call(peer: Peer, python: Path) -> list[Row]:
    """A peer that makes calls, each with what must come of it: an answer, or a refusal."""
    with LocalSandbox(market=peer.market) as sandbox:
        program = await start_peer(peer, python, sandbox)
        # Streams of one contract among sixty wait for something to happen in it.
        busy = (
            asyncio.create_task(asyncio.to_thread(sandbox.burst, BUSY_FILLS, per_second=BUSY_RATE))
            if peer.market
            else None
        )
        await program.until(lambda _: False, QUIET_S)
        code = await program.stop()
        if busy is not None:
            await busy
    made = [said for said in program.said if "call" in said]
    good = [said["call"] for said in made if said["good"]]
    bad = [f"{said['call']}: {said.get('note', '')}" for said in made if not said["good"]]
    note = "; ".join(filter(None, [f"ended with {code}" if code else "", *bad, "" if made else "it made no call"]))
    expected = [said["call"] for said in made]
    return [compared(peer.title, peer.environment.version, peer.calls, good, expected, note=note)]


def measure(peer: Peer, envs: Path, fills: int, per_second: float | None) -> list[Row]:
    try:
        python = peer.environment.python(envs)
    except (subprocess.SubprocessError, OSError) as error:
        note = f"could not be installed: {type(error).__name__}"
        return [Row(peer.title, peer.environment.version, "fills", expected=fills, missing=fills, note=note)]
    return asyncio.run(receive(peer, python, fills, per_second) if peer.streams else call(peer, python))


def table(rows: list[Row]) -> str:
    head = ("peer", "version", "what", "received", "missing", "twice", "in order", "seconds", "")
    cells = [
        (
            row.peer,
            row.version,
            row.what,
            f"{row.received} of {row.expected}",
            str(row.missing),
            str(row.duplicates),
            "yes" if row.in_order else "no",
            "" if row.seconds is None else f"{row.seconds:.2f}",
            ("" if row.good else "FAILED ") + row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *cells]]
    return "\n".join(line.rstrip() for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Unmodified peers against the sandbox.")
    parser.add_argument("--only", nargs="+", choices=[peer.script for peer in PEERS], help="all by default")
    parser.add_argument("--envs", type=Path, default=DEFAULT, help=f"where their environments are ({DEFAULT})")
    parser.add_argument("--fills", type=int, default=1000)
    parser.add_argument("--per-second", type=float, help="pace of the fills; as fast as it goes by default")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "peers.json", help="where the JSON goes")
    asked = parser.parse_args()
    rows: list[Row] = []
    for peer in PEERS:
        if not asked.only or peer.script in asked.only:
            print(f"{peer.title} {peer.environment.version} ...", file=sys.stderr)
            rows += measure(peer, asked.envs, asked.fills, asked.per_second)
    print(table(rows))
    machine = {"python": platform.python_version(), "platform": platform.platform(), "listenkey": __version__}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine, "rows": [asdict(row) | {"good": row.good} for row in rows]}
    asked.out.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
