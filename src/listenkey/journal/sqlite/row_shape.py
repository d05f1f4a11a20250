"""Check the kinds and sizes of a journal's values. Checksums show damage; anybody can make one for any values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from listenkey.journal.sqlite.hash_chain import Row

SEQ_MAX: Final = 2**62
"""No journal reaches this number, and the next one is still one that SQLite can hold."""

TIME_MAX_MS: Final = 253_402_300_799_999
"""The end of the year 9999: a later time was not written by a clock."""

SEEN_MAX: Final = 64
"""Rows differ in their values and hardly in their kinds: so many combinations are remembered."""

_NUMBER: Final = frozenset({int})
_TEXT: Final = frozenset({str})
_NUMBER_OR_NONE: Final = frozenset({int, type(None)})
_TEXT_OR_NONE: Final = frozenset({str, type(None)})
_KINDS: Final = (
    _NUMBER, _TEXT, _TEXT, _NUMBER,  # seq, kind, account, received_ms
    _TEXT_OR_NONE, _TEXT_OR_NONE, _NUMBER_OR_NONE, _NUMBER_OR_NONE,  # type, provenance, late, event_ms
    _TEXT_OR_NONE, _NUMBER_OR_NONE, _NUMBER_OR_NONE, _TEXT_OR_NONE, _TEXT_OR_NONE,  # symbol, ids, event, raw
    _NUMBER_OR_NONE, _NUMBER_OR_NONE, _TEXT_OR_NONE, _NUMBER_OR_NONE, _TEXT_OR_NONE,  # from_ms to unrecoverable
    _NUMBER_OR_NONE, _NUMBER, frozenset({bytes}),  # skipped, crc32, chain
)  # fmt: skip
"""The kinds of the columns of `items`, in their order."""

_RECEIVED_MS, _SKIPPED = 3, 18
_SEEN: Final = set[tuple[type, ...]]()


def is_well_formed(row: Row) -> bool:
    """Return True where a row's values are of the kinds and sizes that are written."""
    kinds = tuple(map(type, row))
    if kinds not in _SEEN:
        if not all(kind in allowed for kind, allowed in zip(kinds, _KINDS, strict=True)):
            return False
        if len(_SEEN) < SEEN_MAX:
            _SEEN.add(kinds)
    seq, skipped = row[0], row[_SKIPPED]
    return 0 < seq <= SEQ_MAX and 0 <= row[_RECEIVED_MS] <= TIME_MAX_MS and (skipped is None or 0 < skipped < seq)


def is_whole_number(value: object, most: int) -> bool:
    """Return True where a value of the file is a whole number from 0 to `most`."""
    return type(value) is int and 0 <= value <= most
