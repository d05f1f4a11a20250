"""
The command `listenkey`. Nothing here is public but the command itself; programs import `listenkey`.

`main.py` starts and ends a command, `exit_codes.py` turns errors into exit codes. `commands/` has one command a file,
`config/` finds keys, addresses and options, `display/` shows items to people and programs, and `demo/` and `gateway/` are
what `listenkey demo` and `listenkey gateway` add to them. Imports go down in that order: commands, demo and gateway, display,
config; and every module is imported by the command that needs it, so that `listenkey --help` is there at once.
"""

from __future__ import annotations

from listenkey.cli.main import main

__all__ = ["main"]
