"""Read single values of a configuration. Each function raises UsageError in words that say what to write."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from listenkey.core.timing import Timing
from listenkey.errors import UsageError
from listenkey.gateway.names import check_name
from listenkey.journal.jetstream.address import is_log_address, log_address
from listenkey.journal.sqlite.retention import DAYS_MAX
from listenkey.key_sources.references import at_home, looks_like_a_key, parse
from listenkey.transport import address
from listenkey.venue import STREAMS_PER_SOCKET, VENUES, Venue

EXAMPLES: Final = {
    "name": 'name = "desk-1"',
    "key": 'key = "file:/run/secrets/desk-1"',
    "listen": 'listen = "127.0.0.1:8780"',
    "journal": 'journal = "/var/lib/listenkey"',
    "path": '"/var/lib/listenkey"',
    "keep_days": "keep_days = 90",
    "keys_per_socket": "keys_per_socket = 25",
    "idle_audit_every_s": "idle_audit_every_s = 1800",
    "worker": 'worker = "w1"',
    "worker_url": 'worker_url = "https://w1.example:443"',
    "session_s": "session_s = 5",
    "venue": 'venue = "production"',
    "rest_url": 'rest_url = "http://127.0.0.1:8700"',
    "ws_url": 'ws_url = "ws://127.0.0.1:8700"',
}

IDLE_AUDIT_EVERY_S_LEAST: Final = Timing().audit_every_s
IDLE_AUDIT_EVERY_S_MOST: Final = 3600.0
"""An hour: a loss that nothing else shows is found no later."""

SESSIONS_S: Final = range(3, 61)
"""The lengths that a session may have: a shorter one ends on a loaded machine, and servers count in whole seconds."""

_WORKER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://")
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def text_of(value: object, example: str) -> str:
    """Return a value that must be a text."""
    if not isinstance(value, str):
        raise UsageError(f"this must be a text in quotes, as in {example}, not {_kind(value)}")
    if not value or any(letter < " " or letter == "\x7f" for letter in value):
        raise UsageError(f"this is empty or holds a control character; write it as in {example}")
    return value


def _kind(value: object) -> str:
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date")


def account_name(value: object) -> str:
    """Return the name of an account."""
    name = text_of(value, EXAMPLES["name"])
    check_name(name)
    return name


def reference(value: object) -> str:
    """Return a reference to keys."""
    text = text_of(value, EXAMPLES["key"])
    parse(text)
    return text


def _number(value: object, example: str) -> float:
    """Return a value that must be a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"this must be a number, as in {example}, not {_kind(value)}")
    return value


def idle_audit_every_s(value: object) -> float:
    """Return a number of seconds between two audits of an idle account."""
    number = _number(value, EXAMPLES["idle_audit_every_s"])
    least_s, most_s = IDLE_AUDIT_EVERY_S_LEAST, IDLE_AUDIT_EVERY_S_MOST
    if not least_s <= number <= most_s:
        advice = f"{least_s:g} audits idle accounts as often as others"
        raise UsageError(f"this must be from {least_s:g} to {most_s:g} seconds; {advice}")
    return float(number)


def days(value: object) -> float:
    """Return a number of days."""
    value = _number(value, EXAMPLES["keep_days"])
    if not 0 < value <= DAYS_MAX:  # Also where it is none: `nan` is a number of TOML.
        raise UsageError(f"this must be more than 0 and at most {DAYS_MAX} days; leave it out to keep everything")
    return float(value)


def keys_per_socket(value: object) -> int:
    """Return how many listen keys may share a socket."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"this must be a whole number, as in {EXAMPLES['keys_per_socket']}, not {_kind(value)}")
    if not 1 <= value <= STREAMS_PER_SOCKET:
        raise UsageError(f"this must be from 1 to {STREAMS_PER_SOCKET}, which is all that the venue puts on a socket")
    return value


def worker_name(value: object) -> str:
    """Return the name of a worker."""
    name = text_of(value, EXAMPLES["worker"])
    if not _WORKER.fullmatch(name) or looks_like_a_key(name):
        raise UsageError("a worker's name is 1 to 64 letters, digits, dots, _ and -, a letter or digit first")
    return name


def worker_url(value: object) -> str:
    """Return the address at which readers reach this worker."""
    text = text_of(value, EXAMPLES["worker_url"])
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query or url.username:
        raise UsageError(f"write scheme, host and port alone, as in {EXAMPLES['worker_url']}")
    return text.rstrip("/")


def session_seconds(value: object) -> int:
    """Return the length of a session in NATS."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in SESSIONS_S:
        raise UsageError(
            f"this must be a whole number of seconds from {SESSIONS_S[0]} to {SESSIONS_S[-1]}, as in {EXAMPLES['session_s']}"
        )
    return value


