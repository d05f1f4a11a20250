"""The one TLS context of the process. Verification can't be turned off: there is no option, variable or flag for it."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Final

from listenkey.errors import UsageError

BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""
The files in which systems keep their authorities. A Python that was built elsewhere looks in directories of its
builder, which may not exist here. The list and its order are Go's (`crypto/x509/root_linux.go`).
"""


def context() -> ssl.SSLContext:
    """
    The context for https and wss: TLS 1.2 or newer, certificate and host name verified.

    `SSL_CERT_FILE` adds authorities to those of the system and takes none away.

    Raises:
        UsageError: `SSL_CERT_FILE` names something that can't be read as certificates.
    """
    return _context(os.environ.get("SSL_CERT_FILE") or None)


@lru_cache(maxsize=4)
def _context(added: str | None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # Not load_default_certs(): OpenSSL would let SSL_CERT_FILE and SSL_CERT_DIR stand in for the system's own.
    paths = ssl.get_default_verify_paths()
    file, folder = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    found = False
    if file.is_file():
        made.load_verify_locations(cafile=str(file))
        found = True
    if folder.is_dir() and any(folder.iterdir()):
        made.load_verify_locations(capath=str(folder))
        found = True
    bundle = next((path for path in BUNDLES if Path(path).is_file()), None)
    if not found and bundle is not None:
        made.load_verify_locations(cafile=bundle)
    if added is not None:
        try:
            made.load_verify_locations(cafile=added)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or type(error).__name__
            raise UsageError(f"SSL_CERT_FILE={added}: can't be read as certificates ({reason})") from None
    return made
