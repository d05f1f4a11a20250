"""Reads keys from the system's keyring: GNOME Keyring, KWallet, the macOS keychain, the Windows credential store."""

from __future__ import annotations

from typing import Final

from listenkey.errors import UsageError
from listenkey.key_sources.key_file import NAMES

PREFIX: Final = "keyring:"
SERVICE: Final = "listenkey"


def read_keyring(address: str) -> dict[str, str]:
    """
    The keys that a keyring holds under a service's name.

    Args:
        address: `keyring:`, or `keyring:SERVICE` where several accounts are kept.

    Raises:
        UsageError: The package is missing, no keyring is to be had, or it holds no key; the message says what to do.
    """
    service = address.removeprefix(PREFIX) or SERVICE
    try:
        import keyring  # noqa: PLC0415 - an extra, which few have
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise UsageError("reading a keyring needs one more package: python -m pip install keyring") from None
    try:
        found = {name: keyring.get_password(service, name) or "" for name in NAMES}
    except KeyringError as error:
        raise UsageError(f"the keyring can't be read ({type(error).__name__}); a key file needs none") from None
    if not found["BINANCE_API_KEY"]:
        raise UsageError(f"the keyring holds no key; put it there: keyring set {service} BINANCE_API_KEY")
    return found
