from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from listenkey.sandbox.rest_api.refusals import Refusal
from listenkey.sandbox.rest_api.signatures import PublicKey, check_fresh, parameters, split_signature, verifies_hmac

VECTORS = json.loads((Path(__file__).parents[2] / "fixtures" / "signing_vectors.json").read_text())
NOW_MS = 1_795_330_000_000


def pem_of(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("where", ["query", "body"])
def test_documented_vectors(vector: Any, where: Any) -> None:
    query, body, signature = vector["query"], vector["body"], vector["signature"]
    if where == "query":
        query = f"{query}&signature={signature.upper()}"
    else:
        body = f"{body}&signature={signature}".lstrip("&")
    text, found = split_signature(query, body)
    assert text == vector["signed_text"]
    assert found is not None
    assert verifies_hmac(VECTORS["secret_key"], text, found)
    assert not verifies_hmac(VECTORS["secret_key"], text + "0", found)
    assert not verifies_hmac("another", text, found)


def test_the_signature_printed_in_the_documentation_is_refused() -> None:
    wrong = VECTORS["vectors"][1]
    assert not verifies_hmac(VECTORS["secret_key"], wrong["signed_text"], wrong["printed_in_documentation"])


def test_rsa_and_ed25519() -> None:
    text = "symbol=BTC-261225-90000-C&timestamp=1795330000000"
    rsa_key = rsa.generate_private_key(65537, 2048)
    ed_key = ed25519.Ed25519PrivateKey.generate()
    for private, raw in (
        (rsa_key, rsa_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())),
        (ed_key, ed_key.sign(text.encode())),
    ):
        public = PublicKey.from_pem(pem_of(private))
        signature = quote(base64.b64encode(raw).decode(), safe="")
        signed, found = split_signature(f"{text}&signature={signature}", "")
        assert found is not None
        assert public.verifies(signed, found)
        assert not public.verifies(signed + "1", found)
        assert not public.verifies(signed, "not base64!")
        assert not public.verifies(signed, found[:-8])


def test_weak_and_other_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="2048"):
        PublicKey.from_pem(pem_of(rsa.generate_private_key(65537, 1024)))
    with pytest.raises(ValueError, match="RSA and Ed25519"):
        PublicKey.from_pem(pem_of(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ValueError, match="PEM"):
        PublicKey.from_pem("no key")


def test_the_query_wins_for_a_duplicate() -> None:
    assert parameters("symbol=A&x=1&x=2", "symbol=B&side=BUY") == {"symbol": "A", "x": "1", "side": "BUY"}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"timestamp": NOW_MS}, None),
        ({"timestamp": NOW_MS + 999}, None),
        ({"timestamp": NOW_MS + 1000}, -1021),
        ({"timestamp": NOW_MS - 5000}, None),
        ({"timestamp": NOW_MS - 5001}, -1021),
        ({"timestamp": NOW_MS - 59_999, "recvWindow": 59_999}, None),
        ({"timestamp": NOW_MS, "recvWindow": 60_000}, -1131),
        ({"timestamp": NOW_MS - 11, "recvWindow": 10}, -1021),
        ({"recvWindow": 10}, -1102),
        ({"timestamp": ""}, -1102),
        ({"timestamp": "soon"}, -1102),
        ({"timestamp": NOW_MS, "recvWindow": "wide"}, -1102),
    ],
)
def test_freshness(values: Any, code: Any) -> None:
    values = {name: str(value) for name, value in values.items()}
    if code is None:
        check_fresh(values, NOW_MS)
        return
    with pytest.raises(Refusal) as refused:
        check_fresh(values, NOW_MS)
    assert refused.value.code == code


def test_a_scaled_clock_has_a_wider_window_and_a_lenient_one_any() -> None:
    old = {"timestamp": str(NOW_MS - 250_000)}
    check_fresh(old, NOW_MS, time_scale=60)
    with pytest.raises(Refusal):
        check_fresh(old, NOW_MS, time_scale=0.5)
    check_fresh({"timestamp": "1"}, NOW_MS, lenient=True)
