"""
The client processes: each a program as its owner would write it, on the streams that ship, and what it was told.

A process knows its environment and its network, and of further accounts in it no more than a `process.Tenant` has.
Faults reach into a process; a process knows no fault.
"""
