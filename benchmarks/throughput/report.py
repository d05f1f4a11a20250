"""Report a run: tables of medians, and ratios with their bars. A ratio is taken in each run, then the median."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any, Final, NamedTuple

from benchmarks.common.shown import Shown
from benchmarks.throughput import idle
from benchmarks.throughput.consumers import CONSUMERS
from benchmarks.throughput.frames import LOADS, ONE_SYMBOL


class Bar(NamedTuple):
    """
    A bar to be held.

    Attributes:
        one: The consumer.
        other: What it is compared with.
        bound: Of the ratio.
        at_least: Whether the bound is the least, of how much cheaper `one` is; else the most, of how much dearer.
        what: The figure.
        per_second: At which rate; None: a burst.
        load: Of which account.
    """

    one: str
    other: str
    bound: float
    at_least: bool = True
    what: str = "cpu_us"
    per_second: int | None = None
    load: str = ONE_SYMBOL


BARS: Final = (
    Bar("ours_callback", "bare_callback", 0.75),
    Bar("ours_callback", "official_sdk", 20.0),
    Bar("ours_iterator", "bare_iterator", 0.70),
    Bar("ours_iterator", "official_sdk", 15.0),
    Bar("ours_decimal", "bare_decimal", 1.3),
    Bar("ours_two_sockets", "ours_callback", 1.6, at_least=False),
    *(
        Bar(one, other, bound, at_least=False, what=what, per_second=rate)
        for rate in (1_000, 10_000)
        for one, other in (("ours_callback", "bare_callback"), ("ours_iterator", "bare_iterator"))
        for what, bound in (("p50_us", 1.25), ("p99_us", 1.5))
    ),
    *(
        Bar(one, other, bound, load=load)
        for load in LOADS
        for one, other, bound in (
            ("ours_callback", "bare_callback", 0.65),
            ("ours_signed", "bare_callback", 0.50),
            ("ours_iterator", "bare_iterator", 0.60),
        )
    ),
)


COSTS: Final = {
    "post_ours": "POST listenKey, `AsyncUserDataStreamsApi`",
    "post_aiohttp": "POST listenKey, aiohttp alone",
    "post_official_sdk": "POST listenKey, official SDK",
    "start_python": "Python, nothing imported",
    "start_parts": "`import picows, msgspec, aiohttp`",
    "start_ours": "`import listenkey`",
    "start_help": "`listenkey --help`",
    "start_official_sdk": "import the official SDK",
}


def of(
    results: dict[str, Any], name: str, per_second: int | None = None, load: str = ONE_SYMBOL
) -> list[dict[str, Any]]:
    asked = (name, per_second, load)
    return [row for row in results["rows"] if (row["consumer"], row["per_second_sent"], load_of(row)) == asked]


def load_of(row: dict[str, Any]) -> str:
    """Return the account of a row; results of before there were several have none."""
    return str(row.get("load", ONE_SYMBOL))


def median(
    results: dict[str, Any], name: str, what: str, per_second: int | None = None, load: str = ONE_SYMBOL
) -> float:
    return statistics.median(float(row[what]) for row in of(results, name, per_second, load))


def loads_of(results: dict[str, Any]) -> list[str]:
    """Return the loads that were measured."""
    return [load for load in LOADS if any(load_of(row) == load for row in results["rows"])]


def ratio(results: dict[str, Any], bar: Bar) -> float | None:
    """Of each run, then the median; None where one of the two was not measured."""
    one_of, other_of = (of(results, name, bar.per_second, bar.load) for name in (bar.one, bar.other))
    pairs = zip(one_of, other_of, strict=False)
    ratios = [
        other[bar.what] / one[bar.what] if bar.at_least else one[bar.what] / other[bar.what] for one, other in pairs
    ]
    return statistics.median(ratios) if ratios else None


def times(results: dict[str, Any], name: str, other: str) -> float:
    """Return how much of the other's CPU it needs."""
    found = ratio(results, Bar(name, other, 0.0, at_least=False))
    return math.nan if found is None else found


