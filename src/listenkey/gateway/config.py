"""
Read `gateway.toml`: every mistake in it at once, each with its line and what to write instead.

    [gateway]
    listen = "127.0.0.1:8780"
    journal = "/var/lib/listenkey"
    token_file = "/run/secrets/gateway"

    [[accounts]]
    name = "desk-1"
    key = "file:/run/secrets/desk-1"

docs/reference/gateway-toml.md has all keys.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from listenkey.core.audit_pace import IDLE_AUDIT_EVERY_S
from listenkey.credentials import Credentials, Secret
from listenkey.errors import UsageError
from listenkey.gateway import config_values
from listenkey.gateway.access_token import CHARS_GUESSED, FILE, MAKE_ONE, read_token
from listenkey.gateway.mistakes import ConfigError, Mistake
from listenkey.gateway.toml_file import TomlFile, read_toml
from listenkey.journal.jetstream.address import is_log_address
from listenkey.key_sources.references import credentials_at, looks_like_a_key
from listenkey.transport import address
from listenkey.venue import Attach, Venue

BYTES_MAX: Final = 8 * 1024 * 1024
"""Of the file: room for 50,000 accounts."""

LISTEN: Final = ("127.0.0.1", 8780)

WORKER_KEYS: Final = ("worker", "worker_url", "session_s")
"""Keys of a gateway that shares its accounts with others, by way of NATS."""

GATEWAY_KEYS: Final = (
    "listen",
    "journal",
    "folder",
    "token_file",
    "keep_days",
    "keys_per_socket",
    "idle_audit_every_s",
    *WORKER_KEYS,
    "venue",
    "rest_url",
    "ws_url",
)
SESSION_S: Final = 5
ACCOUNT_KEYS: Final = ("name", "key")

MEANT: Final = {
    "host": "listen", "port": "listen", "bind": "listen", "address": "listen", "url": "rest_url",
    "token": "token_file", "tokenfile": "token_file", "data": "journal", "database": "journal", "path": "journal",
    "retention": "keep_days", "keep": "keep_days", "days": "keep_days",
    "api_key": "key", "apikey": "key", "secret": "key", "api_secret": "key", "key_file": "key", "private_key": "key",
    "account": "accounts", "id": "name",
}  # fmt: skip
"""Keys that other programs have, and the one that is meant."""


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """
    One account.

    Attributes:
        name: Its name, in addresses and journals.
        key: Names the place of its keys, as in `file:/run/secrets/desk-1`.
        line: The line of its `[[accounts]]`.
        fingerprint: Tells its keys from others, and gives none away. A file that has got other keys has another one.
        can_sign: Whether it has a secret or private key, without which gaps can't be refilled.
    """

    name: str
    key: str
    line: int
    fingerprint: str = ""
    can_sign: bool = True


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """
    A configuration without a mistake.

    Attributes:
        path: Its file.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        journal: A folder, as an absolute path, or `nats://...`.
        folder: Where the gateway keeps what is its own: accounts that were added while it ran, a token that it made.
        token_file: The file of the token; None where one is made.
        accounts: In the order of the file.
        keep_days: The age from which items are deleted; None keeps all.
        venue: Where to.
        warnings: What works, and may not be meant.
        keys_per_socket: The most listen keys that share a socket; 1 gives each its own.
        idle_audit_every_s: The longest time between two audits of an idle account.
        worker: This process's name among those that share the accounts; empty where it is its host and port.
        worker_url: Where readers reach it; empty where that is where it listens.
        session_s: The time after which the others take over from a worker that is not heard of.
    """

    path: Path
    host: str
    port: int
    journal: str
    folder: Path
    token_file: Path | None
    accounts: tuple[AccountConfig, ...]
    keep_days: float | None
    venue: Venue
    warnings: tuple[Mistake, ...] = ()
    keys_per_socket: int = 1
    idle_audit_every_s: float = IDLE_AUDIT_EVERY_S
    worker: str = ""
    worker_url: str = ""
    session_s: int = SESSION_S

    @property
    def key_folder(self) -> Path:
        """The folder in which relative paths of keys begin."""
        return self.path.parent

    @property
    def is_on_nats(self) -> bool:
        """True where the journal is on NATS JetStream."""
        return is_log_address(self.journal)


class GatewayPlace(NamedTuple):
    """
    The place of a gateway, for whoever asks it.

    Attributes:
        host: The address on which it listens.
        port: The port; 0 where it takes a free one.
        token_file: The file of its token.
    """

    host: str
    port: int
    token_file: Path


def read_place(path: Path) -> GatewayPlace:
    """
    Read where a gateway is from its configuration. Mistakes elsewhere, such as in an account, don't matter for it.

    Raises:
        ConfigError: One of these few values can't be read.
        UsageError: The file can't be read.
    """
    path = path.absolute()
    return _Reading(path, read_toml(_text(path)), {}).place()


def read_config(path: Path, environment: Mapping[str, str] = os.environ) -> GatewayConfig:
    """
    Read a configuration, and the keys it refers to.

    Args:
        path: Its file.
        environment: The process's, for `env:` references and the addresses of `LISTENKEY_REST_URL` and `LISTENKEY_WS_URL`.

    Raises:
        ConfigError: It has mistakes; all of them are in it.
        UsageError: The file can't be read.
    """
    path = path.absolute()
    return _Reading(path, read_toml(_text(path)), environment).config()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    if len(content) > BYTES_MAX:
        raise UsageError(f"{path} is too big for a configuration ({BYTES_MAX // 1024 // 1024} MiB at most)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise ConfigError(path, [Mistake(line, "this is not text in UTF-8; save the file as UTF-8")])


class _Reading:
    """One reading of a file: collects mistakes instead of ending at the first."""

    def __init__(self, path: Path, file: TomlFile, environment: Mapping[str, str]) -> None:
        self._path = path
        self._file = file
        self._environment = environment
        self._mistakes = [*file.mistakes]
        self._warnings: list[Mistake] = []

    def config(self) -> GatewayConfig:
        """Return the configuration; raises ConfigError with every mistake."""
        if not self._file.is_whole:
            raise ConfigError(self._path, self._mistakes)
        self._refuse_unknown(self._file.values, ("gateway", "accounts"), ())
        gateway = self._gateway_table()
        host, port = self._value(gateway, "listen", config_values.listen_address, LISTEN)
        journal = self._value(gateway, "journal", config_values.journal_at(self._path.parent), "")
        folder = self._value(gateway, "folder", config_values.folder_at(self._path.parent), None)
        if folder is None:
            folder = self._default_folder(journal)
        token_file = self._value(gateway, "token_file", config_values.path_at(self._path.parent), None)
        # A mistake in the port must not hide one about the host.
        self._check_token(gateway, config_values.host_in(gateway.get("listen")) or host, token_file)
        keep_days = self._value(gateway, "keep_days", config_values.days, None)
        worker = self._value(gateway, "worker", config_values.worker_name, "")
        worker_url = self._value(gateway, "worker_url", config_values.worker_url, "")
        session_s = self._value(gateway, "session_s", config_values.session_seconds, SESSION_S)
        self._check_fit(gateway, journal)
        idle_s = self._value(gateway, "idle_audit_every_s", config_values.idle_audit_every_s, IDLE_AUDIT_EVERY_S)
        venue = self._venue(gateway)
        keys_per_socket = self._keys_per_socket(gateway, venue)
        accounts = self._accounts()
        if self._mistakes or venue is None or folder is None:
            raise ConfigError(self._path, self._mistakes)
        return GatewayConfig(
            self._path,
            host,
            port,
            journal,
            folder,
            token_file,
            accounts,
            keep_days,
            venue,
            tuple(sorted(self._warnings)),
            keys_per_socket,
            idle_s,
            worker,
            worker_url,
            session_s,
        )

    def place(self) -> GatewayPlace:
        """Return where the gateway is; raises ConfigError with what keeps that from being known."""
        gateway = self._file.values.get("gateway")
        if not self._file.is_whole or not isinstance(gateway, dict) or self._file.is_broken(self._line("gateway")):
            self._gateway_table()
            raise ConfigError(self._path, self._mistakes)
        self._mistakes.clear()  # They are in accounts.
        at = config_values.path_at(self._path.parent)
        host, port = self._value(gateway, "listen", config_values.listen_address, LISTEN)
        token_file = self._value(gateway, "token_file", at, None)
        if token_file is None:
            on_nats = is_log_address(str(gateway.get("journal", "")))
            beside = self._path.parent / "listenkey-gateway"
            folder = self._value(gateway, "folder", at, None)
            token_file = (folder or (beside if on_nats else self._value(gateway, "journal", at, beside))) / FILE
        if self._mistakes:
            raise ConfigError(self._path, self._mistakes)
        return GatewayPlace(host, port, token_file)

    # --- tables --------------------------------------------------------------------------------------------------

    def _mistake(self, line: int, text: str) -> None:
        self._mistakes.append(Mistake(line, text))

    def _line(self, *place: str | int) -> int:
        return self._file.lines.of(*place)

    def _refuse_unknown(self, table: Mapping[str, Any], known: tuple[str, ...], place: tuple[str | int, ...]) -> None:
        for key in table:
            if key not in known:
                self._mistake(self._line(*place, key), unknown_key(key, known, is_table=not place))

    def _gateway_table(self) -> dict[str, Any]:
        table = self._file.values.get("gateway")
        if table is None:
            misnamed = any(get_close_matches(key, ["gateway"]) for key in self._file.values)
            if not misnamed and not self._file.mistakes:
                self._mistake(
                    1, 'there is no table [gateway]; write [gateway], and below it journal = "/var/lib/listenkey"'
                )
            return {}
        if not isinstance(table, dict):
            self._mistake(self._line("gateway"), "write [gateway], once and in single brackets, and its keys below it")
            return {}
        self._refuse_unknown(table, GATEWAY_KEYS, ("gateway",))
        if "journal" not in table and not self._file.is_broken(self._line("gateway")):
            self._mistake(
                self._line("gateway"), 'the key "journal" is missing: write the folder, journal = "/var/lib/listenkey"'
            )
        return table

    def _value(self, gateway: Mapping[str, Any], key: str, read: Callable[[object], Any], default: Any) -> Any:
        """Return a value of `[gateway]`, or the default where it is missing or a mistake, which is noted."""
        if key not in gateway:
            return default
        try:
            return read(gateway[key])
        except UsageError as error:
            self._mistake(self._line("gateway", key), f"{key}: {error}")
            return default

    # --- the gateway ---------------------------------------------------------------------------------------------

    def _default_folder(self, journal: str) -> Path | None:
        """Return the journal's folder; with a journal on NATS one beside the configuration, which must be writable."""
        if journal and not is_log_address(journal):
            return Path(journal)
        folder = self._path.parent / "listenkey-gateway"
        if journal:
            try:
                config_values.check_folder(folder)
            except UsageError as error:
                self._mistake(
                    self._line("gateway", "journal"),
                    f'{error}; give folder = "/var/lib/listenkey" for what is kept on this machine',
                )
        return folder

    def _check_fit(self, gateway: Mapping[str, Any], journal: str) -> None:
        """Note the keys that mean nothing beside a journal of this kind."""
        if not journal:
            return
        alone = "only gateways with a journal in NATS share their accounts; take this out"
        kept = "NATS keeps items as long as its streams say; take this out, and see docs/reference/jetstream.md"
        unfit, why = (("keep_days",), kept) if is_log_address(journal) else (WORKER_KEYS, alone)
        for key in unfit:
            if key in gateway:
                self._mistake(self._line("gateway", key), f"{key}: {why}")

    def _check_token(self, gateway: Mapping[str, Any], host: str, token_file: Path | None) -> None:
        is_open = not address.is_loopback(host)
        if is_open and "token_file" not in gateway:
            self._mistake(
                self._line("gateway", "listen"),
                f"listen: other machines can reach {host}, so a token of your own is needed: {MAKE_ONE} > FILE, "
                'chmod 600 FILE, and token_file = "FILE"; or listen on 127.0.0.1',
            )
        if is_open:
            self._warnings.append(
                Mistake(
                    self._line("gateway", "listen"),
                    f"other machines can reach {host}, and nothing is encrypted: put a proxy with TLS before it",
                )
            )
        if token_file is None:
            return
        line = self._line("gateway", "token_file")
        try:
            token = read_token(token_file)
        except UsageError as error:
            self._mistake(line, f"token_file: {error}")
            return
        if len(token.reveal()) < CHARS_GUESSED:
            short = f"the token has fewer than {CHARS_GUESSED} characters and can be guessed; make one: {MAKE_ONE}"
            (self._mistakes if is_open else self._warnings).append(Mistake(line, short))

    def _venue(self, gateway: Mapping[str, Any]) -> Venue | None:
        """Return the venue that the file names; else that of the environment, else production."""
        try:
            found, key = config_values.venue_of(gateway, self._environment)
        except config_values.VenueMistake as error:
            self._mistake(self._line("gateway", error.key) if error.key else 0, str(error))
            return None
        if key and not address.is_venue(address.check(found.rest_url)):
            self._warnings.append(
                Mistake(self._line("gateway", key), "the keys go to an address that is not Binance's")
            )
        return found

    def _keys_per_socket(self, gateway: Mapping[str, Any], venue: Venue | None) -> int:
        """Return how many listen keys may share a socket; that takes a venue at which keys are put on open sockets."""
        count: int = self._value(gateway, "keys_per_socket", config_values.keys_per_socket, 1)
        if count > 1 and venue is not None and venue.attach is not Attach.SUBSCRIBE:
            text = f"keys_per_socket: at {venue.name} the address of a socket names its one listen key; take this out"
            self._mistake(self._line("gateway", "keys_per_socket"), text)
        return count

    # --- accounts ------------------------------------------------------------------------------------------------

    def _accounts(self) -> tuple[AccountConfig, ...]:
        tables = self._file.values.get("accounts", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._mistake(self._line("accounts"), "write [[accounts]] in double brackets, once for each account")
            return ()
        found: list[AccountConfig] = []
        names: dict[str, int] = {}
        keys: dict[Secret, AccountConfig] = {}
        for index, table in enumerate(tables):
            self._refuse_unknown(table, ACCOUNT_KEYS, ("accounts", index))
            account = self._account(index, table, names)
            if account is not None:
                found.append(account)
                self._read_key(index, found, keys)
        return tuple(found)

    def _account(self, index: int, table: Mapping[str, Any], names: dict[str, int]) -> AccountConfig | None:
        line = self._line("accounts", index)
        texts: dict[str, str] = {}
        for key, read in (("name", config_values.account_name), ("key", config_values.reference)):
            if key not in table:
                if not self._file.is_broken(line):
                    self._mistake(line, f"this account has no {key}: write {config_values.EXAMPLES[key]}")
                continue
            try:
                texts[key] = read(table[key])
            except UsageError as error:
                self._mistake(self._line("accounts", index, key), f"{key}: {error}")
        name = texts.get("name")
        if name in names:
            self._mistake(
                self._line("accounts", index, "name"),
                f'the name "{name}" is that of line {names[name]} too; take another',
            )
        elif name is not None:
            names[name] = self._line("accounts", index, "name")
        return AccountConfig(name or "", texts["key"], line) if "key" in texts else None

    def _read_key(self, index: int, found: list[AccountConfig], keys: dict[Secret, AccountConfig]) -> None:
        """Read the keys of the newest account, and compare them with those before."""
        account = found[-1]
        line = self._line("accounts", index, "key")
        try:
            read = credentials_at(account.key, self._environment, self._path.parent)
        except UsageError as error:
            self._mistake(line, f"key: {error}")
            return
        if (other := keys.get(read.api_key)) is not None:
            same = f'key: the same API key as "{other.name}" on line {other.line}; an account stands here once'
            self._mistake(line, same)
        if not read.can_sign:
            self._warnings.append(
                Mistake(line, f'"{account.name}" has no secret and no private key: its gaps are told, and not refilled')
            )
        found[-1] = AccountConfig(account.name, account.key, account.line, fingerprint_of(read), read.can_sign)
        keys.setdefault(read.api_key, found[-1])


def fingerprint_of(keys: Credentials) -> str:
    """Return a text that is another one as soon as one of the keys is."""
    parts = (keys.api_key, keys.api_secret, keys.private_key)
    return "-".join(part.fingerprint() if part is not None else "" for part in parts)


def unknown_key(key: str, known: tuple[str, ...], *, is_table: bool) -> str:
    """Return the mistake of a key that there is not, with the one that may be meant."""
    shown = "[hidden]" if looks_like_a_key(key) else repr(key[:80])
    if is_table and key in GATEWAY_KEYS:
        return f"the key {shown} belongs below [gateway]"
    if is_table and key in ACCOUNT_KEYS:
        return f"the key {shown} belongs below [[accounts]]"
    plain = key.lower().replace("-", "_")
    meant = next(iter(get_close_matches(plain, known, n=1)), None) or MEANT.get(plain)
    if meant == "key" and meant in known:
        kept = f"write where they are kept, {config_values.EXAMPLES['key']}"
        return f"there is no key {shown}: keys never stand in this file; {kept}"
    advice = f"did you mean {meant!r}?" if meant in known else f"there are {', '.join(known)}"
    return f"there is no {'table' if is_table else 'key'} {shown}; {advice}"
