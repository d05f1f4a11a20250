"""Secrets and control characters leave a text before it gets into an error."""

from __future__ import annotations

import base64
import json
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.credentials import Secret
from listenkey.wire.redaction import clean, mask, masked_body

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
CATALOG = json.loads((Path(__file__).parents[2] / "fixtures/error_catalog.json").read_text())


@given(
    st.text(st.characters(codec="utf-8"), max_size=300),
    st.text(string.ascii_letters + string.digits, min_size=40, max_size=64),
    st.text(st.characters(codec="utf-8"), max_size=300),
)
def test_what_looks_like_a_key_is_masked_wherever_it_stands(before: str, key: str, after: str) -> None:
    assert key not in clean(f"{before}{key}{after}", longest=10_000)
    assert key.encode() not in masked_body(f"{before}{key}{after}".encode())


@pytest.mark.parametrize("secret", ["short", "with space", "a+b/c=", "é"])
def test_a_known_secret_is_masked_whatever_it_looks_like(secret: str) -> None:
    shown = mask(f"x {secret} y {quote(secret, safe='')} z", [Secret(secret)])
    assert shown == "x [hidden] y [hidden] z"


def test_a_signature_in_base64_is_masked() -> None:
    signature = base64.b64encode(bytes(range(64))).decode()
    assert signature[:20] not in mask(f"signature={signature}")


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: str(entry["code"]))
def test_the_venues_own_words_stay_readable(entry: dict[str, Any]) -> None:
    for text in (entry["name"], *entry["messages"]):
        assert clean(text, longest=1_000) == text.strip()


def test_a_control_character_carries_no_key_past_the_pattern() -> None:
    split = "\x1b\x00".join((KEY[:16], KEY[16:32], KEY[32:48], KEY[48:]))
    assert clean(split) == "[hidden]"
    assert clean("a\x1b[31mb\r\nc\u202ed\x9be\tf\ud800") == "a[31mb cde f"


def test_long_texts_are_cut_between_words() -> None:
    assert len(clean("word " * 10_000)) == 200
    almost = "x " * 2_040 + KEY
    assert KEY[:10] not in clean(almost, longest=100_000)
    assert len(masked_body(b"a b " * 1_000_000)) <= 4096
