"""
Signatures of requests: HMAC-SHA256, RSA and Ed25519, over the exact text that is sent.

Source: [O general-info], "Signed endpoint security": the signature is the last parameter, over all the others. RSA is
documented for USD-M [U general-info], Ed25519 for spot; for options both are what the official connector does [SDK].
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from listenkey.credentials import Credentials, Secret, fingerprint
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

RSA_BITS_MIN: Final = 2048
"""Below this an RSA key can be broken; Binance asks for 2048 or 4096 as well."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]+")
"""Most names and values: texts in which nothing is to be encoded."""

Params: TypeAlias = Mapping[str, str | int | None]
"""Names and values of a query, in the order they are sent. None is left out."""


def encode(params: Params) -> str:
    """
    The query text: percent-encoded as UTF-8, in the order given.

    What is signed is this text and what is sent is this text, so that both sides see the same bytes. A space is `%20`.

    Raises:
        UsageError: A value is neither a text nor an integer. A float is refused because its digits are not the ones
            that were written.
    """
    parts = []
    for name, value in params.items():
        if value is None:
            continue
        # bool is an int to Python and `true` to the venue; a float or Decimal has several spellings.
        if not isinstance(value, (str, int)):
            raise UsageError(f"parameter {name}: give a str or an int, not {type(value).__name__}")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            parts.append(f"{_encoded(name)}={_encoded(text)}")
        except UnicodeEncodeError:
            raise UsageError(f"parameter {name} holds half a surrogate pair") from None
    return "&".join(parts)


def _encoded(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


class Signer:
    """
    Signs query texts for one account.

    Make one per account and keep it: an encrypted private key takes a good part of a second to open.
    """

    __slots__ = ("_sign", "kind")

    def __init__(self, kind: str, sign: Callable[[bytes], str]) -> None:
        self.kind = kind
        self._sign = sign

    @classmethod
    def of(cls, credentials: Credentials, passphrase: Secret | None = None) -> Signer:
        """
        Return the signer that fits the account's credentials.

        Args:
            credentials: With an API secret (HMAC) or a private key (PEM text, Ed25519 or RSA).
            passphrase: Of an encrypted private key.

        Raises:
            UsageError: Nothing to sign with, or a private key that is unreadable, of another kind, or too weak.
        """
        if credentials.api_secret is not None:
            return _hmac_signer(credentials.api_secret)
        if credentials.private_key is not None:
            return _private_key_signer(credentials.private_key, passphrase)
        raise UsageError("this call is signed: give api_secret= or private_key=")

    def sign(self, text: str) -> str:
        """The signature of a query text, ready to be sent as the value of `signature`."""
        return self._sign(text.encode())

    def signed(self, text: str) -> str:
        """The query text with its signature as the last parameter."""
        return f"{text}&signature={self.sign(text)}" if text else f"signature={self.sign(text)}"

    def __repr__(self) -> str:
        return f"Signer({self.kind})"


def _hmac_signer(secret: Secret) -> Signer:
    keyed = hmac.new(secret.reveal().encode(), digestmod="sha256")  # once: half of the work is in the key

    def sign(text: bytes) -> str:
        signing = keyed.copy()
        signing.update(text)
        return signing.hexdigest()

    return Signer("HMAC-SHA256", sign)


def _private_key_signer(pem: Secret, passphrase: Secret | None) -> Signer:
    # Imported here: an account with an HMAC secret, and a stream that signs nothing, never pay for it.
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa  # noqa: PLC0415

    key = _load(pem, passphrase)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    shown = fingerprint(public.decode("ascii"))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        edwards = key
        return Signer(f"Ed25519, public key {shown}", lambda text: _as_parameter(edwards.sign(text)))
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < RSA_BITS_MIN:
            raise UsageError(f"the RSA key has {key.key_size} bits; make one of {RSA_BITS_MIN} or more, or Ed25519")
        rivest = key
        return Signer(
            f"RSA, public key {shown}",
            lambda text: _as_parameter(rivest.sign(text, padding.PKCS1v15(), hashes.SHA256())),
        )
    raise UsageError("the private key is of a kind the venue does not take; make an Ed25519 key, or RSA")


def _load(pem: Secret, passphrase: Secret | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    if not isinstance(pem.reveal(), str):
        raise UsageError("the private key must be a str with PEM text, not bytes")
    try:
        return load_pem_private_key(pem.reveal().encode(), None if passphrase is None else passphrase.reveal().encode())
    except TypeError:
        problem = (
            "the private key is encrypted: give its passphrase"
            if passphrase is None
            else "a passphrase was given for a private key that has none"
        )
    except (ValueError, UnsupportedAlgorithm):
        problem = (
            "the private key can't be read; it should be PEM text that begins with -----BEGIN PRIVATE KEY-----"
            if passphrase is None
            else "the private key can't be opened with this passphrase"
        )
    # Raised outside of the handlers, so that no context carries the library's frames, and the key in them, along.
    raise UsageError(problem)


def _as_parameter(signature: bytes) -> str:
    """Base64, then percent-encoded: `+`, `/` and `=` mean something else in a query. [U general-info]"""
    return quote(base64.b64encode(signature).decode("ascii"), safe="")
