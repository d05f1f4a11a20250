"""Keep a message of an undocumented type whole, and pass it on."""

from __future__ import annotations

from typing import Any

import msgspec

from listenkey.events.base import Message

# A number with a fraction stays its text, as amounts do everywhere here.
_JSON = msgspec.json.Decoder(dict[str, Any], float_hook=str)


class UnknownEvent(Message, frozen=True, gc=False):
    """
    A message of a type this release does not know.

    Attributes:
        type: The venue's name of it.
        event_ms: `E` where it has one that can be read, else None.
        raw: Its JSON, with a listen key replaced.
    """

    type: str
    event_ms: int | None
    raw: bytes

    def to_dict(self) -> dict[str, Any]:
        """The venue's own letters, for there are no words; numbers with a fraction as text."""
        return _JSON.decode(self.raw)
