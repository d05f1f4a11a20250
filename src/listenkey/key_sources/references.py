"""
References to keys: `file:PATH`, `env:PREFIX`, `keyring:SERVICE`.

A configuration that names where a key is can be shown, copied and committed. No error here repeats a reference: it may
be a key that somebody wrote there by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from listenkey.credentials import Credentials
from listenkey.errors import UsageError
from listenkey.key_sources.key_file import NAMES, read_key_file, read_private
from listenkey.key_sources.keyrings import read_keyring
from listenkey.key_sources.remembered import remember

Kind: TypeAlias = Literal["file", "env", "keyring"]

KINDS: Final[tuple[Kind, ...]] = ("file", "env", "keyring")

FORMS: Final = '"file:PATH", "env:PREFIX" or "keyring:SERVICE"'

REFERENCE_MAX: Final = 4_096
"""The longest path that Linux takes."""

_A_KEY: Final = re.compile(r"[A-Za-z0-9]{32,}")
"""Binance's keys have 64 letters and digits. Nobody gives a file, a variable or a service such a name alone."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Reference(NamedTuple):
    """
    The place of a key.

    Attributes:
        kind: What holds it.
        place: A path, the beginning of the names of variables, or the name of a service.
    """

    kind: Kind
    place: str


def parse(reference: str) -> Reference:
    """
    Return what a reference names; nothing is opened.

    Raises:
        UsageError: It is none; the message says what to write, and does not repeat it.
    """
    kind, colon, place = reference.partition(":")
    if looks_like_a_key(place if colon else reference):
        raise UsageError(
            "this looks like a key itself: take it out, and make a new one at Binance if others could have read it; "
            f"then write where it is kept, {FORMS}"
        )
    known = next((each for each in KINDS if each == kind), None)
    if known is None or not colon:
        raise UsageError(_another_form(reference))
    if not place.strip() or len(reference) > REFERENCE_MAX or _CONTROL.search(place):
        raise UsageError(f"the text after {known}: must name a place, {FORMS}")
    if known == "env" and not _VARIABLE.fullmatch(place):
        raise UsageError(
            'after env: stands the beginning of the names of variables, letters, digits and "_": '
            '"env:DESK" reads DESK_API_KEY, DESK_API_SECRET and DESK_PRIVATE_KEY_FILE'
        )
    return Reference(known, place)


def looks_like_a_key(text: str) -> bool:
    """Return True where a text that should be a name may be a key, which is then not repeated."""
    return _A_KEY.fullmatch(text) is not None and any(letter.isdigit() for letter in text)


def _another_form(reference: str) -> str:
    if reference.startswith(("/", "./", "../", "~/")):
        return 'this looks like a path: write "file:" before it'
    if (kind := reference.partition(":")[0].strip().lower()) in KINDS:
        return f'write "{kind}:" in small letters, without a space before it'
    return f"a reference looks like {FORMS}; the key itself never stands here"


def credentials_at(reference: str, environment: Mapping[str, str], folder: Path) -> Credentials:
    """
    Read the keys that a reference names.

    Args:
        reference: `file:PATH`, `env:PREFIX` or `keyring:SERVICE`.
        environment: The process's.
        folder: Where relative paths begin, as a rule the folder of the configuration.

    Raises:
        UsageError: It is no reference, or what it names is missing, unsafe or no key; the message says what to do.
    """
    kind, place = parse(reference)
    if kind == "keyring":
        return credentials_of(read_keyring(reference), folder)
    if kind == "file":
        path = folder / at_home(place)
        return credentials_of(read_key_file(path), path.parent)
    names = dict(zip((f"{place}_{name.removeprefix('BINANCE_')}" for name in NAMES), NAMES, strict=True))
    values = {meant: environment.get(name, "").strip() for name, meant in names.items()}
    if not values["BINANCE_API_KEY"]:
        raise UsageError(f"the environment variable {place}_API_KEY is not set")
    return credentials_of(values, folder)


def credentials_of(values: Mapping[str, str], folder: Path) -> Credentials:
    """
    Make credentials of the values of a key file, and have them hidden in texts from now on.

    Args:
        values: By the names of `NAMES`.
        folder: Where the path of a private key begins.

    Raises:
        UsageError: The private key can't be read, or a value can't be right.
    """
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"):
        remember(values.get(name) or "")
    private_path = values.get("BINANCE_PRIVATE_KEY_FILE")
    private_key = read_private(folder / at_home(private_path)) if private_path else None
    return Credentials.of(values["BINANCE_API_KEY"], values.get("BINANCE_API_SECRET") or None, private_key)


def at_home(path: str) -> Path:
    """Return a path with `~` made the user's home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: this user has no home folder; write the whole path") from None
