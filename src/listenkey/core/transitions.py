"""
The transition table: for each state and input the function that handles it, and the states that may follow.

Code, tests and the docs' picture read this one table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from listenkey.core import inputs as on
from listenkey.core.gap_recovery import GapRecovery
from listenkey.core.inputs import Moment
from listenkey.core.states import State

Handler: TypeAlias = Callable[[Any, Any, Moment], None]


class StateTransition(NamedTuple):
    """
    One cell of the table.

    Attributes:
        handle: The function that handles the input; it gets the lifecycle.
        may_follow: The states in which it may leave the lifecycle. It chooses one by what it finds.
    """

    handle: Handler
    may_follow: frozenset[State]


class _Cell(NamedTuple):
    """The same before the state is known that it belongs to."""

    handle: Handler
    leads_to: tuple[State, ...]
    may_stay: bool


_Row: TypeAlias = dict[type[Any], _Cell]


def _stays(handle: Handler, *or_leads_to: State) -> _Cell:
    return _Cell(handle, or_leads_to, may_stay=True)


def _leaves(handle: Handler, *to: State) -> _Cell:
    return _Cell(handle, to, may_stay=False)


@cache
def by_recovery(answer: Handler) -> Handler:
    """Have the recovery of gaps answer an input, by this method of it; then the lifecycle takes over what came of it."""

    def handle(life: Any, happened: Any, now: Moment) -> None:
        answer(life.gap_recovery, happened, now)
        life.note_recovery()

    return handle


def table(life: Any) -> dict[tuple[State, type[Any]], StateTransition]:
    """
    Return the method of a lifecycle for each state and input, with the states that may follow: every pair is here.

    Args:
        life: The class whose methods these are. What a state does not name is ignored: it came too late to matter.
    """
    rows = _rows(life)
    ignored = _stays(life._ignore)
    cells = {(state, kind): rows[state].get(kind, ignored) for state in State for kind in on.Input.__args__}
    return {
        (state, kind): StateTransition(cell.handle, frozenset(cell.leads_to) | ({state} if cell.may_stay else set()))
        for (state, kind), cell in cells.items()
    }


def _rows(life: Any) -> dict[State, _Row]:
    everywhere: _Row = {
        on.StopAsked: _leaves(life._stop, State.ENDED),
        on.FrameUnreadable: _stays(life._unreadable),
        on.CoverageEnded: _stays(life._coverage_ended),
        on.PongCame: _stays(life._pong),
        on.AccountWoke: _stays(life._woke),
    }
    rows = _rows_on_the_way(life) | _rows_of_a_live_stream(life)
    rows = {state: everywhere | row for state, row in rows.items()}
    rows[State.NEW] = {on.Started: _leaves(life._start, State.KEYING), on.StopAsked: _leaves(life._stop, State.ENDED)}
    rows[State.ENDED] = {on.SocketAttached: _stays(life._abort_stray)}
    return rows


def _row_of_a_key(life: Any) -> _Row:
    return {
        on.KeyRenewed: _stays(life._key_renewed),
        on.KeyNotRenewed: _stays(life._key_not_renewed, State.KEYING),
        on.KeyEnded: _stays(life._key_ended, State.KEYING),
    }


def _rows_on_the_way(life: Any) -> dict[State, _Row]:
    polled: _Row = {
        on.Recovered: _stays(life._polled),
        on.RecoveredPart: _stays(by_recovery(GapRecovery.part_of_orphan)),
        on.NotRecovered: _stays(by_recovery(GapRecovery.not_polled)),
    }
    keying: _Row = {
        on.TimerDue: _stays(life._timer),
        on.KeyReady: _leaves(life._key_ready, State.CONNECTING),
        on.KeyNotReady: _stays(life._key_not_ready, State.ENDED),
        on.SocketAttached: _stays(life._abort_stray),
        on.SocketLost: _stays(life._forget_socket),
    }
    connecting: _Row = {
        on.TimerDue: _stays(life._timer, State.KEYING),
        on.SocketAttached: _stays(life._attached, State.PROVING),
        on.SocketNotOpened: _stays(life._not_opened, State.KEYING, State.ENDED),
        on.SocketLost: _stays(life._forget_socket),
    }
    proving: _Row = {
        on.TimerDue: _stays(life._timer, State.KEYING, State.CONNECTING),
        on.KeyRenewed: _stays(life._key_renewed, State.RECOVERING, State.LIVE),
        on.EventCame: _stays(life._proved_by_event, State.RECOVERING, State.LIVE),
        on.SocketAttached: _stays(life._attached),
        on.SocketNotOpened: _stays(life._not_opened),
        on.SocketLost: _stays(life._lost_unproven, State.KEYING, State.CONNECTING),
    }
    has_key = _row_of_a_key(life)
    return {
        State.KEYING: polled | keying,
        State.CONNECTING: polled | has_key | connecting,
        State.PROVING: polled | has_key | proving,
    }


def _rows_of_a_live_stream(life: Any) -> dict[State, _Row]:
    live: _Row = {
        on.TimerDue: _stays(life._timer, State.KEYING, State.CONNECTING, State.ROTATING),
        on.SocketAttached: _stays(life._abort_stray),
        on.SocketLost: _stays(life._lost, State.CONNECTING),
        on.VenueLeaving: _stays(life._venue_leaves, State.ROTATING),
        on.Recovered: _stays(by_recovery(GapRecovery.recovered)),
        on.RecoveredPart: _stays(by_recovery(GapRecovery.recovered_part)),
        on.NotRecovered: _stays(by_recovery(GapRecovery.not_recovered)),
        on.Doubted: _stays(by_recovery(GapRecovery.doubted)),
        on.StreamSilent: _leaves(life._silent, State.CONNECTING),
        on.Audited: _stays(by_recovery(GapRecovery.audited)),
        on.NotAudited: _stays(by_recovery(GapRecovery.not_audited)),
    }
    # What ends the holding of a recovery makes the stream live.
    recovering: _Row = {
        on.TimerDue: _stays(life._timer, State.KEYING, State.CONNECTING, State.LIVE),
        on.VenueLeaving: _stays(life._ignore),
        on.Recovered: _stays(by_recovery(GapRecovery.recovered), State.LIVE),
        on.RecoveredPart: _stays(by_recovery(GapRecovery.recovered_part), State.LIVE),
        on.NotRecovered: _stays(by_recovery(GapRecovery.not_recovered), State.LIVE),
        on.HeldTooMuch: _stays(by_recovery(GapRecovery.held_too_much), State.LIVE),
    }
    rotating: _Row = {
        on.TimerDue: _stays(life._timer, State.KEYING, State.CONNECTING, State.RECOVERING, State.LIVE),
        on.SocketAttached: _stays(life._successor_attached),
        on.SocketNotOpened: _stays(life._successor_not_opened, State.LIVE),
        on.SocketLost: _stays(life._lost_while_rotating, State.CONNECTING, State.RECOVERING, State.LIVE),
        on.PongCame: _stays(life._pong_while_rotating, State.LIVE),
        on.VenueLeaving: _stays(life._ignore),
    }
    live = _row_of_a_key(life) | live
    return {State.RECOVERING: live | recovering, State.LIVE: live, State.ROTATING: live | rotating}
