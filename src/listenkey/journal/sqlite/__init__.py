"""
The journal as an SQLite file: written by one thread of one process, read by any number of processes.

From outside: `journal` is one of the journals that `factory` makes; `verify`, `salvage`, `backup` and `info` are for the command.
"""
