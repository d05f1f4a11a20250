"""What a stream can ask of the world. Each is done by the driver, and its result comes back as an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from listenkey.credentials import Secret


@dataclass(frozen=True, slots=True)
class CreateKey:
    """POST. Answers: KeyReady, KeyNotReady. `stale`: a key known to be dead, which must not be given again."""

    stale: Secret | None


@dataclass(frozen=True, slots=True)
class RenewKey:
    """
    PUT. Answers: KeyRenewed, KeyNotRenewed.

    `since_s`: the key must be shown to have lived at this moment or later. A renewal made after that for another
    stream of the same account will do.
    """

    key: Secret
    since_s: float


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Connect and attach the key. Answers: SocketAttached, SocketNotOpened; later, once, SocketLost."""

    socket: int
    key: Secret


@dataclass(frozen=True, slots=True)
class SendPing:
    """Send a WebSocket ping. Answers: PongCame, if anybody is there."""

    socket: int
    ping: int


@dataclass(frozen=True, slots=True)
class AbortSocket:
    """Drop a socket at once, with no closing handshake: nobody may be there to shake hands with."""

    socket: int


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close a healthy socket politely."""

    socket: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Deliver this socket's events: first those that came already and no other socket brought, then each as it comes."""

    socket: int


Action: TypeAlias = CreateKey | RenewKey | OpenSocket | SendPing | AbortSocket | CloseSocket | Follow
