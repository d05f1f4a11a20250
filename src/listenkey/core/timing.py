"""The times that a stream waits, in one place, so that a scaled sandbox and a test can change them alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from listenkey import venue

CREDIBLE: Final = 1 / 60
"""The least part of a key's life that is believed: a minute of its hour."""

PAUSE_SHARE: Final = 0.2
"""The share of the silence time-out for which a journal that is filling up may stop us from reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    Durations of a stream's life, seconds.

    The defaults leave room: a key is renewed at a third of its life, so renewals must fail for 40 minutes more before
    it dies.
    """

    key_valid_s: float = venue.KEY_VALID_S
    """The life of a key from its last POST or PUT, as the venue promises it."""

    renew_after_s: float = 20 * 60
    """Others: ccxt 20 min, NautilusTrader 30 min, Binance's page "about every 60 minutes", which loses the key."""

    renew_jitter: float = 0.1
    """A thousand accounts don't renew in the same second: 20 min ± 10 %."""

    renew_retry_s: float = 30.0
    """The longest wait between tries of a renewal that failed; the first ones come sooner."""

    refused_retry_s: float = 300.0
    """Between tries when the API key itself was refused in mid-life."""

    rotate_after_s: float = 23 * 3600
    """The server cuts at 24 h. The official connectors rotate at 23 h as well."""

    rotate_jitter_s: float = 1800.0
    """± so much, so that a process full of streams does not rotate at once."""

    overlap_s: float = 5.0
    """The least time that both sockets of a rotation stay open."""

    ping_after_s: float = 2.5
    """
    Between our pings. Ten messages a second are allowed; this is one in 2.5 s.

    On a busy socket, too: its frames prove that it lives, but not that nothing was lost before them.
    """

    dead_after_s: float = 7.5
    """
    Silence after which a socket is dead, when it did not answer two pings.

    Others: `websockets` 40 s, picows and aiohttp never unless told, official SDK never. Jitter of 3 s must not kill.
    """

    open_timeout_s: float = 5.0
    """The time to connect, shake hands and have the subscription acknowledged."""

    late_s: float = 1.0
    """A timer that fires so late means that we slept or were stalled: the silence may be ours, so we ping and look."""

    backoff_first_s: float = 0.25
    """The first reconnect waits at most so long."""

    backoff_max_s: float = 30.0
    """The longest wait before a reconnect."""

    quick_reconnects: int = 30
    """The losses of a live socket in `flap_window_s` that are answered quickly; more get growing waits."""

    flap_window_s: float = 300.0
    """The window of `quick_reconnects`: stays far below the 300 connection attempts an IP may make in 5 minutes."""

    quick_new_keys: int = 3
    """The ends of a key in `key_fight_window_s` answered at once; more mean that somebody deletes our key."""

    key_fight_window_s: float = 600.0

    recover_hold_max_s: float = 30.0
    """The longest time that a new socket's events are held, for the sake of order, while REST is asked."""

    lag_hold_s: float = 2.0
    """The time they are held when REST is seen to lag: when it does not show the newest fill we know of."""

    lag_max_s: float = 35.0
    """
    REST is taken to show everything after so long, unless it is seen to lag.

    Programs that watch the venue's account endpoints saw lags of seconds; 30 s are allowed for, and 5 s more.
    """

    lag_seen_max_s: float = 300.0
    """A gap is kept open for so long at most while REST is seen to lag: then it is closed, and says so."""

    settle_after_s: tuple[float, ...] = (2.0, 5.0, 15.0, 35.0)
    """The delays after a recovery at which the bill is looked at again, for rows that REST did not show yet."""

    audit_every_s: float = 60.0
    """The interval at which the bill is compared with the fills that were seen; ± 10 %."""

    idle_audit_every_s: float | None = None
    """
    The longest interval of an account that has no position, no live order and no events; None: as of any other.

    A gateway has another default, as its accounts share the weight of one address.
    """

    poll_every_s: float = 10.0
    """The interval at which REST is asked for fills without a socket, counted from the loss of the last one."""

    poll_retry_s: float = 30.0
    """The interval after REST could not be asked, or did not answer."""

    doubt_after_s: float = 1.0
    """The time that orders and positions may fail to add up before a loss is suspected: messages change places."""

    @property
    def credible_s(self) -> float:
        """
        The least life of a key that is believed: a nearer end is our clock's error, not the venue's.

        A machine that shows local time in place of UTC is off by the very hour a key lives; believed, every key would
        be dead before its first renewal.
        """
        return self.key_valid_s * CREDIBLE

    def scaled(self, time_scale: float) -> Timing:
        """Return the same where the venue's hours run `time_scale` times as fast; times of the network stay."""
        if time_scale == 1:
            return self
        return replace(
            self,
            key_valid_s=self.key_valid_s / time_scale,
            renew_after_s=self.renew_after_s / time_scale,
            renew_retry_s=max(0.2, self.renew_retry_s / time_scale),
            rotate_after_s=max(2 * self.overlap_s, self.rotate_after_s / time_scale),
            rotate_jitter_s=self.rotate_jitter_s / time_scale,
        )


def renew_after_s(timing: Timing, draw: float) -> float:
    """
    Return the delay before a key is renewed.

    Args:
        timing: Where the interval and its jitter are.
        draw: From 0 to 1, drawn by the caller.

    Returns:
        Seconds, always less than half of what the venue promises.

    Source: [O user-data-streams]. The page advises a ping every 60 minutes for a key that lives 60 minutes; we don't.
    """
    return timing.renew_after_s * (1 + timing.renew_jitter * (2 * draw - 1))


def rotate_after_s(timing: Timing, draw: float) -> float:
    """Return the age at which a socket's successor is opened, seconds: 23 h ± 30 min."""
    return timing.rotate_after_s + timing.rotate_jitter_s * (2 * draw - 1)
