"""`python -m benchmarks [row ...]`: what is measured today is what the stream promises."""

from __future__ import annotations

import sys

from benchmarks.promises import main

sys.exit(main())
