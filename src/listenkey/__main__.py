"""`python -m listenkey` is the command `listenkey`."""

from __future__ import annotations

from listenkey.cli.main import main

if __name__ == "__main__":
    main()
