"""
Builds that are broken on purpose. The simulation must find each of them, or it finds nothing.

Each is one change to the client as it ships, made for as long as a `with` lasts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest.mock import patch

from listenkey import opener, stream
from listenkey.core import gap, lifecycle, merge, sockets, timing, verdict
from listenkey.core import inputs as on
from listenkey.core.lifecycle import Lifecycle, State

Patches = contextlib.ExitStack
NEVER_S: Final = 1e12


def no_dedupe(patches: Patches) -> None:
    """What two sockets bring is delivered twice."""
    patches.enter_context(patch.object(merge.Recent, "add", lambda *_: True))


def held_dropped(patches: Patches) -> None:
    """What the successor brought before it was followed is thrown away."""
    real = merge.Merge.follow

    def follow(self: merge.Merge, socket: int) -> list[merge.Held]:
        real(self, socket)
        return []

    patches.enter_context(patch.object(merge.Merge, "follow", follow))


def no_ping_timeout(patches: Patches) -> None:
    """Silence is never death."""
    real = sockets.SocketView.hear

    def hear(self: sockets.SocketView, now_s: float, wall_ms: int, durations: timing.Timing) -> None:
        real(self, now_s, wall_ms, durations)
        self.dead_at_s = NEVER_S

    patches.enter_context(patch.object(sockets.SocketView, "hear", hear))


def any_key_end_obeyed(patches: Patches) -> None:
    """`listenKeyExpired` is obeyed whichever key it names."""

    def key_ended(life: Lifecycle, _: on.KeyEnded, now: on.Moment) -> None:
        life._key_died(now, "a listen key expired")

    table = {pair: key_ended if real is Lifecycle._key_ended else real for pair, real in lifecycle.TRANSITIONS.items()}
    patches.enter_context(patch.dict(lifecycle.TRANSITIONS, table))


def rotation_closes_first(patches: Patches) -> None:
    """The old socket is closed, and then the new one is opened."""

    def rotate(life: Lifecycle, now: on.Moment) -> None:
        assert life.followed is not None
        life._abort(life.followed)
        life.state = State.CONNECTING
        life._open(now)

    patches.enter_context(patch.object(Lifecycle, "_rotate", rotate))


def never_renewed(patches: Patches) -> None:
    """The key is left to run out."""
    patches.enter_context(patch.object(lifecycle, "renew_after_s", lambda *_: NEVER_S))


def gives_up(patches: Patches) -> None:
    """A socket that does not open is tried once more, and that is that."""
    real = Lifecycle._try_again

    def try_again(life: Lifecycle, now: on.Moment, why: verdict.Verdict | None) -> None:
        real(life, now, why)
        if life._failures > 1:
            life._retry_at_s = None

    patches.enter_context(patch.object(Lifecycle, "_try_again", try_again))


def gap_not_told(patches: Patches) -> None:
    """A lost connection is mended in silence."""
    patches.enter_context(patch.object(gap.Gaps, "open", lambda *_, **__: None))


def gap_from_now(patches: Patches) -> None:
    """A gap begins when the loss is noticed, and not when something was last heard."""
    real = Lifecycle._lost

    def lost(life: Lifecycle, happened: on.SocketLost, now: on.Moment) -> None:
        if happened.socket == life.followed:
            life.gaps.open(now.wall_ms, happened.why, now.s)
            life.sockets[happened.socket].hear(now.s, now.wall_ms, life.timing)
        real(life, happened, now)

    table = {pair: lost if known is real else known for pair, known in lifecycle.TRANSITIONS.items()}
    patches.enter_context(patch.dict(lifecycle.TRANSITIONS, table))


def waits_for_goodbye(patches: Patches) -> None:
    """A dead socket is closed politely, and its successor waits until the other side has said goodbye."""

    def tend(life: Lifecycle, now: on.Moment, *, stalled: bool) -> None:
        for socket in [each for each in life.sockets.values() if each.attached]:
            if stalled:
                socket.give_grace(now.s, life.timing)
            if now.s >= socket.dead_at_s:
                socket.dead_at_s = NEVER_S  # the handshake of closing would end it; nobody answers
            elif stalled or now.s >= socket.ping_at_s(life.timing):
                life._send_ping(socket.number, now)

    patches.enter_context(patch.object(Lifecycle, "_tend_sockets", tend))


def bans_ignored(patches: Patches) -> None:
    """Whatever the venue says, the next try is soon."""

    def judge(error: Any, wall_ms: int) -> verdict.Verdict:
        known = verdict.judge(error, wall_ms)
        return verdict.Verdict(known.do, 0.0, known.error)

    for module in (stream, opener):
        patches.enter_context(patch.object(module, "judge", judge))


def no_backoff(patches: Patches) -> None:
    """Every retry is at once."""
    patches.enter_context(patch.object(lifecycle, "backoff_s", lambda *_: 0.01))


def deletes_on_exit(patches: Patches) -> None:
    """The key is closed at the end, whoever else uses it."""
    real = stream.UserStream.__init__

    def init(self: stream.UserStream, **arguments: Any) -> None:
        real(self, **arguments | {"close_key_on_exit": True})

    patches.enter_context(patch.object(stream.UserStream, "__init__", init))


def put_is_proof(patches: Patches) -> None:
    """A PUT that succeeds is taken for a proof of our key, whichever key it prolonged."""

    async def renew(self: opener.ListenKeys, key: Any, since_s: float) -> float:
        del key, since_s
        asked_s = self._clock.now_s()
        await self.api.options_update_listen_key_v1()
        return asked_s

    patches.enter_context(patch.object(opener.ListenKeys, "renew", renew))


def link_left_open(patches: Patches) -> None:
    """A socket that was given up while it opened stays open."""

    def abort(self: Any) -> None:
        self._attached = False
        if self._socket is not None:
            self._socket.abort()

    patches.enter_context(patch.object(stream.Link, "abort", abort))


def asleep_and_unaware(patches: Patches) -> None:
    """What waited while the machine slept is taken for news of the present."""
    patches.enter_context(patch.object(Lifecycle, "_was_away", lambda *_: False))


MUTANTS: Final[tuple[Callable[[Patches], None], ...]] = (
    no_dedupe, held_dropped, no_ping_timeout, any_key_end_obeyed, rotation_closes_first, never_renewed, gives_up,
    gap_not_told, gap_from_now, waits_for_goodbye, bans_ignored, no_backoff, deletes_on_exit, put_is_proof,
    link_left_open, asleep_and_unaware,
)  # fmt: skip


@contextlib.contextmanager
def broken(mutant: Callable[[Patches], None]) -> Iterator[None]:
    """The client, broken in this way."""
    with Patches() as patches:
        mutant(patches)
        yield



