"""The actions a stream can ask for. The driver does each, and its result comes back as an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from listenkey.credentials import Secret
from listenkey.items import GapClosed, GapOpened, Live


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
    """Drop a socket at once, without a closing handshake, which a dead peer would not answer."""

    socket: int


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close a healthy socket politely."""

    socket: int


@dataclass(frozen=True, slots=True)
class Follow:
    """
    Deliver this socket's events: first those that came already and no other socket brought, then each as it comes.

    What a recovery has found is delivered with them, each in its place.
    """

    socket: int


@dataclass(frozen=True, slots=True)
class Recover:
    """
    Ask REST for missed events. Answers: Recovered, NotRecovered. An earlier one that still runs is given up.

    Attributes:
        attempt: Its number; the answer repeats it.
        from_ms: The last moment that was surely covered, wall clock.
        to_ms: Since when the socket at hand covers everything, wall clock.
        not_before_ms: When the stream was first live, wall clock; what lies before is nobody's loss.
        blind: Whether no socket brought anything in this span; else single messages were lost.
    """

    attempt: int
    from_ms: int
    to_ms: int
    not_before_ms: int
    blind: bool


@dataclass(frozen=True, slots=True)
class RecoverOrders:
    """Ask for the outcome of orders, now that the fills of this attempt are delivered. Answers as to `Recover`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Poll:
    """
    Ask REST for fills now, while no socket is to be had. Answers as to `Recover`; the gap stays open.

    Attributes:
        attempt: Its number; the answer repeats it.
        from_ms: Where the gap began, wall clock.
        not_before_ms: As in `Recover`.
    """

    attempt: int
    from_ms: int
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class Report:
    """Report these items now, before the deliveries of the actions behind this one."""

    items: tuple[Live | GapOpened | GapClosed, ...]


@dataclass(frozen=True, slots=True)
class DeliverFound:
    """Deliver the findings of a recovery, at once."""


@dataclass(frozen=True, slots=True)
class Audit:
    """
    Hold the bill against the fills that were delivered. Answers: Audited, NotAudited.

    `from_ms`: since when, wall clock; None goes on where the last one ended.
    """

    number: int
    from_ms: int | None
    not_before_ms: int


Action: TypeAlias = (
    CreateKey
    | RenewKey
    | OpenSocket
    | SendPing
    | AbortSocket
    | CloseSocket
    | Follow
    | Recover
    | RecoverOrders
    | Poll
    | Report
    | DeliverFound
    | Audit
)
