"""Two faults at once: a share of what `python -m tests.chaos.pairs` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.pairs import drawn, run

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

SEED = 20261122
PAIRS = drawn(30, SEED)


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[" + ".join(pair) for pair in PAIRS])
def test_two_faults_at_once_lose_nothing(tmp_path: Path, first: str, second: str) -> None:
    run(tmp_path, first, second, SEED)
