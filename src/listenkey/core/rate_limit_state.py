"""
Carry the use of the rate limit to the next process: weight of the last minute, keys asked for, the limit, a ban.

The venue counts on while a process is down. One that is started again and again, by a supervisor that means well, would
otherwise begin each time as if it had spent nothing, and lead from 429s to a ban of the address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from listenkey.core.retry_policy import RATE_LIMIT_MAX_S
from listenkey.venue import BAN_MAX_S

HTTP_BANNED: Final = 418

CREATES_MAX: Final = 20
"""
The requests for an account's key allowed in a minute, all processes together. A start makes two: for the key, and to
see that it lives. Only a crash loop comes near it.
"""


class RateLimitState(msgspec.Struct, omit_defaults=True):
    """
    The use of the rate limit, as written down. Times are epoch ms by the writer's clock; see `on_this_clock`.

    Attributes:
        venue: Its REST address; another venue counts for itself.
        spent: When, and how much weight.
        created: When listen keys were asked for, by account.
        connected: When, and how many sockets were opened.
        limit: Weight a minute, as `exchangeInfo` said, or None.
        limit_at_ms: When it said so.
        blocked_until_ms: Nothing may be sent before.
        blocked_status: HTTP status of the answer that said so.
        blocked_for_ms: How long the venue wanted silence then; 0 where an older release wrote it.
        boot: Which boot of the machine `up_ms` counts from; empty where that is not known.
        up_ms: When it was written, by the clock that is never set.
        written_ms: The same by the wall clock; 0 where an older release wrote it.
    """

    venue: str
    spent: dict[int, int] = {}
    created: dict[str, list[int]] = {}
    limit: int | None = None
    limit_at_ms: int = 0
    blocked_until_ms: int = 0
    blocked_status: int = 0
    blocked_for_ms: int = 0
    boot: str = ""
    up_ms: int = 0
    written_ms: int = 0
    connected: dict[int, int] = {}

    def stamp(self, boot: str, up_ms: int, now_ms: int) -> None:
        """Stamp the times of writing."""
        self.boot, self.up_ms, self.written_ms = boot, up_ms, now_ms

    def block(self, for_ms: int, status: int, now_ms: int) -> None:
        """The venue wants silence for so long."""
        self.blocked_until_ms, self.blocked_for_ms, self.blocked_status = now_ms + for_ms, for_ms, status

    def left_ms(self, now_ms: int) -> int:
        """Return the ms left of the ban or pause: never more than the venue asked for, whatever a wall clock says."""
        if not self.blocked_status:
            return 0  # The zero of `blocked_until_ms` would be in the future of a clock before 1970.
        most_s = BAN_MAX_S if self.blocked_status == HTTP_BANNED else RATE_LIMIT_MAX_S
        most_ms = self.blocked_for_ms or round(most_s * 1000)
        return max(0, min(self.blocked_until_ms - now_ms, most_ms))

    def on_this_clock(self, boot: str, up_ms: int, now_ms: int) -> RateLimitState:
        """
        Tell all times by the wall clock of this process. The one before may have been wrong, or this one is.

        The clock that is never set tells how long ago it was written. After a boot nothing does, and a time of writing
        in the future is now: what was spent then counts for a minute more, which is the safe side.
        """
        if not self.written_ms:
            return self
        shift_ms = min(0, now_ms - self.written_ms)
        if boot and boot == self.boot and up_ms >= self.up_ms:
            shift_ms = now_ms - up_ms - (self.written_ms - self.up_ms)
        if not shift_ms:
            return self
        return msgspec.structs.replace(
            self,
            spent={at_ms + shift_ms: weight for at_ms, weight in self.spent.items()},
            connected={at_ms + shift_ms: count for at_ms, count in self.connected.items()},
            created={account: [at_ms + shift_ms for at_ms in times] for account, times in self.created.items()},
            limit_at_ms=self.limit_at_ms + shift_ms,
            blocked_until_ms=self.blocked_until_ms + shift_ms,
            written_ms=self.written_ms + shift_ms,
        )

    def spend(self, weight: int, now_ms: int) -> None:
        """Count a request that is being sent."""
        self.spent[now_ms] = self.spent.get(now_ms, 0) + weight

    def connect(self, now_ms: int) -> None:
        """Count a socket that is being opened."""
        self.connected[now_ms] = self.connected.get(now_ms, 0) + 1

    def forget_connects(self, before_ms: int) -> None:
        """Forget sockets that were opened up to this time, epoch ms."""
        self.connected = {at_ms: count for at_ms, count in self.connected.items() if at_ms > before_ms}

    def create(self, account: str, now_ms: int) -> None:
        """A key is being asked for."""
        self.created.setdefault(account, []).append(now_ms)

    def forget(self, before_ms: int) -> None:
        """Forget weight and key requests up to this time, epoch ms."""
        self.spent = {at_ms: weight for at_ms, weight in self.spent.items() if at_ms > before_ms}
        recent = {account: [at_ms for at_ms in times if at_ms > before_ms] for account, times in self.created.items()}
        self.created = {account: times for account, times in recent.items() if times}

    def join(self, other: RateLimitState, now_ms: int) -> dict[int, int]:
        """
        Take over the record of another process, or of an earlier one.

        Returns:
            The weight among it that was not known here, by when it was spent. A time that has not come yet is now: the
            clock was set back since.
        """
        news = _news(self.spent, other.spent, now_ms)
        for account, times in other.created.items():
            # The larger count of each time: what both have written down is the same, and was asked for once.
            both = Counter(self.created.get(account, ())) | Counter(times)
            self.created[account] = sorted(both.elements())
        if other.limit is not None and other.limit_at_ms >= self.limit_at_ms:
            self.limit, self.limit_at_ms = other.limit, min(other.limit_at_ms, now_ms)
        left_ms = other.left_ms(now_ms)
        if left_ms > self.left_ms(now_ms):
            self.blocked_until_ms = now_ms + left_ms
            self.blocked_status, self.blocked_for_ms = other.blocked_status, other.blocked_for_ms
        return news

    def join_connects(self, other: RateLimitState, now_ms: int) -> dict[int, int]:
        """Take over the sockets that another process has opened; returns those among them that were not known here."""
        return _news(self.connected, other.connected, now_ms)

    def create_wait_ms(self, account: str, began_ms: int, now_ms: int, window_ms: int) -> int:
        """
        Return how long to wait before asking for a key, in ms; 0 is not at all.

        Only a process that follows upon another within a minute waits: what one process asks for, its own patience
        bounds.
        """
        recent = [at_ms for at_ms in self.created.get(account, ()) if at_ms > now_ms - window_ms]
        too_many = len(recent) - CREATES_MAX + 1
        if too_many <= 0 or recent[0] >= began_ms:
            return 0
        return min(recent[too_many - 1] - now_ms, 0) + window_ms


def _news(ours: dict[int, int], theirs: dict[int, int], now_ms: int) -> dict[int, int]:
    """Take their counts over into ours, and return what is new among them; a time that has not come is now."""
    news: dict[int, int] = {}
    for at_ms, count in theirs.items():
        more = count - ours.get(at_ms, 0)
        if more > 0:
            news[min(at_ms, now_ms)] = news.get(min(at_ms, now_ms), 0) + more
            ours[at_ms] = count
    return news


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(RateLimitState).decode


def write(limit_state: RateLimitState) -> bytes:
    """Encode it as the bytes of a file."""
    return _encode(limit_state) + b"\n"


def read(texts: Iterator[bytes], venue: str) -> Iterator[RateLimitState]:
    """Decode those of this venue that can be read; one that can't is skipped."""
    for text in texts:
        try:
            limit_state = _decode(text)
        except msgspec.DecodeError:
            continue
        if limit_state.venue == venue:
            yield limit_state
