"""The inputs of a stream: facts, in the past tense. None of them asks for anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from listenkey.core.gaps import Resumed
from listenkey.core.retry_policy import RetryDecision
from listenkey.credentials import Secret
from listenkey.outcomes import Lost, Reason


class Moment(NamedTuple):
    """
    The time of an input, and a random number drawn for it.

    Attributes:
        s: Seconds on a clock that never goes back.
        wall_ms: Epoch milliseconds, for people.
        draw: From 0 to 1, at random. Given in like time, so that the same inputs give the same stream.
    """

    s: float
    wall_ms: int
    draw: float


@dataclass(frozen=True, slots=True)
class Started:
    """The owner wants a stream; `left` is the state of an earlier one."""

    left: Resumed = field(default_factory=Resumed)


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The owner wants no more of it."""


@dataclass(frozen=True, slots=True)
class TimerDue:
    """`Lifecycle.wake_at_s` has come."""


@dataclass(frozen=True, slots=True)
class KeyReady:
    """
    POST answered with a key.

    Attributes:
        key: The key.
        valid_for_s: How long by the answer's `expiration`, or None where it can't be told.
        untried: Why the secret could not be tried, for people; empty where it is right, or there is none.
    """

    key: Secret
    valid_for_s: float | None = None
    untried: str = ""


@dataclass(frozen=True, slots=True)
class KeyNotReady:
    """POST failed."""

    decision: RetryDecision


@dataclass(frozen=True, slots=True)
class KeyRenewed:
    """PUT answered: the key lived at `since_s` or later, and is good for an hour more."""

    key: Secret
    since_s: float


@dataclass(frozen=True, slots=True)
class KeyNotRenewed:
    """PUT failed."""

    key: Secret
    decision: RetryDecision


@dataclass(frozen=True, slots=True)
class KeyEnded:
    """`listenKeyExpired` came, for this key."""

    key: Secret


@dataclass(frozen=True, slots=True)
class SocketAttached:
    """
    A socket is open and has the key, by the venue's acknowledgement.

    Attributes:
        socket: Its number.
        age_s: The time for which it had been open before, for other keys.
    """

    socket: int
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SocketNotOpened:
    """A socket could not be opened."""

    socket: int
    decision: RetryDecision


@dataclass(frozen=True, slots=True)
class SocketLost:
    """An open socket has ended, for whatever reason."""

    socket: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class PongCame:
    """The answer to our ping number `ping` on this socket, so long after it was sent."""

    socket: int
    ping: int
    round_trip_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EventCame:
    """An event of the account came over this socket: the proof that key and socket belong together."""

    socket: int


@dataclass(frozen=True, slots=True)
class AccountWoke:
    """The first event of an account that was taken to be idle, and audited seldom."""


@dataclass(frozen=True, slots=True)
class VenueLeaving:
    """The venue says that it will close this socket (`serverShutdown`)."""

    socket: int


@dataclass(frozen=True, slots=True)
class FrameUnreadable:
    """A frame can't be read: its content is lost, and the stream goes on."""

    socket: int
    reason: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    REST answered the request for missed events.

    Attributes:
        attempt: Of which `Recover`.
        lost: What it can't bring back.
        complete: False where REST was seen to lag: there may be more.
        oldest_ms: When the oldest of them happened, wall clock, epoch ms; 0 where there is none.
        lag_s: By how much at least.
        outstanding: What REST history shows and does not list, and nobody delivered, in words.
        orders_due: Fills only: there was no room to ask for orders as well, and nobody should wait for that.
        newest_ms: When the newest of them happened, wall clock, epoch ms; 0 where there is none.
    """

    attempt: int
    lost: tuple[Lost, ...]
    complete: bool = True
    orders_due: bool = False
    newest_ms: int = 0
    oldest_ms: int = 0
    lag_s: float = 0.0
    outstanding: str = ""


@dataclass(frozen=True, slots=True)
class RecoveredPart:
    """
    REST has answered a part of what was missed, the earliest, and there is more than fits into memory at once.

    Attributes:
        attempt: Of which `Recover`.
        newest_ms: As in `Recovered`.
        oldest_ms: As in `Recovered`.
    """

    attempt: int
    newest_ms: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class NotRecovered:
    """REST did not answer, or refused."""

    attempt: int
    decision: RetryDecision


@dataclass(frozen=True, slots=True)
class CoverageEnded:
    """An earlier process covered the stream until `from_ms`, this clock's time, by the venue's clock."""

    from_ms: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """Something was lost on a socket that is alive, not before `from_ms` (wall clock)."""

    from_ms: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class StreamSilent:
    """The socket lives and brings nothing, and something happened after `from_ms` (wall clock)."""

    from_ms: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class HeldTooMuch:
    """Too many events are held for this socket, so it has to be followed now."""

    socket: int


@dataclass(frozen=True, slots=True)
class Audited:
    """
    The bill was held against the fills.

    Attributes:
        number: Of which `Audit`.
        lag_s: How far REST history was seen to lag, where that is more than is assumed of it; else 0.
        outstanding: As in `Recovered`.
        is_idle: True where nothing is at stake for the account, and nothing was lost.
    """

    number: int
    lag_s: float = 0.0
    outstanding: str = ""
    is_idle: bool = False


@dataclass(frozen=True, slots=True)
class NotAudited:
    """An audit failed."""

    number: int
    decision: RetryDecision


Input: TypeAlias = (
    Started
    | StopAsked
    | TimerDue
    | KeyReady
    | KeyNotReady
    | KeyRenewed
    | KeyNotRenewed
    | KeyEnded
    | SocketAttached
    | SocketNotOpened
    | SocketLost
    | PongCame
    | EventCame
    | AccountWoke
    | VenueLeaving
    | FrameUnreadable
    | Recovered
    | RecoveredPart
    | NotRecovered
    | CoverageEnded
    | Doubted
    | StreamSilent
    | HeldTooMuch
    | Audited
    | NotAudited
)
