"""Keep listen keys out of what is kept of a frame: of the JSON of an event, and of a frame that can't be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from listenkey.credentials import Secret
from listenkey.events.base import FINGERPRINT_PREFIX

BODY_BYTES_MAX: Final = 16 * 1024
"""The bytes kept of an unreadable frame."""

KEY_LENGTH_MIN: Final = 8
"""A shorter text is not looked for inside others: documented keys have 40 and 64 letters, and `"1"` is everywhere."""

MASK: Final = b"***"
_RUN: Final = re.compile(rb"(?:[A-Za-z0-9]|\\u00[0-9A-Fa-f]{2}){32,}")
_OF_KEYS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\\"
_NAMED: Final = re.compile(rb'("(?:listenKey|stream)"\s*:\s*")[^"]*', re.IGNORECASE)


def masked(tree: dict[str, Any], secrets: Sequence[Secret]) -> dict[str, Any]:
    """Return a copy of a message in which texts under a name like `listenKey`, and known keys anywhere, are fingerprints."""
    copy: dict[str, Any] = _masked(
        tree, [one for one in secrets if len(one.reveal()) >= KEY_LENGTH_MIN], under_key=False
    )
    return copy


def _masked(value: Any, secrets: Sequence[Secret], *, under_key: bool) -> Any:
    if isinstance(value, dict):
        return {
            _masked(name, secrets, under_key=False): _masked(
                part, secrets, under_key=under_key or "listenkey" in name.lower()
            )
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_masked(part, secrets, under_key=under_key) for part in value]
    if not isinstance(value, str) or not value:
        return value
    if under_key and not value.startswith(FINGERPRINT_PREFIX):
        return FINGERPRINT_PREFIX + Secret(value).fingerprint()
    for secret in secrets:
        value = value.replace(secret.reveal(), FINGERPRINT_PREFIX + secret.fingerprint())
    return value


def redact(body: bytes, secrets: Sequence[Secret] = ()) -> bytes:
    """
    Return the beginning of an unreadable frame, fit to be kept: at most `BODY_BYTES_MAX`.

    Masked are the keys given, what stands under `listenKey` or `stream`, and every run of 32 letters and digits or
    more: documented keys have 40 and 64.
    """
    for secret in secrets:
        if len(secret.reveal()) >= KEY_LENGTH_MIN:
            body = body.replace(secret.reveal().encode("utf-8", "replace"), MASK)
    if len(body) > 2 * BODY_BYTES_MAX:
        # To look through a mebibyte takes half a second. What is cut off must not leave half a key behind.
        body = body[: 2 * BODY_BYTES_MAX].rstrip(_OF_KEYS)
    return _RUN.sub(MASK, _NAMED.sub(rb"\1" + MASK, body))[:BODY_BYTES_MAX]
