"""Signatures."""

from __future__ import annotations

import base64
import json
import string
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from hypothesis import given
from hypothesis import strategies as st

from listenkey.credentials import Credentials, Secret
from listenkey.errors import UsageError
from listenkey.wire.signing import Signer, encode

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures/signing_vectors.json").read_text())
TEXT = "symbol=BTC-261225-90000-C&timestamp=1795330000123"


def pem_of(key: PrivateKeyTypes, passphrase: str | None = None) -> str:
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_the_documented_vectors(vector: dict[str, Any]) -> None:
    signer = Signer.of(Credentials.of(VECTORS["api_key"], api_secret=VECTORS["secret_key"]))
    assert signer.sign(vector["signed_text"]) == vector["signature"]
    if "parameters" in vector:
        assert encode(dict(vector["parameters"])) == vector["query"]
        assert signer.signed(vector["query"]) == f"{vector['query']}&signature={vector['signature']}"


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1), st.text(st.characters(codec="utf-8")), max_size=5))
def test_any_text_survives_encoding(params: dict[str, str]) -> None:
    text = encode(params)
    assert parse_qsl(text, keep_blank_values=True, strict_parsing=bool(params)) == list(params.items())
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.~%=&")


def test_none_is_left_out_and_booleans_are_the_venues() -> None:
    assert encode({"a": None, "b": True, "c": 2**63 - 1}) == "b=true&c=9223372036854775807"


@pytest.mark.parametrize("value", [0.1, Decimal("0.1"), b"x", ["x"], "\ud800"])
def test_what_has_several_spellings_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="parameter price"):
        encode({"price": value})


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_ed25519_verifies_with_the_public_key(passphrase: Any) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    credentials = Credentials.of("key", private_key=pem_of(key, passphrase))
    signer = Signer.of(credentials, Secret(passphrase) if passphrase else None)
    signature = signer.sign(TEXT)
    assert not set(signature) & set("+/=")
    key.public_key().verify(base64.b64decode(unquote(signature)), TEXT.encode())


def test_rsa_verifies_with_the_public_key() -> None:
    key = rsa.generate_private_key(65537, 2048)
    signature = Signer.of(Credentials.of("key", private_key=pem_of(key))).sign(TEXT)
    key.public_key().verify(base64.b64decode(unquote(signature)), TEXT.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_weak_rsa_key_is_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    with pytest.raises(UsageError, match="1024 bits"):
        Signer.of(Credentials.of("key", private_key=pem_of(weak)))


def test_another_kind_of_key_is_refused() -> None:
    with pytest.raises(UsageError, match="of a kind"):
        Signer.of(Credentials.of("key", private_key=pem_of(dsa.generate_private_key(2048))))


ENCRYPTED = pem_of(ed25519.Ed25519PrivateKey.generate(), "correct horse")


@pytest.mark.parametrize(
    ("pem", "passphrase", "words"),
    [
        (ENCRYPTED, None, "give its passphrase"),
        (ENCRYPTED, Secret("wrong"), "can't be opened"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), Secret("x"), "has none"),
        ("not a key at all", None, "PEM text"),
        (ENCRYPTED.replace("A", "!"), None, "PEM text"),
    ],
    ids=["none given", "wrong", "not needed", "garbage", "damaged"],
)
def test_a_key_that_does_not_open_is_told_without_showing_it(pem: str, passphrase: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Signer.of(Credentials.of("key", private_key=pem), passphrase)
    assert caught.value.__context__ is None
    assert pem[-60:-30] not in str(caught.value) or not pem[-60:-30]


def test_nothing_to_sign_with() -> None:
    with pytest.raises(UsageError, match=r"api_secret= or private_key="):
        Signer.of(Credentials.of("key"))


def test_a_signer_shows_its_kind_only() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    shown = repr(Signer.of(Credentials.of("key", private_key=pem_of(key))))
    assert shown.startswith("Signer(Ed25519, public key ")
    assert repr(Signer.of(Credentials.of("key", api_secret="secret"))) == "Signer(HMAC-SHA256)"
