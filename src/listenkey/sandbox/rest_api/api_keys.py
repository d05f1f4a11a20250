"""Identify clients: API keys, and the secret or public key each one signs with. Pure; randomness is given."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from listenkey.sandbox.rest_api.signatures import PublicKey, split_signature, verifies_hmac

if TYPE_CHECKING:
    import random

    from listenkey.sandbox.switches import SignatureOver

_ALPHABET: Final = string.ascii_letters + string.digits
_KEY_LENGTH: Final = 64
_FORMAT: Final = re.compile(r"[A-Za-z0-9]{16,128}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """
    One API key of an account.

    Args:
        name: Of the account.
        api_key: For the header `X-MBX-APIKEY`.
        api_secret: For HMAC signatures; empty when the key signs with a public key.
    """

    name: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    public_key: PublicKey | None = field(default=None, repr=False)

    def verifies(self, query: str, body: str, over: SignatureOver = "sent") -> bool | None:
        """Return True where the signature is right; None when there is none. `over` is the switch `signature_over`."""
        sent, signature = split_signature(query, body)
        if signature is None:
            return None
        texts = {"sent": (sent,), "decoded": (unquote(sent),), "either": (sent, unquote(sent))}[over]
        return any(self._signed(text, signature) for text in texts)

    def _signed(self, text: str, signature: str) -> bool:
        if self.public_key is not None:
            return self.public_key.verifies(text, signature)
        return verifies_hmac(self.api_secret, text, signature)


class ApiKeys:
    """All API keys. An account may have several."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._by_api_key: dict[str, SandboxAccount] = {}

    def issue(self, name: str, public_key_pem: str | None = None) -> SandboxAccount:
        """A new API key for the account. Raises ValueError for a name or a public key that won't do."""
        if not _NAME.fullmatch(name):
            raise ValueError("a name is 1 to 64 of A-Z a-z 0-9 _ . - and starts with a letter or digit")
        public_key = PublicKey.from_pem(public_key_pem) if public_key_pem else None
        secret = "" if public_key else self._text()
        account = SandboxAccount(name, self._text(), secret, public_key)
        self._by_api_key[account.api_key] = account
        return account

    def revoke(self, api_key: str) -> bool:
        """End an API key, as its owner does on the venue's own pages: from now on it is unknown. False if it was."""
        return self._by_api_key.pop(api_key, None) is not None

    def find(self, api_key: str) -> SandboxAccount | None:
        """Return the account of an API key; None where it is nobody's."""
        return self._by_api_key.get(api_key)

    def well_formed(self, api_key: str | None) -> bool:
        """Return True where it could be an API key at all; if not, the answer is -2014 instead of -2015."""
        return bool(api_key and _FORMAT.fullmatch(api_key))

    def all(self) -> list[SandboxAccount]:
        """Every API key, in the order of issue."""
        return list(self._by_api_key.values())

    def _text(self) -> str:
        return "".join(self._rng.choices(_ALPHABET, k=_KEY_LENGTH))
