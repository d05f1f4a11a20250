"""
`listenkey gateway run` that is soon where a gateway is after hours without events: for what idle accounts cost.

Its first audits come after seconds, and become rare all the same. Sockets are opened as fast as the sandbox takes them.
"""

from __future__ import annotations

from listenkey import venue
from listenkey.cli.main import main
from listenkey.core.timing import Timing

SOON_S = 4.0
AT_ONCE = 1_000
"""The first audit that finds an account idle is followed by the next half an hour later."""

if __name__ == "__main__":
    venue.CONNECTIONS_PER_5_MIN = 1_000_000  # type: ignore[misc]  # of a sandbox that was told the same
    defaults = Timing.__init__.__kwdefaults__
    assert defaults is not None
    if "idle_audit_every_s" in defaults:  # An older build has the same audits for ever.
        from listenkey.core import audit_pace

        defaults["audit_every_s"] = SOON_S
        audit_pace.STRETCH = AT_ONCE  # type: ignore[misc]
    main()
