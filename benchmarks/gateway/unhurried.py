"""`listenkey gateway run` that opens sockets without waiting for the venue's limit on them; for what is not a start."""

from __future__ import annotations

from listenkey import venue
from listenkey.cli.main import main

if __name__ == "__main__":
    venue.CONNECTIONS_PER_5_MIN = 1_000_000  # type: ignore[misc]  # of a sandbox that was told the same
    main()
