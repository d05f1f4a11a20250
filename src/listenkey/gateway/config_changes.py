"""The difference between two configurations: what a gateway that runs has to do to follow the newer one. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from listenkey.gateway.config import AccountConfig, GatewayConfig

FOR_THE_NEXT_START: Final = (
    "host",
    "port",
    "journal",
    "folder",
    "token_file",
    "keep_days",
    "keys_per_socket",
    "idle_audit_every_s",
    "venue",
    "worker",
    "worker_url",
    "session_s",
)
"""Settings that a gateway takes at its start alone."""


class ConfigChanges(NamedTuple):
    """
    The steps from one configuration to the next.

    Attributes:
        to_add: Accounts that are new.
        to_take_out: Names of those that are gone.
        to_rekey: Accounts with other keys: by another reference, or in the same file.
        at_next_start: Settings that differ and wait for the next start.
    """

    to_add: tuple[AccountConfig, ...]
    to_take_out: tuple[str, ...]
    to_rekey: tuple[AccountConfig, ...]
    at_next_start: tuple[str, ...]

    def __str__(self) -> str:
        parts = [
            f"{what} {', '.join(names)}"
            for what, names in (
                ("added", [account.name for account in self.to_add]),
                ("took out", self.to_take_out),
                ("gave other keys to", [account.name for account in self.to_rekey]),
                ("at the next start:", self.at_next_start),
            )
            if names
        ]
        return "; ".join(parts) or "nothing has changed"


def changes(old: GatewayConfig, new: GatewayConfig) -> ConfigChanges:
    """Return what leads from one configuration to another. An account is its name: with another name it is another one."""
    before = {account.name: account for account in old.accounts}
    after = {account.name: account for account in new.accounts}
    return ConfigChanges(
        tuple(account for name, account in after.items() if name not in before),
        tuple(name for name in before if name not in after),
        tuple(
            account
            for name, account in after.items()
            if name in before and (account.key, account.fingerprint) != (before[name].key, before[name].fingerprint)
        ),
        tuple(name for name in FOR_THE_NEXT_START if getattr(old, name) != getattr(new, name)),
    )
