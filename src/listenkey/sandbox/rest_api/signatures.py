"""
Signed requests: what was signed, by whom, and whether it is fresh. Pure.

`totalParams` is the query string followed directly by the body, with no `&` between them; the signature itself is left
out of it. [O general-info]. RSA and Ed25519 are documented for the sibling products ([U general-info]); the official
connector signs options requests with either.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from listenkey.sandbox.rest_api.refusals import Refusal, missing
from listenkey.venue import CLOCK_AHEAD_MS, RECV_WINDOW_BELOW_MS, RECV_WINDOW_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS_MAX: Final = 500

_SIGNATURE: Final = re.compile(r"(?:^|&)signature=([^&]*)")
RSA_BITS_MIN: Final = 2048


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA or Ed25519 key, registered by its PEM text."""

    key: Any

    @classmethod
    def from_pem(cls, pem: str) -> PublicKey:
        """Reads a public key. Raises ValueError for any other kind and for RSA below 2048 bits."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  heavy, rare
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

        key = load_pem_public_key(pem.encode())
        if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS_MIN:
            raise ValueError(f"an RSA key needs {RSA_BITS_MIN} bits or more")
        if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
            raise ValueError("only RSA and Ed25519 keys sign requests")  # noqa: TRY004  the text is wrong, not its type
        return cls(key)

    def verifies(self, text: str, signature: str) -> bool:
        """Return True where `signature`, base64, is of `text`: RSASSA-PKCS1-v1_5 with SHA-256, or Ed25519."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(self.key, RSAPublicKey):
                self.key.verify(raw, text.encode(), PKCS1v15(), SHA256())
            else:
                self.key.verify(raw, text.encode())
        except (InvalidSignature, binascii.Error):
            return False
        return True


def verifies_hmac(secret: str, text: str, signature: str) -> bool:
    """HMAC-SHA256 in hexadecimal, in any case of letters. [O general-info]"""
    expected = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())


def split_signature(query: str, body: str) -> tuple[str, str | None]:
    """
    Return the signed text, exactly as sent, and the signature, percent-decoded.

    The signature may stand in the query or in the body; the query wins.
    """
    found = _SIGNATURE.search(query) or _SIGNATURE.search(body)
    text = _SIGNATURE.sub("", query).lstrip("&") + _SIGNATURE.sub("", body).lstrip("&")
    if found is None or not found[1]:
        return text, None
    return text, unquote(found[1])


def parameters(query: str, body: str) -> dict[str, str]:
    """Names and values of both; for a name sent twice the query wins. [O general-info]"""
    values: dict[str, str] = {}
    for text in (body, query):
        # Of one name twice in one place the first counts, and of a dict's pairs the last.
        values.update(reversed(_pairs(text)))
    return values


def _pairs(text: str) -> list[tuple[str, str]]:
    """Names and values in order; ValueError where there are too many."""
    if "%" in text or "+" in text:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    fields = text.split("&") if text else []
    if len(fields) > FIELDS_MAX:
        raise ValueError(f"more than {FIELDS_MAX} fields")
    return [(name, value) for name, _, value in (field.partition("=") for field in fields if field)]


def check_fresh(values: Mapping[str, str], now_ms: int, *, time_scale: float = 1.0, lenient: bool = False) -> None:
    """
    Refuses a request that is not of now: -1102, -1131, -1021.

    Args:
        values: All parameters of the request.
        now_ms: The exchange's time.
        time_scale: A scaled clock runs through a window of 5 s faster, so the window grows with it.
        lenient: Any timestamp is accepted, for clients that can't follow a clock which was scaled or moved.

    Source: [O general-info]: `timestamp < serverTime + 1000` and `serverTime - timestamp <= recvWindow`.
    """
    timestamp = _integer(values, "timestamp")
    if timestamp is None:
        raise missing("timestamp")
    window = _integer(values, "recvWindow")
    window_ms = RECV_WINDOW_MS if window is None else window
    if window_ms >= RECV_WINDOW_BELOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000")
    if lenient:
        return
    scale = max(1.0, time_scale)
    if timestamp >= now_ms + CLOCK_AHEAD_MS * scale:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window_ms * scale:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def _integer(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise missing(name)
    return int(text)
