from __future__ import annotations

import pytest

from listenkey.sandbox.whereabouts import whereabouts


def _breaks(secret: str) -> None:
    raise RuntimeError(secret)


def test_the_place_is_told_and_the_text_is_not() -> None:
    with pytest.raises(RuntimeError) as caught:
        _breaks("hush")
    assert whereabouts(caught.value).startswith("RuntimeError in _breaks, line ")
    assert whereabouts(ValueError("hush")) == "ValueError in nowhere"