def names(results: dict[str, Any], per_second: int | None = None, load: str = ONE_SYMBOL) -> list[str]:
    return [name for name in CONSUMERS if of(results, name, per_second, load)]


def rates(results: dict[str, Any]) -> list[int]:
    return sorted({row["per_second_sent"] for row in results["rows"]} - {None})


def cost(results: dict[str, Any], name: str) -> float:
    return statistics.median(float(one[name]) for one in results["costs"] if name in one)


def costs_of(results: dict[str, Any]) -> list[str]:
    return [name for name in COSTS if any(name in one for one in results["costs"])]


def show(results: dict[str, Any]) -> None:
    print(", ".join(f"{name} {version}" for name, version in results["versions"].items()))
    for name, why in results["missing"].items():
        print(f"not here: {CONSUMERS[name].title}; {why}")
    print(f"\n{'burst':<46}{'CPU us/event':>14}{'events/s':>12}")
    for name in names(results):
        cpu, speed = (median(results, name, what) for what in ("cpu_us", "per_second"))
        print(f"{CONSUMERS[name].title:<46}{cpu:>14.2f}{speed:>12,.0f}")
    for load in (load for load in loads_of(results) if load != ONE_SYMBOL):
        print(f"\n{load:<46}{'CPU us/event':>14}{'events/s':>12}")
        for name in names(results, None, load):
            cpu, speed = (median(results, name, what, None, load) for what in ("cpu_us", "per_second"))
            print(f"{CONSUMERS[name].title:<46}{cpu:>14.2f}{speed:>12,.0f}")
    for per_second in rates(results):
        print(f"\n{f'{per_second:,} a second':<46}{'p50 us':>10}{'p99 us':>10}{'CPU us':>10}")
        for name in names(results, per_second):
            shown = [median(results, name, what, per_second) for what in ("p50_us", "p99_us", "cpu_us")]
            print(f"{CONSUMERS[name].title:<46}" + "".join(f"{value:>10.1f}" for value in shown))
    print()
    for name in costs_of(results):
        unit = "us" if name.startswith("post") else "ms"
        print(f"{COSTS[name]:<46}{cost(results, name):>10.0f} {unit} of CPU")
    print()
    for result in verdicts(results):
        print(f"{result.what}: {result.figure} (bar {result.bar}) {'ok' if result.held else 'MISSED'}")
    if results["idle"] is not None:
        idle.show(results["idle"])


def written(results: dict[str, Any]) -> str:
    """JSON with a row a line, so that two runs can be compared."""
    head = {name: part for name, part in results.items() if name not in {"rows", "costs"}}
    text = json.dumps(head, indent=1).removesuffix("\n}")
    for name in ("costs", "rows"):
        rows = ",\n  ".join(json.dumps(rounded(row)) for row in results[name])
        text += f',\n "{name}": [\n  {rows}\n ]'
    return text + "\n}\n"


def rounded(value: Any) -> Any:
    """Four digits and more are the machine's mood."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def verdicts(results: dict[str, Any]) -> list[Shown]:
    """Each bar: what was found, and whether it was held."""
    shown = []
    for bar in BARS:
        found = ratio(results, bar)
        if found is None:
            continue
        held = found >= bar.bound if bar.at_least else found <= bar.bound
        rate = f", {bar.per_second:,} a second" if bar.per_second else "" if bar.load == ONE_SYMBOL else f", {bar.load}"
        what = f"{bar.one} against {bar.other}, {bar.what.removesuffix('_us')}{rate}"
        shown.append(Shown(what, f"{found:.2f}", f"{'>=' if bar.at_least else '<='} {bar.bound:g}", held))
    if results["costs"]:
        parts = statistics.median(one["start_ours"] / one["start_parts"] for one in results["costs"])
        shown.append(Shown("importing against picows, msgspec and aiohttp", f"{parts:.2f}", "<= 1.3", parts <= 1.3))
        start_ms = cost(results, "start_help")
        shown.append(Shown("listenkey --help", f"{start_ms:.0f} ms of CPU", "<= 200 ms", start_ms <= 200))
    return shown
