"""No text, however it is cut, escaped or surrounded, carries a secret past what masks it; and masking has an end."""

from __future__ import annotations

import json
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.cli import redaction as net
from listenkey.credentials import Secret
from listenkey.wire import frame_redaction as frames
from listenkey.wire.frames import read
from listenkey.wire.redaction import clean, mask, masked_body

SLOW_S = 1.0
"""Ten times what the longest takes here: a busy machine is not a bug, a square of the length is."""

KEYS = st.text(string.ascii_letters + string.digits, min_size=40, max_size=64)
ODD_KEYS = st.one_of(
    st.text("ab1 +/=&%", min_size=8, max_size=14),
    st.text(st.characters(codec="utf-8", exclude_characters='"\\'), min_size=8, max_size=70),
).filter(str.strip)
AROUND = st.text(
    st.one_of(st.sampled_from(' \t\n"\\:={}[],&?%_-+/~.\x00\x1b\u202e'), st.characters(codec="utf-8")), max_size=60
)


def escaped(key: str) -> str:
    """As JSON may write it: every letter by its number."""
    return "".join(f"\\u{ord(letter):04x}" for letter in key)


@given(AROUND, KEYS, AROUND)
def test_a_key_is_masked_in_a_frame_that_nobody_can_read(before: str, key: str, after: str) -> None:
    for text in (f"{before}{key}{after}", f"{before}{escaped(key)}{after}", f'{before}"listenKey" : "{key}"{after}'):
        shown = frames.redact(text.encode())
        assert key.encode() not in shown
        assert escaped(key).encode() not in shown


@given(AROUND, ODD_KEYS, AROUND)
def test_a_known_key_of_any_letters_is_masked_in_a_frame(before: str, key: str, after: str) -> None:
    assert key.encode() not in frames.redact(f"{before}{key}{after}".encode(), [Secret(key)]).replace(frames.MASK, b"")


@given(AROUND, ODD_KEYS, AROUND)
def test_a_known_secret_of_any_letters_is_masked_in_words(before: str, key: str, after: str) -> None:
    text = f"{before} {key} {quote(key, safe='')} {after}"
    for shown in (mask(text, [Secret(key)]), clean(text, [Secret(key)], 10_000)):
        for form in (key, quote(key, safe="")):
            assert form not in shown.replace("[hidden]", "\0")
    body = masked_body(text.encode(), [Secret(key)])
    assert key.encode() not in body.replace(b"[hidden]", b"\0")


@given(st.lists(AROUND, min_size=1, max_size=5), KEYS)
def test_a_key_is_masked_on_its_way_to_a_person(around: list[str], key: str) -> None:
    text = key.join(["", *around, ""])
    assert key not in net.redact(text)
    assert key not in net.redact(json.dumps(text))
    assert key not in net.redact(quote(text))


@given(st.text())
def test_what_a_person_sees_is_one_line_of_bounded_length(text: str) -> None:
    shown = net.printable(text, 50)
    assert len(shown) <= 50
    assert shown.isprintable() or all(letter.isprintable() or letter == " " for letter in shown) or not shown.isascii()
    assert not {"\x1b", "\n", "\r", "\x9b", "\u2028", "\u202e"} & set(shown)


@given(KEYS, st.integers(1, 70), st.booleans())
def test_no_half_of_a_key_is_left_where_a_long_frame_is_cut(key: str, back: int, plainly: bool) -> None:
    whole = key if plainly else escaped(key)
    # So many masked keys before it that the cut itself is shown.
    masked = ("x" * 63 + " ") * (2 * frames.BODY_BYTES_MAX // 64)
    body = (masked[: 2 * frames.BODY_BYTES_MAX - back] + whole + " " * 200).encode()
    shown = frames.redact(body)
    assert len(shown) < frames.BODY_BYTES_MAX
    assert shown.replace(b" ", b"").replace(frames.MASK, b"").strip(b"x") == b""


LONG = {
    "letters": "a",
    "digits": "1",
    "signs without a digit": "_",
    "signs and a digit at the end": "_/",
    "escapes": "\\u0041",
    "quotes": '"',
    "names": '"stream"',
    "names and spaces": '"listenKey"   ',
    "brackets": "[{",
    "spaces": " ",
    "backslashes": "\\",
    "words": "a _",
    "almost keys": "a" * 31 + "-",
}


@pytest.mark.parametrize("name", LONG)
def test_a_text_of_a_mebibyte_is_masked_in_time(name: str) -> None:
    text = (LONG[name] * (1024 * 1024 // len(LONG[name]) + 1))[: 1024 * 1024] + "1"
    hide = [Secret("p w d secret")]
    began_s = time.process_time()
    frames.redact(text.encode(), hide)
    clean(text, hide)
    masked_body(text.encode(), hide)
    read(text.encode(), hide)
    read(b'{"stream":"x","data":' + text.encode() + b"}", hide)
    net.printable(text)
    assert time.process_time() - began_s < SLOW_S
