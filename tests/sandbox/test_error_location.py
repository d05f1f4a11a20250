from __future__ import annotations

import pytest

from listenkey.sandbox.error_location import error_location


def _breaks(secret: str) -> None:
    raise RuntimeError(secret)


def test_the_place_is_told_and_the_text_is_not() -> None:
    with pytest.raises(RuntimeError) as caught:
        _breaks("hush")
    assert error_location(caught.value).startswith("RuntimeError in _breaks, line ")
    assert error_location(ValueError("hush")) == "ValueError in nowhere"
