from __future__ import annotations

import pytest

from tests.sandbox.exchange.exchange_kit import Pit, fixture
from tests.sandbox.exchange.test_payloads import shape

GENERATIONS = pytest.mark.parametrize(("generation", "prefix"), [("current", ""), ("legacy", "legacy_")])


@GENERATIONS
def test_exchange_info(generation: str, prefix: str) -> None:
    info, sample = Pit(generation=generation).exchange.exchange_info(5), fixture(f"{prefix}exchange_info")
    assert shape(info) == shape(sample)
    assert [sorted(each) for each in info["optionSymbols"][0]["filters"]] == [
        sorted(each) for each in sample["optionSymbols"][0]["filters"]
    ]
    assert info["rateLimits"] == sample["rateLimits"]
    assert len(info["optionSymbols"]) == 60
