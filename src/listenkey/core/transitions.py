"""The transition table: the method for each state and input. Code, tests and the docs' picture read this one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from listenkey.core import inputs as on
from listenkey.core.inputs import Moment
from listenkey.core.states import State


def table(life: Any) -> dict[tuple[State, type[Any]], Callable[[Any, Any, Moment], None]]:
    """
    Return the method of a lifecycle for each state and input: every pair is here.

    Args:
        life: The class whose methods these are. What a state does not name is ignored: it came too late to matter.
    """
    polled: dict[type[Any], Callable[..., None]] = {on.Recovered: life._polled, on.NotRecovered: life._not_polled}
    polled[on.RecoveredPart] = life._part_of_orphan
    keying: dict[type[Any], Callable[..., None]] = {
        on.KeyReady: life._key_ready,
        on.KeyNotReady: life._key_not_ready,
        on.SocketAttached: life._abort_stray,
        on.SocketLost: life._forget_socket,
    } | polled
    connecting: dict[type[Any], Callable[..., None]] = {
        on.KeyRenewed: life._key_renewed,
        on.KeyNotRenewed: life._key_not_renewed,
        on.KeyEnded: life._key_ended,
        on.SocketAttached: life._attached,
        on.SocketNotOpened: life._not_opened,
        on.SocketLost: life._forget_socket,
    } | polled
    proving = connecting | {on.SocketLost: life._lost_unproven, on.EventCame: life._proved_by_event}
    mending: dict[type[Any], Callable[..., None]] = {
        on.Recovered: life._recovered,
        on.RecoveredPart: life._recovered_part,
        on.NotRecovered: life._not_recovered,
        on.Doubted: life._doubted,
        on.StreamSilent: life._silent,
        on.Audited: life._audited,
        on.NotAudited: life._not_audited,
    }
    live = (
        connecting
        | mending
        | {
            on.SocketAttached: life._abort_stray,
            on.SocketNotOpened: life._ignore,
            on.SocketLost: life._lost,
            on.VenueLeaving: life._venue_leaves,
            on.EventCame: life._ignore,
        }
    )
    recovering = live | {on.HeldTooMuch: life._held_too_much, on.VenueLeaving: life._ignore}
    rotating = live | {
        on.SocketAttached: life._successor_attached,
        on.SocketNotOpened: life._successor_not_opened,
        on.SocketLost: life._lost_while_rotating,
        on.PongCame: life._pong_while_rotating,
        on.VenueLeaving: life._ignore,
    }
    everywhere: dict[type[Any], Callable[..., None]] = {
        on.StopAsked: life._stop,
        on.TimerDue: life._timer,
        on.FrameUnreadable: life._unreadable,
        on.CoverageEnded: life._coverage_ended,
        on.PongCame: life._pong,
    }
    per_state: dict[State, dict[type[Any], Callable[..., None]]] = {
        State.NEW: {on.Started: life._start, on.StopAsked: life._stop},
        State.KEYING: everywhere | keying,
        State.CONNECTING: everywhere | connecting,
        State.PROVING: everywhere | proving,
        State.RECOVERING: everywhere | recovering,
        State.LIVE: everywhere | live,
        State.ROTATING: everywhere | rotating,
        State.ENDED: {on.SocketAttached: life._abort_stray},
    }
    return {(state, kind): per_state[state].get(kind, life._ignore) for state in State for kind in on.Input.__args__}
