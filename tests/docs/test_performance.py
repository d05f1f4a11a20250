"""The figures of docs/reference/performance.md are those of the run that lies beside it, and so are its pictures."""

from __future__ import annotations

import json

from benchmarks.throughput import page


def test_page_and_pictures_are_made_from_the_results_beside_them() -> None:
    made = page.made(json.loads(page.RESULTS.read_text()))
    assert len(made) == 1 + len(page.PICTURES)
    for path, text in made.items():
        assert path.read_text() == text, f"{path.name} is not what `make performance` makes"
    assert set(page.TABLES) == {found[2] for found in page.TABLE.finditer(made[page.PAGE])}
