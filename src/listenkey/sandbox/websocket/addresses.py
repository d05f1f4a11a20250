"""
The addresses a socket may be opened at, and what each one attaches. Pure.

Source: [O user-data-streams], [U Important-WebSocket-Change-Notice] (query forms), [L user-data-streams] (legacy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote

from listenkey.sandbox.switches import AddressForm

Room: TypeAlias = Literal["private", "public", "market", "legacy"]

_ROOMS: Final[dict[str, Room]] = {
    "private": "private",
    "public": "public",
    "market": "market",
    "eoptions": "legacy",
}


@dataclass(frozen=True, slots=True)
class NamedStream:
    """
    A stream named in the address.

    Args:
        stream: A listen key, or the name of a market stream. Not shown.
        form: How it was named.
        events: The only events wanted, or None for all.
    """

    stream: str
    form: AddressForm
    events: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"Attachment({self.form})"


@dataclass(frozen=True, slots=True)
class Address:
    """
    A socket's address, understood.

    Args:
        room: Its first part; `legacy` for the host of before January 2026 and for no first part.
        combined: Whether payloads come in envelopes: `/stream` yes, `/ws` no.
        attachments: Streams it names.
    """

    room: Room
    combined: bool
    attachments: tuple[NamedStream, ...] = ()


def looks_like_socket(path: str) -> bool:
    """Return True where a path is a socket's at all, right or wrong; the rest is REST."""
    return any(part in ("ws", "stream") for part in path.split("/")[1:3])


def parse(path: str, query: str) -> Address | None:
    """
    Reads an address; None when no document allows it.

    A slash at the end and further parts have been refused since 2023-10-19. [CL]
    """
    parts = path.split("/")[1:]
    room: Room = "legacy"
    if parts and parts[0] in _ROOMS:
        room = _ROOMS[parts.pop(0)]
    if len(parts) == 1 and parts[0] == "stream":
        return Address(room, combined=True, attachments=_from_stream_query(query))
    if not parts or parts[0] != "ws":
        return None
    if len(parts) == 1:
        return Address(room, combined=False, attachments=_from_listen_keys(query, "query"))
    if len(parts) == 2 and parts[1]:
        form: AddressForm = "legacy-path" if room == "legacy" else "path"
        return Address(room, combined=False, attachments=(NamedStream(unquote(parts[1]), form),))
    return None


def _from_stream_query(query: str) -> tuple[NamedStream, ...]:
    named = [value for name, value in parse_qsl(query) if name == "streams"]
    streams = tuple(NamedStream(stream, "streams") for value in named for stream in value.split("/") if stream)
    return streams + _from_listen_keys(query, "multi-query")


def _from_listen_keys(query: str, form: AddressForm) -> tuple[NamedStream, ...]:
    """
    `listenKey=<key>[&events=A/B]`, repeated; `events` belongs to the key before it.

    Before the first key it belongs to that one: a client that builds its query from a table has no order.
    """
    found: list[NamedStream] = []
    early: frozenset[str] | None = None
    for name, value in parse_qsl(query):
        if name == "listenKey":
            found.append(NamedStream(value, form, early))
            early = None
        elif name == "events" and found:
            found[-1] = NamedStream(found[-1].stream, form, frozenset(value.split("/")))
        elif name == "events":
            early = frozenset(value.split("/"))
    return tuple(found)
