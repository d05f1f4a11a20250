"""Find keys and addresses: in options that name places, the environment, files, a keyring. Options come first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from listenkey.credentials import Credentials, Secret
from listenkey.errors import UsageError
from listenkey.key_sources.key_file import NAMES, read_key_file
from listenkey.key_sources.keyrings import PREFIX, read_keyring
from listenkey.key_sources.references import credentials_of
from listenkey.transport import address
from listenkey.venue import PRODUCTION, VENUES, Attach, Venue

NO_KEY = (
    "no API key was found; set BINANCE_API_KEY, or give --key-file PATH with a line BINANCE_API_KEY=...; "
    "without an account try `listenkey demo`"
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The values of the options about addresses; None is "not given"."""

    venue: str | None = None
    rest_url: str | None = None
    ws_url: str | None = None
    attach: str | None = None
    time_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """
    The settings a command works with.

    Attributes:
        credentials: Key and, where given, secret or private key.
        venue: Where to.
        key_from: Where the key was found, for people: "BINANCE_API_KEY" or a path.
    """

    credentials: Credentials
    venue: Venue
    key_from: str

    @property
    def api_key(self) -> str:
        """The API key itself, for the calls that send it."""
        return self.credentials.api_key.reveal()

    @property
    def api_secret(self) -> str | None:
        """The API secret itself, or None."""
        return reveal(self.credentials.api_secret)

    @property
    def private_key(self) -> str | None:
        """The private key's PEM text, or None."""
        return reveal(self.credentials.private_key)


def reveal(secret: Secret | None) -> str | None:
    """The text of a secret that may be absent."""
    return None if secret is None else secret.reveal()


def load(
    key_file: Path | None,
    addresses: Addresses,
    environment: Mapping[str, str] = os.environ,
    *,
    needs_socket: bool = True,
) -> Settings:
    """
    Put the settings of one command together.

    Args:
        key_file: From `--key-file`; then the environment's keys are not looked at, so that two accounts never mix.
        addresses: From the options.
        environment: The process's.
        needs_socket: False for commands that only call REST: a WebSocket address may then be missing.

    Raises:
        UsageError: Something is missing, contradictory or unsafe; the message says what to do.
    """
    credentials, key_from = load_credentials(key_file, environment)
    return Settings(credentials, load_venue(addresses, environment, needs_socket=needs_socket), key_from)


def load_credentials(key_file: Path | None, environment: Mapping[str, str]) -> tuple[Credentials, str]:
    """The keys, and where they were found."""
    values: Mapping[str, str]
    if key_file is not None and str(key_file).startswith(PREFIX):
        values = read_keyring(str(key_file))
        key_from, folder = str(key_file), Path.cwd()
    elif key_file is not None:
        values = read_key_file(key_file)
        key_from, folder = str(key_file), key_file.absolute().parent
    else:
        values = {name: environment.get(name, "").strip() for name in NAMES}
        key_from, folder = "BINANCE_API_KEY", Path.cwd()
    if not values.get("BINANCE_API_KEY"):
        raise UsageError(NO_KEY)
    return credentials_of(values, folder), key_from


def load_venue(addresses: Addresses, environment: Mapping[str, str], *, needs_socket: bool) -> Venue:
    """
    Choose the venue: a named one, or two addresses.

    The environment's addresses do not count beside `--venue`. One address alone is refused for a stream: the other
    would silently be production's, and a listen key would go where it does not belong.
    """
    rest_url, ws_url = addresses.rest_url, addresses.ws_url
    if addresses.venue is None:
        rest_url = rest_url or environment.get("LISTENKEY_REST_URL") or None
        ws_url = ws_url or environment.get("LISTENKEY_WS_URL") or None
    if addresses.venue is not None and (rest_url or ws_url):
        raise UsageError("--venue is given beside an address; give --venue, or --rest-url and --ws-url")
    if rest_url or ws_url:
        found = custom_venue(rest_url, ws_url, needs_socket=needs_socket)
    else:
        found = VENUES[addresses.venue or PRODUCTION.name]
    if addresses.attach is not None:
        found = replace(found, attach=Attach(addresses.attach))
    return replace(found, time_scale=time_scale(addresses, environment))


def custom_venue(rest_url: str | None, ws_url: str | None, *, needs_socket: bool) -> Venue:
    """A venue at addresses of the user's own."""
    if rest_url is None:
        raise UsageError("the REST address is missing; give --rest-url (or LISTENKEY_REST_URL) beside --ws-url")
    if ws_url is None and needs_socket:
        raise UsageError("the WebSocket address is missing; give --ws-url (or LISTENKEY_WS_URL) beside --rest-url")
    try:
        # A REST-only command never uses the socket's address; it gets the one the REST address suggests.
        return Venue(rest_url, ws_url or rest_url.replace("http", "ws", 1), "custom")
    except ValueError as error:
        raise UsageError(str(error)) from None


def time_scale(addresses: Addresses, environment: Mapping[str, str]) -> float:
    """Return the venue's seconds per second of ours; 1 but on a sandbox started with --time-scale."""
    if addresses.time_scale is not None:
        return addresses.time_scale
    return address.time_scale(environment)
