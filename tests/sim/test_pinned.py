"""Worlds in which something went wrong once, each made short."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from listenkey.items import GapClosed
from listenkey.journal.overflow import Overflow
from listenkey.outcomes import Loss, Reason
from sim.environment.options import Options
from sim.faults.model import Fault
from sim.faults.schedule import faults_of
from sim.runner.options import draw_options
from sim.runner.run import FINE, run_case
from sim.runner.shrink import as_test


class Case(NamedTuple):
    """Its circumstances, and the faults that it takes."""

    options: Options
    faults: list[Fault]


CASES = {
    # The venue cuts it meanwhile: that gap has a cause, and the checker saw none.
    "a socket comes of age while its machine sleeps": Case(
        draw_options(952, "pair", 0.037), [Fault("suspend", 0, 109.483, 85.773), Fault("day_limit", 0, 120.0, 42.227)]
    ),
    "a contract ends, and the message that says so is lost": Case(
        draw_options(1384, "pair", 0.037), [Fault("mute", 0, 109.258, 107.287), Fault("expiry", 0, 120.0, 0.0)]
    ),
    "a key fight that shows only in lost sockets": Case(
        draw_options(3, "safety", 0.05), [Fault("key_fight", 0, 300.0, 600.0)]
    ),
    # Its thread was left asleep between two tries, as if it had nothing to write.
    "a disk that fails while nothing new is to be noted": Case(
        draw_options(75, "safety", 0.04),
        [Fault("disk_errors", 0, 433.89, 3.093, (("name", "SQLITE_IOERR_WRITE"),))],
    ),
    # Nothing happens for a quarter of an hour on a socket that is dead: nobody can know, and the checker thought so.
    "a socket that is dead from its beginning, found by the first fill": Case(
        draw_options(194, "safety", 0.04),
        [Fault("ack_dead", 0, 474.554, 148.459), Fault("torn_tail", 0, 480.795, 2.229)],
    ),
    # The thread of a process that had died took a short cut, and wrote on.
    "a crash loop while the disk is well": Case(
        replace(draw_options(1, "safety", 0.04), episode_s=60.0), [Fault("crash_loop", 2, 938.386, 47.244)]
    ),
    # The checker asked for its cause; the client can't tell the two clocks apart by as much, and says so.
    "a fill of the moment before the stream began": Case(draw_options(1428, "pair", 0.037), []),
    # Pings that are left out were no proof, so the client thought that it had stood still.
    "a frame that can't be read while pings are left out": Case(
        draw_options(2200, "pair", 0.037), [Fault("malformed", 2, 120.0, 7.987, (("frames", ["wrong_types"]),))]
    ),
    # Orders showed that the gap had begun before the time of which fills were asked, and it was closed as complete.
    "orders from before the fills that were asked for": Case(
        draw_options(3420, "pair", 0.037), faults_of(draw_options(3420, "pair", 0.037))
    ),
    # How far it had come was noted once a second, so that the last numbers were given again.
    "a copy is put back within a second of the last item": Case(
        replace(draw_options(5, "safety", 0.04), only=("older_copy",), level=20.0),
        [Fault("older_copy", 1, 270.779, 112.9, (("way", "vacuum"),))],
    ),
    # All of its log was lost, the first `Live` in it; nobody was told.
    "a journal of which nothing is left but what is noted beside it": Case(
        replace(draw_options(2, "safety", 0.04), only=("bit_flipped",), level=20.0),
        [Fault("bit_flipped", 0, 339.903, 75.76, (("verified", False), ("what", "remove")))],
    ),
    # It was appointed to come when its machine wakes, again and again within that moment.
    "an account comes back while its machine sleeps": Case(
        draw_options(1019, "pair", 0.037),
        [Fault("comes_and_goes", 1, 120.0, 1.031, (("new_key", True),)), Fault("suspend", 1, 120.951, 19.52)],
    ),
    # The gap that was told of it was forgotten by the process after that.
    "a gap is all that a journal holds": Case(
        replace(draw_options(1, "safety", 0.04), episode_s=1200.0),
        [
            Fault("bit_flipped", 0, 100.0, 60.0, (("verified", False), ("what", "flip"))),
            Fault("ban_all", 0, 101.0, 150.0),
            Fault("takeover", 0, 162.0, 40.0, (("beside", False), ("how", "kill"), ("in_write", False))),
        ],
    ),
    # What had come while it stood still was read in pieces, some of them later than the timers that waited for it.
    "a stall while messages come in pieces": Case(
        replace(draw_options(9525, "safety", 0.035), episode_s=60.0),
        [Fault("pieces", 2, 77.424, 300.832), Fault("stall", 2, 177.317, 36.385)],
    ),
    # Somebody put a copy in the place of a journal that was damaged, or another release's, while that was being seen to.
    "an older copy, and a row that is gone": Case(
        draw_options(9026, "safety", 0.035),
        [
            Fault("older_copy", 3, 195.786, 250.796, (("way", "files"),)),
            Fault("bit_flipped", 3, 420.064, 38.905, (("verified", False), ("what", "remove"))),
        ],
    ),
    "an older copy, and a journal of a newer release": Case(
        draw_options(9028, "safety", 0.035),
        [
            Fault("older_copy", 2, 471.974, 57.081, (("way", "vacuum"),)),
            Fault("other_version", 2, 523.017, 16.138),
        ],
    ),
    # It was never told that its sockets were of age: it stood still at that moment.
    "a socket comes of age while its process stands still": Case(
        draw_options(1230, "pair", 0.037), [Fault("stall", 0, 115.06, 9.301), Fault("day_limit", 0, 120.0, 133.942)]
    ),
    # The journal had them, and the stream was rightly live.
    "fills come back while nothing can be printed": Case(
        draw_options(1789, "pair", 0.037),
        [Fault("flapping", 2, 120.0, 63.375), Fault("no_output", 2, 183.888, 108.578, (("hangs", True),))],
    ),
    # Fills of forty symbols were missing, and the loss was told when all of these had been asked for: a minute later.
    "a key dies without a word, and more is missing than may be asked for in a minute": Case(
        draw_options(2195, "pair", 0.037),
        [Fault("key_dies_silently", 1, 120.0, 0.0), Fault("poison", 1, 120.0, 43.519, (("fills", 5),))],
    ),
    # The socket that had replaced one was taken to be as old, and nobody was told.
    "sockets come of age twice within a second": Case(
        draw_options(114, "safety", 0.04),
        [Fault("day_limit", 1, 254.894, 20.028), Fault("day_limit", 1, 255.722, 36.943)],
    ),
    # The gap that named the refusal was closed, and the next process took the stream to be whole until its end.
    "a contract is refused, and the process that knew of it is killed": Case(
        draw_options(14, "safety", 0.04),
        [
            Fault("contract_refused", 3, 175.049, 395.824, (("answer", 400), ("gap", False), ("half", 1))),
            Fault("crash", 3, 196.834, 40.891, (("in_write", False),)),
            Fault("sigterm", 3, 404.418, 56.457),
        ],
    ),
    # The gap was right, two minutes later: at this weight limit the list of all open orders does not come sooner.
    "orders are placed while a socket is lost, in a contract of which nothing was heard": Case(
        draw_options(448, "pair", 0.037),
        [Fault("latency", 2, 207.021, 66.956, (("grows", True), ("kills", False), ("ms", 2436)))],
    ),
    # They were counted as part of that message. So the position differed from the sum of its fills twenty minutes later,
    "fills of the millisecond of a position's message, and REST alone brings them": Case(
        draw_options(2378, "pair", 0.037),
        [
            Fault("expiry_unseen", 0, 120.0, 64.142, (("how", "down"),)),
            Fault("expiry_unseen", 2, 120.0, 109.616, (("how", "mute"),)),
            Fault("expiry_unseen", 3, 120.0, 88.504, (("how", "cut"),)),
        ],
    ),
    # or one that was closed in that millisecond was taken to be open, and its beat was missed.
    "a position is closed in the millisecond of its message, and REST alone says so": Case(
        draw_options(2410, "pair", 0.037),
        [
            Fault("expiry_unseen", 0, 120.0, 107.265, (("how", "mute"),)),
            Fault("expiry_unseen", 1, 120.0, 58.142, (("how", "down"),)),
            Fault("expiry_unseen", 2, 120.0, 107.264, (("how", "mute"),)),
            Fault("expiry_unseen", 3, 120.0, 71.282, (("how", "down"),)),
        ],
    ),
    # Its beginning was written down as a time before 1970, and from then on nobody could open the journal.
    "a journal loses all its items, and the venue's clock is behind": Case(
        draw_options(652, "pair", 0.037),
        [
            Fault("no_expiration", 0, 107.52, 5.009, (("ahead_ms", -1),)),
            Fault("bit_flipped", 0, 120.0, 21.082, (("verified", False), ("what", "flip"))),
        ],
    ),
    # What it had closed was taken to be open, as its fill had come before the first message of the position.
    "fills come before the first message of their position, and the message that closed it is lost": Case(
        draw_options(3600, "pair", 0.037),
        [
            Fault("lag_and_drops", 0, 120.0, 53.56, (("busy", False), ("ms", 5891), ("path", "/eapi/"))),
            Fault("lag_and_drops", 2, 120.0, 30.048, (("busy", False), ("ms", 36477), ("path", "/eapi/"))),
            Fault("lag_and_drops", 3, 120.0, 30.562, (("busy", False), ("ms", 52500), ("path", "/eapi/"))),
            Fault("no_positions", 3, 168.413, 35.392, (("drops", False), ("late_ms", None))),
        ],
    ),
    # The position was taken to be open for ever, and each time the account held nothing its beat was missed.
    "fills are known from REST before their messages come, and the last message is lost": Case(
        draw_options(840, "pair", 0.037),
        [Fault("narrow", 0, 112.339, 43.951), Fault("burst", 0, 120.0, 1.672, (("fills", 119),))],
    ),
    # Together they changed nothing: so they were taken to have come after the position's last message.
    "the fills that opened a position and closed it are lost, and its messages are not": Case(
        replace(draw_options(1, "safety", 0.04), latency_ms=100.0, episode_s=40.0),
        [
            Fault("lag_and_drops", 0, 200.0, 300.0, (("ms", 60_000), ("path", "/eapi/"))),
            Fault("reset", 0, 330.0, 0.0),
        ],
    ),
    # The list of open orders lacked it, and the process did not know of it: see docs/reference/limits.md.
    "an order of before a restart ends unseen before the first look": Case(
        draw_options(101, "pair", 0.037),
        [
            Fault("wrong_secret", 0, 113.738, 40.072),
            Fault("ack_dead", 0, 120.0, 37.409),
        ],
    ),
    # The same for a stream that begins without a journal: the order was placed before, and ended before the first look.
    "an order of before a stream ends unseen before the first look": Case(
        draw_options(2422, "pair", 0.037),
        [
            Fault("expiry_unseen", 0, 120.0, 72.554, (("how", "mute"),)),
            Fault("expiry_unseen", 2, 120.0, 22.638, (("how", "down"),)),
            Fault("expiry_unseen", 3, 120.0, 74.276, (("how", "mute"),)),
            Fault("traded_before", 3, 212.122, 0.0, (("fills", 18), ("lives_ms", 665))),
        ],
    ),
    # The venue pushed from then on, and the checker took these messages for those of before the stream.
    "the first socket is opened while its machine falls asleep": Case(
        replace(draw_options(1338, "pair", 0.037), co_tenants=((2, 4),)),
        [
            Fault("comes_and_goes", 2, 120.0, 4.46, (("new_key", False),)),
            Fault("suspend", 2, 125.463, 113.272),
        ],
    ),
    # What it had refused came back in the next gap, which the lowered limit made long: it reached back, for no reason seen.
    "REST refuses contracts, and lists them again at a lower weight limit": Case(
        draw_options(1384, "pair", 0.037),
        [
            Fault("limit_lowered", 0, 109.258, 113.389),
            Fault("contract_refused", 1, 120.0, 64.593, (("answer", 500), ("gap", False), ("half", 1))),
            Fault("contract_refused", 2, 120.0, 70.003, (("answer", 400), ("gap", True), ("half", 0))),
        ],
    ),
    # The next process asked from where coverage was noted, though the gap that was left open had begun five minutes earlier.
    "the end of a journal is lost twice, once behind a gap that begins long before": Case(
        draw_options(109, "safety", 0.04),
        [
            Fault("disk_full", 0, 289.424, 195.562),
            Fault("mute", 0, 318.024, 253.379),
            Fault("reset", 0, 376.138, 0.0),
            Fault("bit_flipped", 0, 707.222, 21.464, (("verified", False), ("what", "flip"))),
            Fault("bit_flipped", 0, 736.45, 33.773, (("verified", False), ("what", "flip"))),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_does_not_go_wrong_again(name: str) -> None:
    outcome = run_case(*CASES[name])
    assert outcome.code == FINE, [str(violation) for violation in outcome.violations] or outcome.crash


def test_a_limit_that_was_lowered_is_broken_once_and_kept_from_then_on() -> None:
    """A recovery asked for as much as before in each minute, was refused, and began anew: until the limit was raised."""
    lowered, refused = Fault("limit_lowered", 2, 115.0, 900.0), (("answer", 400), ("gap", True), ("half", 0))
    outcome = run_case(
        draw_options(1384, "pair", 0.037), [Fault("contract_refused", 2, 120.0, 70.003, refused), lowered]
    )
    assert outcome.code == FINE, [str(violation) for violation in outcome.violations] or outcome.crash
    assert outcome.evidence is not None
    clients = outcome.evidence.clients
    assert max(sum(asked.status == 429 for asked in client.asked) for client in clients) == 1
    ended_us = [
        told.at_us for stream in outcome.evidence.streams for told in stream.told if isinstance(told.item, GapClosed)
    ]
    assert 0 < max(ended_us) < lowered.until_s * 1e6, "no recovery waits until it is raised"


@pytest.mark.parametrize("seed", [1, 2, 38])
def test_at_most_one_gap_is_open_where_events_find_no_room(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of what was recovered in the outer gap began anew at the end of the inner one."""
    real = Overflow.__init__

    def small(self: Overflow, bytes_max: int, reason: Reason, what: str) -> None:
        real(self, min(bytes_max, 30_000), reason, what)

    monkeypatch.setattr(Overflow, "__init__", small)
    kinds = ("disk_full", "reset", "burst", "slow_reader", "disk_slow", "crash", "nat_loss")
    options = replace(draw_options(seed, "safety", 0.04), only=kinds, level=40.0, recovers=True, journal=seed != 2)
    outcome = run_case(options, faults_of(options))
    assert outcome.evidence is not None
    assert any(Loss.DROPPED in item.lost for stream in outcome.evidence.streams for _, item in stream.told
               if isinstance(item, GapClosed))  # fmt: skip
    # What found no room is lost for good, and other rules complain of it; not these.
    assert not [each for each in outcome.violations if each.rule.startswith(("grammar", "recovery"))]


def test_a_case_that_is_printed_plays_the_same_world() -> None:
    """Its circumstances were left out: the bytes of its connections, its traffic, and who else was there."""
    faults = [Fault("pieces", 0, 100.0, 20.0), Fault("reset", 0, 130.0, 0.0)]
    options = replace(draw_options(7, "safety", 0.02), quotes=True, recovers=False, start_ms=1_795_400_000_000)
    played = run_case(options, faults)
    assert played.options.framed
    text = as_test(played.options, faults[1:], "a rule")
    case = eval(
        f"({text.rstrip(',')})", {"Case": Case, "draw_options": draw_options, "replace": replace, "Fault": Fault}
    )
    assert case == Case(played.options, faults[1:])
    plain = as_test(draw_options(7, "safety", 0.02), faults, "a rule")
    assert "draw_options(7, 'safety', 0.02),\n" in plain
    assert "replace" not in plain
