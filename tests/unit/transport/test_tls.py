"""The one TLS context."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from listenkey.errors import UsageError
from listenkey.transport import tls
from tests.unit.transport.certificates import self_signed


def test_it_verifies_names_and_certificates_from_tls_1_2_on() -> None:
    context = tls.context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.context() is context


def test_the_environment_adds_and_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "system.pem"
    system.write_bytes(self_signed(tmp_path, "10.0.0.1").certificate.read_bytes())
    added = self_signed(tmp_path, "10.0.0.2").certificate
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=str(system), openssl_capath=str(tmp_path / "none"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setenv("SSL_CERT_FILE", str(added))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    context = tls._context.__wrapped__(str(added))
    assert context.cert_store_stats()["x509"] == 2
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_system_that_keeps_its_authorities_elsewhere_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = self_signed(tmp_path, "10.0.0.1").certificate
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile="/none", openssl_capath=str(tmp_path / "none"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(tls, "BUNDLES", ("/none.pem", str(bundle)))
    assert tls._context.__wrapped__(None).cert_store_stats()["x509"] == 1


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_an_unreadable_file_is_told_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE=.*ca\.pem: can't be read as certificates"):
        tls.context()
