"""
The tables and pictures of docs/explanation/growth.md, made from the results beside it; nothing of them is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from benchmarks.growth.fleet import CURVE_S

DOCS: Final = Path(__file__).resolve().parents[2] / "docs" / "explanation"
PAGE: Final = DOCS / "growth.md"
RESULTS: Final = DOCS / "growth.json"
TABLE: Final = re.compile(r"(<!-- (\w+): from growth.json -->\n).*?(<!-- end -->)", re.DOTALL)

COLOURS: Final = ("#b4532a", "#8b6f1c", "#0a7d5a", "#2a5db4")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 340, 56, 60, 46


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """All columns are figures."""
    lines = [head, ["--:"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def lasting(time_s: float) -> str:
    """A duration in words."""
    return f"{time_s:.0f} s" if time_s < 120 else f"{time_s / 60:.1f} min"


def provision(results: dict[str, Any]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for row in results["quiet"]:
            yield (
                f"{row['accounts']:,}",
                f"{row['weight_limit']:,}",
                f"{row['addresses_every_60_s']:,}",
                f"{row['addresses']:,}",
                f"{row['each']:,}",
                str(row["workers"]),
                f"{row['late_active_s']:.1f} s",
                f"{row['late_idle_s']:.1f} s",
                f"{row['most_weight']:,}",
            )

    head = ("accounts", "limit", "addresses, all audited every 60 s", "addresses, by risk", "accounts each", "workers",
            "active audits late, p99", "idle audits late, p99", "most weight in 60 s")  # fmt: skip
    return table(head, rows())


def _return_rows(cases: list[dict[str, Any]]) -> Iterator[Sequence[str]]:
    for row in cases:
        yield (
            f"{row['accounts']:,}",
            f"{row['weight_limit']:,}",
            f"{row['addresses']:,}",
            str(row["keys_per_socket"]),
            lasting(row["start_active_s"]),
            lasting(row["start_all_s"]),
            lasting(row["heal_active_s"]),
            lasting(row["heal_all_s"]),
            lasting(row["arithmetic_s"]),
            f"{max(row['start_weight'], row['heal_weight']):,.0f}",
            f"{max(row['start_sockets'], row['heal_sockets']):.0f}",
        )


HEAD: Final = ("accounts", "limit", "addresses", "keys a socket", "start: active", "start: all", "return: active",
               "return: all", "arithmetic", "most weight in 60 s", "most sockets in 5 min")  # fmt: skip


def returns(results: dict[str, Any]) -> str:
    return table(HEAD, _return_rows(results["returns"]))


def more(results: dict[str, Any]) -> str:
    return table(HEAD, _return_rows(results["more"]))


def picture(results: dict[str, Any], weight_limit: int) -> str:
    """The share of accounts that are whole again, by time, one line for each number of keys a socket."""
    cases = [row for row in results["returns"] if row["weight_limit"] == weight_limit]
    cases = [row for row in cases if row["accounts"] == max(one["accounts"] for one in cases)]
    title = f"100,000 accounts after a minute without sockets, {weight_limit:,} weight a minute: whole again"
    across, down = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM
    parts = [
        (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' "
            "font-family='-apple-system, Segoe UI, Helvetica, Arial, sans-serif'>"
        ),
        f"<title>{escape(title)}</title>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#ffffff'/>",
        f"<text x='16' y='24' font-size='15' font-weight='600' fill='#1c1e21'>{escape(title)}</text>",
    ]
    for share in (0, 25, 50, 75, 100):
        y = TOP + down * (1 - share / 100)
        parts.append(f"<line x1='{LEFT}' y1='{y:.1f}' x2='{LEFT + across}' y2='{y:.1f}' stroke='#e4e6ea'/>")
        parts.append(
            f"<text x='{LEFT - 8}' y='{y + 4:.1f}' font-size='11' text-anchor='end' fill='#6b6f76'>{share} %</text>"
        )
    for minute in range(0, int(CURVE_S / 60) + 1, 5):
        x = LEFT + across * minute * 60 / CURVE_S
        parts.append(
            f"<text x='{x:.1f}' y='{HEIGHT - 26}' font-size='11' text-anchor='middle' fill='#6b6f76'>{minute}</text>"
        )
    parts.append(
        f"<text x='{LEFT + across}' y='{HEIGHT - 8}' font-size='11' text-anchor='end' fill='#6b6f76'>minutes</text>"
    )
    for place, (row, colour) in enumerate(zip(cases, COLOURS, strict=True)):
        last = len(row["healed"]) - 1
        points = " ".join(
            f"{LEFT + across * step / last:.1f},{TOP + down * (1 - share):.1f}"
            for step, share in enumerate(row["healed"])
        )
        parts.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>")
        x = 22 + place * 150
        parts.append(f"<circle cx='{x}' cy='42' r='5' fill='{colour}'/>")
        many = "1 key a socket" if row["keys_per_socket"] == 1 else f"{row['keys_per_socket']} keys a socket"
        parts.append(f"<text x='{x + 11}' y='46' font-size='12' fill='#4a4d52'>{many}</text>")
    return "\n".join([*parts, "</svg>"]) + "\n"


TABLES: Final = {"provision": provision, "returns": returns, "more": more}


def made(results: dict[str, Any], text: str) -> dict[Path, str]:
    """Return the page and its pictures."""
    page = TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]](results)}{found[3]}", text)
    pictures = {DOCS / f"growth-{limit}.svg": picture(results, limit) for limit in (400, 2400)}
    return {PAGE: page, **pictures}