def listen_address(value: object) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`."""
    example = EXAMPLES["listen"]
    text = text_of(value, example)
    if _SCHEME.match(text) or "/" in text:
        raise UsageError(f"write host and port alone, {example}")
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        raise UsageError(f'the port is missing, or an address of IPv6 has no brackets; write {example} or "[::1]:8780"')
    if not _HOST.fullmatch(host):
        raise UsageError(f'the host is none; write {example}, or "0.0.0.0:8780" for every address of this machine')
    if not (port.isascii() and port.isdigit()) or int(port[:6]) > 65535:
        raise UsageError("the port must be a number from 0 to 65535; 0 takes a free one")
    return host.strip("[]"), int(port)


def host_in(value: object) -> str | None:
    """Return the host of `HOST:PORT`, also where the port is none; None where there is no host."""
    host = value.rpartition(":")[0] if isinstance(value, str) else ""
    return host.strip("[]") if _HOST.fullmatch(host) else None


def path_at(folder: Path) -> Callable[[object], Path]:
    """Return a function that reads a path; relative ones begin in this folder."""

    def read(value: object) -> Path:
        text = text_of(value, EXAMPLES["path"])
        if looks_like_a_key(text):
            raise UsageError("this looks like a token itself: take it out, and write the path of a file that holds it")
        return folder / at_home(text)

    return read


def folder_at(folder: Path) -> Callable[[object], Path]:
    """Return a function that reads the path of a folder that can be written."""

    def read(value: object) -> Path:
        found = path_at(folder)(value)
        check_folder(found)
        return found

    return read


def journal_at(folder: Path) -> Callable[[object], str]:
    """Return a function that reads a journal: the path of a folder, or the addresses of NATS."""

    def read(value: object) -> str:
        text = text_of(value, EXAMPLES["journal"])
        if is_log_address(text):
            log_address(text)
            return text
        if _SCHEME.match(text):
            raise UsageError(
                f'there is no journal of this kind; write a folder, {EXAMPLES["journal"]}, or "nats://HOST:4222"'
            )
        return str(folder_at(folder)(text))

    return read


def check_folder(path: Path) -> None:
    """Raise UsageError where no folder of ours is there, nor can be made."""
    above = path
    while not os.path.lexists(above) and above != above.parent:
        above = above.parent
    try:
        found = above.stat()
        # Where the parent is a link or a file, the system says so here.
        is_writable = os.access(above, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)
    except OSError as error:
        raise UsageError(f"{above} can't be looked at: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{above} is a file; give a folder")
    if not is_writable:
        what = "can't be written" if above == path else f"can't be made: {above} can't be written"
        raise UsageError(
            f"{path} {what} by this user; give another folder, or make it: install -d -m 700 -o USER {path}"
        )
    if above == path and found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise UsageError(f"everybody can write to {path}; run: chmod 700 {path}")


class VenueMistake(UsageError):
    """
    The addresses can't be used.

    Attributes:
        key: The key that is to blame; None where it is the environment.
    """

    def __init__(self, key: str | None, text: str) -> None:
        super().__init__(text)
        self.key = key


def venue_of(gateway: Mapping[str, object], environment: Mapping[str, str]) -> tuple[Venue, str | None]:
    """
    Return the venue, and the key that names it; None where it is the environment's, or production.

    Raises:
        VenueMistake: The addresses contradict each other, are none, or would carry a key in plain text.
    """
    urls = [key for key in ("rest_url", "ws_url") if key in gateway]
    if "venue" in gateway and urls:
        raise VenueMistake(urls[0], f"{urls[0]}: there is venue, too; give venue, or rest_url and ws_url, not both")
    key = "venue" if "venue" in gateway else urls[0] if urls else None
    try:
        if key == "venue":
            found = _named(gateway["venue"])
        elif key is not None:
            found = _own(gateway)
        else:
            found = address.default_venue(environment)
        for each, url in (("rest_url", found.rest_url), ("ws_url", found.ws_url)):
            _check(url, each if urls else key)
        return replace(found, time_scale=address.time_scale(environment)), key
    except VenueMistake:
        raise
    except ValueError as error:
        text = str(error)
    blamed = next((url for url in urls if text.startswith(url)), key)
    raise VenueMistake(blamed, f"{blamed}: {text.removeprefix(f'{blamed} ')}" if blamed else text)


def _named(value: object) -> Venue:
    name = text_of(value, EXAMPLES["venue"])
    if name not in VENUES:
        raise UsageError(f"there is no such venue; write one of {', '.join(VENUES)}, or give rest_url and ws_url")
    return VENUES[name]


def _own(gateway: Mapping[str, object]) -> Venue:
    texts = {}
    for key, other in (("rest_url", "ws_url"), ("ws_url", "rest_url")):
        if key not in gateway:
            raise VenueMistake(other, f"{other}: {key} is missing beside it, as in {EXAMPLES[key]}")
        try:
            texts[key] = text_of(gateway[key], EXAMPLES[key])
        except UsageError as error:
            raise VenueMistake(key, f"{key}: {error}") from None
        _check(texts[key], key)
    return Venue(texts["rest_url"], texts["ws_url"], "custom")


def _check(url: str, key: str | None) -> None:
    try:
        address.check(url)
    except UsageError as error:
        raise VenueMistake(key, f"{key}: {error}" if key else str(error)) from None
