"""
The notes beside the file: how far each account had come, and until when its stream was whole.

They stand in the lock's file, behind its own lines, one for each account. As with the journal of one account, they are
right after a crash of the process, or too low by what came in its last moment; too low or unreadable after a power cut;
and never too high. A note is known by a digest of the account's name, and not by its place, so that an older copy of the
file, in which an account has another number or none, finds it as well.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Final

from listenkey.journal.sqlite.row_shape import SEQ_MAX, TIME_MAX_MS

DIGEST_BYTES: Final = 8
NOTE_BYTES: Final = 68
"""Two numbers of twenty digits, the digest, a checksum, and what parts them."""


def digest_of(account: str) -> bytes:
    """Return the sixteen hex digits that stand for an account's name."""
    return hashlib.blake2b(account.encode(), digest_size=DIGEST_BYTES).hexdigest().encode()


def note_of(account: str, seq: int, covered_ms: int) -> bytes:
    """Return an account's note, always of the same length."""
    body = b"%020d %020d %s" % (seq, covered_ms, digest_of(account))
    return b"%s %08x\n" % (body, zlib.crc32(body))


class ReachedNotes:
    """
    Keeps the notes in memory, and says which part of them is to be written.

    Args:
        notes: What is there from an earlier process.

    Attributes:
        places: The number of places for notes, those that can't be read included.
    """

    def __init__(self, notes: bytes = b"") -> None:
        self._notes = bytearray(notes[: len(notes) // NOTE_BYTES * NOTE_BYTES])
        self.places = len(self._notes) // NOTE_BYTES
        self._from, self._to = self.places, 0
        self._known: dict[bytes, tuple[int, int]] = {}
        for place in range(self.places):
            self._learn(bytes(self._notes[place * NOTE_BYTES : (place + 1) * NOTE_BYTES]))

    def _learn(self, note: bytes) -> None:
        body, _, checksum = note.rpartition(b" ")
        if checksum != b"%08x\n" % zlib.crc32(body):
            return
        seq, covered_ms, digest = body.split()
        if int(seq) <= SEQ_MAX and int(covered_ms) <= TIME_MAX_MS:
            before = self._known.get(digest, (0, 0))
            self._known[digest] = max(before[0], int(seq)), max(before[1], int(covered_ms))

    def left(self, account: str) -> tuple[int, int]:
        """Return how far an earlier process had come with an account, and until when its stream was whole; else 0."""
        return self._known.get(digest_of(account), (0, 0))

    def now(self) -> ReachedNotes:
        """Return the notes as they are now, which `left` does not look at."""
        return ReachedNotes(bytes(self._notes))

    def note(self, account_no: int, account: str, seq: int, covered_ms: int) -> None:
        """Note it in the place of the account's number; written with the next `take`."""
        place = account_no - 1
        if place >= self.places:
            self._notes.extend(bytes((place + 1 - self.places) * NOTE_BYTES))
            self._from, self._to = min(self._from, self.places), place + 1
            self.places = place + 1
        self._notes[place * NOTE_BYTES : (place + 1) * NOTE_BYTES] = note_of(account, seq, covered_ms)
        self._from, self._to = min(self._from, place), max(self._to, place + 1)

    @property
    def is_written(self) -> bool:
        """True where nothing was noted since the last `take`."""
        return self._from >= self._to

    def take(self) -> tuple[int, bytes]:
        """Return the part that was changed, and where it stands, in bytes behind the lock's own lines."""
        first, last = self._from, self._to
        self._from, self._to = self.places, 0
        return first * NOTE_BYTES, bytes(self._notes[first * NOTE_BYTES : last * NOTE_BYTES])
