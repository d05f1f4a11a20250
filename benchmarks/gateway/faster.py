"""
`listenkey` where all that waits for the venue waits less on a scaled sandbox: `python -m benchmarks.gateway.faster ...`.

On such a sandbox `Timing.scaled` lets a key and a socket live shorter, and leaves alone what waits for a network. Audits,
polls and settling count among those, so a minute of the venue's would see a tenth of them, and of their weight.
"""

from __future__ import annotations

from dataclasses import replace

from listenkey.cli.main import main
from listenkey.core.timing import Timing

scaled = Timing.scaled


def all_scaled(self: Timing, time_scale: float) -> Timing:
    """Scale audits, polls and looks as well; sockets are on this machine, and have their usual time."""
    return replace(
        scaled(self, time_scale),
        audit_every_s=self.audit_every_s / time_scale,
        poll_every_s=self.poll_every_s / time_scale,
        poll_retry_s=self.poll_retry_s / time_scale,
        recover_hold_max_s=self.recover_hold_max_s / time_scale,
        lag_max_s=self.lag_max_s / time_scale,
        backoff_max_s=self.backoff_max_s / time_scale,
        settle_after_s=tuple(after_s / time_scale for after_s in self.settle_after_s),
    )


if __name__ == "__main__":
    Timing.scaled = all_scaled  # type: ignore[method-assign]
    main()
