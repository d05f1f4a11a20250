"""`python -m benchmarks [row ...]`: what the stream promises. The journal is measured by `python -m benchmarks.journal`."""

from __future__ import annotations

import sys

from benchmarks.recovery.promises import main

sys.exit(main())
