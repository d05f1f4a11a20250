"""The API key and secret. Nothing here shows them: not `repr`, `str`, `format`, `pickle` or a traceback's locals."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, NoReturn

from listenkey.errors import UsageError

FINGERPRINT_HEX: Final = 8


class Secret:
    """
    A text that is not shown.

    `reveal()` gives it, and is meant to be seen in a review: it is called where the text is put on the wire or into
    a signature, and nowhere else.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def fingerprint(self) -> str:
        """Eight hex digits that tell two secrets apart and give neither away."""
        return fingerprint(self._text)

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint()})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied to other processes")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self


def fingerprint(text: str) -> str:
    """Eight hex digits of SHA-256: enough to tell two secrets apart, too few to give one away."""
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_HEX]


def is_fingerprint(text: str) -> bool:
    """Return True where a text could be what `fingerprint` returns."""
    return len(text) == FINGERPRINT_HEX and set(text) <= set("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Credentials:
    """
    The keys that identify an account, and that sign its requests.

    Args:
        api_key: Sent in a header. It alone opens the stream, so it is as secret as the rest.
        api_secret: For HMAC signatures; may be left out.
        private_key: PEM text of an Ed25519 or RSA key; may be left out.
    """

    api_key: Secret
    api_secret: Secret | None = None
    private_key: Secret | None = field(default=None)

    @classmethod
    def of(cls, api_key: str, api_secret: str | None = None, private_key: str | None = None) -> Credentials:
        """Make credentials of plain texts; raises UsageError where they can't be right."""
        problem = _problem(api_key, api_secret, private_key)
        given = cls(
            Secret(api_key),
            Secret(api_secret) if api_secret else None,
            Secret(private_key) if private_key else None,
        )
        del api_key, api_secret, private_key  # A crash reporter keeps the locals of every frame of an error.
        if problem:
            raise UsageError(problem)
        return given

    @property
    def can_sign(self) -> bool:
        """True where requests can be signed."""
        return self.api_secret is not None or self.private_key is not None


def _problem(api_key: object, api_secret: object, private_key: object) -> str:
    """Return the error in the texts, for people; empty where they can be right."""
    if not api_key:
        return "no API key: pass api_key=, or set BINANCE_API_KEY for the command"
    for name, text in (("API key", api_key), ("API secret", api_secret or "")):
        # Type checkers say so as well; without them bytes would be found at the first request.
        if not isinstance(text, str):
            return f"the {name} must be a str, not {type(text).__name__}"
        if any(not "!" <= letter <= "~" for letter in text):
            return f"the {name} holds a space, a line break or a letter outside ASCII; copy it again"
    return "give api_secret or private_key, not both" if api_secret and private_key else ""
