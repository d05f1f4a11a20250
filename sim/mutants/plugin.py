"""
A pytest plugin: the tests run on a broken build, whose name is in `LISTENKEY_BROKEN`.

`python -m pytest -p sim.mutants.plugin TEST` fails where the test sees what is broken.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

from sim.mutants import ALL
from sim.mutants.patching import Patches

NAME: Final = "LISTENKEY_BROKEN"
_patches = Patches()


def pytest_collection_finish() -> None:
    """Break it, once everything is imported."""
    (mutant,) = (each for each in ALL if each.__name__ == os.environ[NAME])
    mutant(_patches)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put back the real names."""
    del config
    _patches.close()
