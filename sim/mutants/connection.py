"""Builds that are broken in how they connect, renew and let go."""

from __future__ import annotations

from typing import Any

from listenkey.core import budget, deduplicator, gaps, lifecycle, listen_key, retry_policy, socket_view
from listenkey.core import inputs as on
from listenkey.core.account_state import FillIndex
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.states import State
from listenkey.events import Event
from listenkey.journal.sqlite.row_codec import fill_keys
from listenkey.rest import rate_limiter
from listenkey.stream import driver, key_client, listen_key_manager, user_stream
from listenkey.transport import websocket
from sim.kernel import clocks
from sim.mutants.patching import NEVER_S, Patches, put, transition


def no_dedupe(patches: Patches) -> None:
    """Deliver twice what two sockets bring."""
    put(patches, deduplicator.Recent, "add", lambda *_: True)
    put(patches, FillIndex, "add", lambda *_: True)

    def admit_all(self: deduplicator.Deduplicator, events: list[Event], _: list[bytes]) -> deduplicator.Admitted:
        late = [place for place, event in enumerate(events) if self.fills.lateness.note_event(event)]
        return deduplicator.Admitted(sum(len(fill_keys(event)) for event in events), late)

    put(patches, deduplicator.Deduplicator, "admit_all", admit_all)


def held_dropped(patches: Patches) -> None:
    """Throw away what the successor brought before it was followed."""
    real = deduplicator.Deduplicator.follow

    def follow(self: deduplicator.Deduplicator, socket: int) -> list[deduplicator.Held]:
        real(self, socket)
        return []

    put(patches, deduplicator.Deduplicator, "follow", follow)


def no_ping_timeout(patches: Patches) -> None:
    """Silence is never death."""
    real = socket_view.SocketView.hear

    def hear(self: socket_view.SocketView, *arguments: Any) -> None:
        real(self, *arguments)
        self.dead_at_s = NEVER_S

    put(patches, socket_view.SocketView, "hear", hear)


def any_key_end_obeyed(patches: Patches) -> None:
    """`listenKeyExpired` is obeyed whichever key it names."""
    transition(patches, "_key_ended", lambda _: lambda life, __, now: life._key_died(now, "a listen key expired"))


def rotation_closes_first(patches: Patches) -> None:
    """The old socket is closed, and then the new one is opened."""

    def rotate(life: Lifecycle, now: on.Moment) -> None:
        assert life.connections.followed is not None
        life.connections.abort(life.connections.followed)
        life.state = State.CONNECTING
        life._open(now)

    put(patches, Lifecycle, "_rotate", rotate)


def never_renewed(patches: Patches) -> None:
    """The key is left to run out."""
    put(patches, listen_key, "renew_after_s", lambda *_: NEVER_S)


def gives_up(patches: Patches) -> None:
    """A socket that does not open is tried once more, and that is that."""
    real = Lifecycle._try_again

    def try_again(life: Lifecycle, now: on.Moment, why: retry_policy.RetryDecision | None) -> None:
        real(life, now, why)
        if life._failures > 1:
            life.connections.open_at_s = None

    put(patches, Lifecycle, "_try_again", try_again)


def gap_not_told(patches: Patches) -> None:
    """A lost connection is replaced in silence."""
    put(patches, gaps.Gaps, "open", lambda *_, **__: None)


def gap_from_now(patches: Patches) -> None:
    """A gap begins when the loss is noticed, and not when all was last known to have come."""

    def make(real: Any) -> Any:
        def lost(life: Lifecycle, happened: on.SocketLost, now: on.Moment) -> None:
            socket = life.connections.sockets.get(happened.socket)
            if socket is not None:
                socket.covered_ms, socket.covered_s = now.wall_ms, now.s
            real(life, happened, now)

        return lost

    transition(patches, "_lost", make)


def waits_for_goodbye(patches: Patches) -> None:
    """A dead socket is closed politely, and its successor waits until the other side has said goodbye."""

    def tend(life: Lifecycle, now: on.Moment, *, stalled: bool) -> None:
        for socket in [each for each in life.connections.sockets.values() if each.attached]:
            if stalled:
                socket.give_grace(now.s, life.timing)
            if now.s >= socket.dead_at_s:
                socket.dead_at_s = NEVER_S  # the handshake of closing would end it; nobody answers
            elif stalled or now.s >= socket.ping_at_s(life.timing):
                life.connections.ping(socket.number, now)

    put(patches, Lifecycle, "_tend_sockets", tend)


def bans_ignored(patches: Patches) -> None:
    """Try again soon, whatever the venue says."""

    def classify(error: Any, wall_ms: int) -> retry_policy.RetryDecision:
        known = retry_policy.classify(error, wall_ms)
        return retry_policy.RetryDecision(known.do, 0.0, known.error)

    for module in (driver, key_client, listen_key_manager, rate_limiter):
        put(patches, module, "classify", classify)
    put(patches, budget.Budget, "block", lambda *_: None)


def no_backoff(patches: Patches) -> None:
    """Every retry is at once."""
    for module in (lifecycle, listen_key):
        put(patches, module, "backoff_s", lambda *_: 0.01)


def deletes_on_exit(patches: Patches) -> None:
    """The key is closed at the end, whoever else uses it."""
    real = user_stream.UserStream.__init__

    def init(self: user_stream.UserStream, **arguments: Any) -> None:
        real(self, **arguments | {"close_key_on_exit": True})

    put(patches, user_stream.UserStream, "__init__", init)


def put_is_proof(patches: Patches) -> None:
    """A PUT that succeeds is taken for a proof of our key, whichever key it prolonged."""

    async def renew(self: listen_key_manager.ListenKeys, key: Any, since_s: float) -> float:
        del key, since_s
        asked_s = self._clock.now_s()
        await self.api.options_update_listen_key_v1()
        return asked_s

    put(patches, listen_key_manager.ListenKeys, "renew", renew)


def deadlines_on_the_wall(patches: Patches) -> None:
    """Silence, renewals and rotations are measured by the clock that people set."""
    put(patches, clocks.SimClock, "now_s", lambda self: self.wall_ms() / 1000)


def pieces_are_messages(patches: Patches) -> None:
    """Each frame is taken for a message, whole or not."""

    def take_part(self: websocket.PicowsSocket, frame: Any) -> None:
        self._on_message(frame.get_payload_as_bytes())

    put(patches, websocket.PicowsSocket, "_take_part", take_part)


CONNECTION = (
    no_dedupe, held_dropped, no_ping_timeout, any_key_end_obeyed, rotation_closes_first, never_renewed, gives_up,
    gap_not_told, gap_from_now, waits_for_goodbye, bans_ignored, no_backoff, deletes_on_exit, put_is_proof,
    deadlines_on_the_wall, pieces_are_messages,
)  # fmt: skip
