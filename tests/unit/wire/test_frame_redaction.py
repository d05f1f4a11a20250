"""Test what is kept of a frame; tests/fuzz/test_redactors.py looks for keys that get through."""

from __future__ import annotations

from listenkey.credentials import Secret
from listenkey.wire.frame_redaction import BODY_BYTES_MAX, MASK, masked, redact

KEY = Secret("a1" * 32)


def test_keys_are_masked_under_their_names_and_where_they_are_known() -> None:
    assert b"other" not in redact(b'{"listenKey":"other","stream": "other"}')
    assert redact(b"a tiny-key is one", [Secret("tiny-key")]) == b"a " + MASK + b" is one"
    assert redact(b"a " + KEY.reveal().encode()) == b"a " + MASK


def test_only_the_beginning_is_kept() -> None:
    assert len(redact(b"x " * BODY_BYTES_MAX)) == BODY_BYTES_MAX
    cut = b" " * (2 * BODY_BYTES_MAX - 8) + KEY.reveal().encode()
    assert b"a1" not in redact(cut)


def test_a_tree_has_fingerprints_in_the_place_of_keys() -> None:
    shown = "sha256:" + KEY.fingerprint()
    tree = {"e": "x", "listenKey": "other", "list": [KEY.reveal(), {"x": f"<{KEY.reveal()}>"}], "n": 1, "": ""}
    assert masked(tree, [KEY, Secret("x")]) == tree | {
        "listenKey": "sha256:" + Secret("other").fingerprint(),
        "list": [shown, {"x": f"<{shown}>"}],
    }
    assert masked(masked(tree, [KEY]), []) == masked(tree, [KEY]), "what is one already stays"
