"""
`python -m benchmarks.throughput.page`: renews the tables and the pictures of docs/reference/performance.md from the results of a run.

The results are kept beside the page, in docs/reference/performance.json, where `make bench ARGS="--out docs/reference/performance.json"`
writes them. Nothing of a table or a picture is written by hand.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.common.shown import Shown
from benchmarks.throughput import idle, report
from benchmarks.throughput.consumers import CONSUMERS

DOCS: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGE: Final = DOCS / "performance.md"
RESULTS: Final = DOCS / "performance.json"
TABLE: Final = re.compile(r"(<!-- (\w+): from performance.json -->\n).*?(<!-- end -->)", re.DOTALL)

ORDERS_ALONE: Final = frozenset({"ccxt_pro", "cryptofeed"})
FUTURES: Final = frozenset({"cryptofeed", "nautilus", "unicorn", "python_binance"})

# --- tables -----------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """The first column is words, the others are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figure(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine(results: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    runs = 1 + max(row["run"] for row in results["rows"])
    missing = "".join(f" Not here: {CONSUMERS[name].title}; {why}." for name, why in results["missing"].items())
    return f"{results['date']}, {results['machine']}, {runs} runs, medians. {versions}.{missing}\n"


def burst(results: dict[str, Any]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for name in (name for name in report.names(results) if CONSUMERS[name].module != "others"):
            cpu_us, per_second = (report.median(results, name, what) for what in ("cpu_us", "per_second"))
            against = f"{report.times(results, name, 'bare_callback'):.2f} ×"
            # Between two sockets it waits on purpose, so its events a second say nothing.
            yield (
                CONSUMERS[name].title,
                figure(cpu_us),
                "" if CONSUMERS[name].sockets == 2 else rounded(per_second),
                against,
            )

    return table(("consumer", "CPU µs an event", "events a second", "CPU of bare, callback"), rows())


def peers(results: dict[str, Any]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for name in (name for name in report.names(results) if CONSUMERS[name].module == "others"):
            environment = CONSUMERS[name].environment
            assert environment is not None
            got = ", ".join((*(["futures"] * (name in FUTURES)), *(["orders alone"] * (name in ORDERS_ALONE))))
            cpu_us, per_second = (report.median(results, name, what) for what in ("cpu_us", "per_second"))
            against = [f"{report.times(results, name, ours):.1f} ×" for ours in ("ours_callback", "ours_iterator")]
            title = f"{CONSUMERS[name].title} {environment.version}" + (f" ({got})" if got else "")
            yield title, figure(cpu_us), rounded(per_second), *against

    return table(("client", "CPU µs an event", "events a second", "of our callback", "of our iterator"), rows())


def loads(results: dict[str, Any]) -> str:
    """Show the CPU of an event in each load, and of how much of the bare callback's in the same load."""
    measured = report.loads_of(results)

    def cell(name: str, load: str) -> str:
        cost = report.median(results, name, "cpu_us", None, load)
        against = report.ratio(results, report.Bar(name, "bare_callback", 0.0, at_least=False, load=load))
        return figure(cost) if against is None else f"{figure(cost)} ({against:.2f} ×)"

    def rows() -> Iterator[Sequence[str]]:
        for name in (name for name in CONSUMERS if all(report.of(results, name, None, load) for load in measured)):
            yield CONSUMERS[name].title, *(cell(name, load) for load in measured)

    return table(("CPU µs an event", *measured), rows())


def paced(results: dict[str, Any]) -> str:
    rates = report.rates(results)

    def rows() -> Iterator[Sequence[str]]:
        for name in report.names(results, rates[0]):
            yield (
                CONSUMERS[name].title,
                *(
                    cell
                    for rate in rates
                    for cell in (
                        " / ".join(figure(report.median(results, name, what, rate)) for what in ("p50_us", "p99_us")),
                        figure(report.median(results, name, "cpu_us", rate)),
                    )
                ),
            )

    head = [cell for rate in rates for cell in (f"{rate:,} a second: p50 / p99 µs", "CPU µs")]
    return table(("consumer", *head), rows())


def costs(results: dict[str, Any]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for name in report.costs_of(results):
            unit = "µs" if name.startswith("post") else "ms"
            yield report.COSTS[name], f"{report.cost(results, name):.0f} {unit}"

    return table(("what", "CPU"), rows())


def idle_streams(results: dict[str, Any]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for kind, found in results["idle"]["kinds"].items():
            yield idle.TITLES[kind], f"{found['kib']:.1f}", f"{found['cpu_s_an_hour']:.2f}"

    return table((f"each of {results['idle']['streams']:,}", "KiB", "CPU s an hour"), rows())


def bars(results: dict[str, Any]) -> str:
    """Show each measured figure, its bar, and if it was held."""

    def rows() -> Iterator[Sequence[str]]:
        shown: list[Shown] = [*report.verdicts(results), *(idle.verdicts(results["idle"]) if results["idle"] else [])]
        for one in shown:
            yield one.what, one.figure, one.bar.replace(">=", "≥").replace("<=", "≤"), "yes" if one.held else "**no**"

    return table(("what", "measured", "bar", "held"), rows())


def rounded(per_second: float) -> str:
    return f"{float(f'{per_second:.3g}'):,.0f}"


TABLES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "machine": machine,
    "burst": burst,
    "peers": peers,
    "paced": paced,
    "costs": costs,
    "idle": idle_streams,
    "bars": bars,
}

# --- pictures ---------------------------------------------------------------------------------------------------------

WIDTH: Final = 860
LEFT: Final = 330
RIGHT: Final = 130
ROW: Final = 24
TOP: Final = 64
COLOURS: Final = {"bare": "#8b8f98", "ours": "#0a7d5a", "others": "#b4532a"}
LEGEND: Final = {"bare": "bare parts", "ours": "listenkey", "others": "other clients"}
FONT: Final = "font-family='-apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


class Line(NamedTuple):
    """One line of a picture: a dot at the median, and a stroke from the least to the most of all runs."""

    title: str
    kind: str
    values: Sequence[float]
    shown: str


def picture(title: str, under: str, lines: Sequence[Line]) -> str:
    """Dots on a logarithmic scale; a bar would have to begin somewhere, and there is no zero."""
    least = 10 ** math.floor(math.log10(min(min(line.values) for line in lines)))
    most = max(max(line.values) for line in lines) * 1.15
    high = TOP + ROW * len(lines) + 34

    def at(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / least) / math.log(most / least)

    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {high}' width='{WIDTH}' height='{high}' {FONT}>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{WIDTH}' height='{high}' fill='#ffffff'/>",
        f"<text x='16' y='26' font-size='16' font-weight='600' fill='#1c1e21'>{escape(title)}</text>",
    ]
    for place, (kind, word) in enumerate(LEGEND.items()):
        dot = 22 + 130 * place
        parts.append(f"<circle cx='{dot}' cy='44' r='5' fill='{COLOURS[kind]}'/>")
        parts.append(f"<text x='{dot + 11}' y='48' font-size='12' fill='#4a4d52'>{word}</text>")
    for tick in ticks(least, most):
        x, bottom = at(tick), TOP + ROW * len(lines)
        parts.append(f"<line x1='{x:.1f}' y1='{TOP - 6}' x2='{x:.1f}' y2='{bottom}' stroke='#e4e6ea'/>")
        parts.append(
            f"<text x='{x:.1f}' y='{bottom + 15}' font-size='11' text-anchor='middle' fill='#6b6f76'>{tick:,.10g}</text>"
        )
    parts.append(
        f"<text x='{WIDTH - 16}' y='{high - 4}' font-size='11' text-anchor='end' fill='#6b6f76'>{escape(under)}</text>"
    )
    for place, line in enumerate(lines):
        y = TOP + ROW * place + ROW / 2
        middle, colour = sorted(line.values)[len(line.values) // 2], COLOURS[line.kind]
        weight = "600" if line.kind == "ours" else "400"
        parts.append(
            f"<text x='{LEFT - 14}' y='{y + 4}' font-size='12.5' font-weight='{weight}' text-anchor='end' "
            f"fill='#1c1e21'>{escape(line.title)}</text>"
        )
        parts.append(
            f"<line x1='{at(min(line.values)):.1f}' y1='{y}' x2='{at(max(line.values)):.1f}' y2='{y}' stroke='{colour}' "
            "stroke-width='3' stroke-opacity='0.45'/>"
        )
        parts.append(f"<circle cx='{at(middle):.1f}' cy='{y}' r='5' fill='{colour}'/>")
        parts.append(
            f"<text x='{at(max(line.values)) + 10:.1f}' y='{y + 4}' font-size='12' fill='{colour}'>{escape(line.shown)}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(least: float, most: float) -> Iterator[float]:
    """1, 2, 5, 10, 20 …; where the scale is long, 1, 10, 100 …"""
    steps = (1, 2, 5) if most / least < 500 else (1,)
    for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1):
        yield from (step * 10.0**power for step in steps if least <= step * 10.0**power <= most)


def plain(title: str) -> str:
    return title.replace("`", "")


def values(results: dict[str, Any], name: str, what: str, per_second: int | None = None) -> list[float]:
    return [row[what] for row in report.of(results, name, per_second)]


def burst_picture(results: dict[str, Any]) -> str:
    def line(name: str) -> Line:
        one, environment = CONSUMERS[name], CONSUMERS[name].environment
        version = f" {environment.version}" if one.module == "others" and environment is not None else ""
        shown = f"{figure(report.median(results, name, 'cpu_us'))} µs"
        return Line(plain(one.title) + version, one.module, values(results, name, "cpu_us"), shown)

    names = sorted(report.names(results), key=lambda name: report.median(results, name, "cpu_us"))
    return picture(
        "CPU of one event, from the socket to the user's code", "µs, logarithmic", [line(name) for name in names]
    )


def paced_picture(results: dict[str, Any]) -> str:
    def line(name: str, rate: int) -> Line:
        p50, p99 = (report.median(results, name, what, rate) for what in ("p50_us", "p99_us"))
        title = f"{plain(CONSUMERS[name].title)}, {rate:,}/s"
        return Line(title, CONSUMERS[name].module, (p50, p50, p99), f"{figure(p50)} / {figure(p99)} µs")

    lines = [line(name, rate) for rate in report.rates(results) for name in report.names(results, rate)]
    return picture("From send to the user's code, one event at a time: p50 to p99", "µs, logarithmic", lines)


PICTURES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "performance-burst.svg": burst_picture,
    "performance-paced.svg": paced_picture,
}


def made(results: dict[str, Any]) -> dict[Path, str]:
    """Each file as it should be."""
    page = TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](results)}\n{found[3]}", PAGE.read_text())
    return {PAGE: page} | {DOCS / name: draw(results) for name, draw in PICTURES.items()}


def main() -> None:
    for path, text in made(json.loads(RESULTS.read_text())).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
