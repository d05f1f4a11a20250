"""
Listen keys: one an account, 60 minutes from its creation, its last POST or its last PUT. Pure; time is an argument.

Source: [O user-data-streams], [O Start-User-Data-Stream], [O Keepalive-User-Data-Stream].
"""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from listenkey.venue import KEY_VALID_S

if TYPE_CHECKING:
    import random

KEY_LENGTH: Final = 64
KEY_ALPHABET: Final = string.ascii_letters + string.digits
LEDGER_ROWS_MAX: Final = 100_000

End: TypeAlias = Literal["expired", "closed", "expired_silently"]


@dataclass(slots=True)
class ListenKey:
    """One key. Its value is a bearer secret and not shown."""

    value: str
    account: str
    valid_until_ms: int

    def __repr__(self) -> str:
        return f"ListenKey({fingerprint(self.value)}, {self.account!r})"


@dataclass(frozen=True, slots=True)
class EndedListenKey:
    """A key is over: of time (`expired`), by DELETE (`closed`), or by a fault with no word to anyone."""

    account: str
    key: str
    at_ms: int
    why: End

    def __repr__(self) -> str:
        return f"KeyEnded({self.account!r}, {fingerprint(self.key)}, {self.why})"


def fingerprint(key: str) -> str:
    """Return the part of a key that logs and ledgers show: eight hex digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


class ListenKeyRegistry:
    """
    The keys of all accounts.

    What ended is taken with `take_ended()`; the hub tells the sockets.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._by_account: dict[str, ListenKey] = {}
        self._by_value: dict[str, ListenKey] = {}
        self._ended: list[EndedListenKey] = []
        self._ledger: dict[str, list[dict[str, Any]]] = {}
        self._due_ms: int | None = None

    def start(self, account: str, now_ms: int) -> tuple[str, int]:
        """POST: the account's key, the same one while it is valid, and the end of its validity in epoch ms."""
        self.advance(now_ms)
        key = self._by_account.get(account)
        if key is None:
            value = "".join(self._rng.choices(KEY_ALPHABET, k=KEY_LENGTH))
            key = ListenKey(value, account, 0)
            self._by_account[account] = self._by_value[value] = key
            self._write(account, value, "created", now_ms)
        else:
            self._write(account, key.value, "extended", now_ms)
        self._prolong(key, now_ms)
        return key.value, key.valid_until_ms

    def extend(self, account: str, now_ms: int) -> str | None:
        """PUT: valid for 60 minutes from now. The key, or None when there is no valid one."""
        self.advance(now_ms)
        key = self._by_account.get(account)
        if key is None:
            return None
        self._prolong(key, now_ms)
        self._write(account, key.value, "extended", now_ms)
        return key.value

    def close(self, account: str, now_ms: int) -> bool:
        """DELETE: the key is over for every client of the account. False when there was none."""
        self.advance(now_ms)
        return self._end(account, now_ms, "closed")

    def expire(self, account: str, now_ms: int, *, silently: bool = False) -> bool:
        """A fault: the key ends now, with or without `listenKeyExpired`. False when there was none."""
        self.advance(now_ms)
        return self._end(account, now_ms, "expired_silently" if silently else "expired")

    def advance(self, now_ms: int) -> None:
        """Ends what has run out; each at its own time."""
        if self._due_ms is None or now_ms < self._due_ms:
            return
        over = [key for key in self._by_account.values() if key.valid_until_ms <= now_ms]
        for key in sorted(over, key=lambda key: key.valid_until_ms):
            self._end(key.account, key.valid_until_ms, "expired")

    def take_ended(self) -> list[EndedListenKey]:
        """Drains what ended since the last call, in order."""
        ended, self._ended = self._ended, []
        return ended

    def account_of(self, key: str) -> str | None:
        """Return the account of a valid key; None where the key is none."""
        found = self._by_value.get(key)
        return found.account if found else None

    def current(self, account: str) -> str | None:
        """The account's valid key."""
        found = self._by_account.get(account)
        return found.value if found else None

    def accounts(self) -> list[str]:
        """Return the accounts that have a valid key."""
        return list(self._by_account)

    def due_ms(self) -> int | None:
        """Return when the next key runs out; None where there is none."""
        return self._due_ms

    def ledger(self, account: str) -> list[dict[str, Any]]:
        """Return the history of the account's keys, in order; a key is named by its fingerprint."""
        return list(self._ledger.get(account, ()))

    def _prolong(self, key: ListenKey, now_ms: int) -> None:
        key.valid_until_ms = now_ms + KEY_VALID_S * 1000
        self._find_due()

    def _find_due(self) -> None:
        self._due_ms = min((key.valid_until_ms for key in self._by_account.values()), default=None)

    def _end(self, account: str, at_ms: int, why: End) -> bool:
        key = self._by_account.pop(account, None)
        if key is None:
            return False
        del self._by_value[key.value]
        self._find_due()
        self._ended.append(EndedListenKey(account, key.value, at_ms, why))
        self._write(account, key.value, why, at_ms)
        return True

    def _write(self, account: str, key: str, what: str, at_ms: int) -> None:
        rows = self._ledger.setdefault(account, [])
        if len(rows) < LEDGER_ROWS_MAX:
            rows.append({"time_ms": at_ms, "what": what, "key": fingerprint(key)})
