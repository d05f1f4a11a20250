"""`python -m benchmarks.growth`: plays all fleets, writes growth.json, and renews the page and its pictures; about a minute."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.growth import fleet, page

FLEETS = (10_000, 100_000)
LIMITS = (400, 2_400)
KEYS = (1, 10, 25, 50)
MORE = (2, 4)


def played() -> dict[str, Any]:
    """Play all of it."""
    cases = [(accounts, limit) for accounts in FLEETS for limit in LIMITS]
    return {
        "quiet": [fleet.quiet(*case) for case in cases],
        "returns": [fleet.play(*case, keys) for case in cases for keys in KEYS],
        "more": [fleet.play(FLEETS[-1], limit, 25, times) for limit in LIMITS for times in MORE],
    }


def main() -> int:
    results = played()
    page.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for path, text in page.made(results, page.PAGE.read_text()).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
