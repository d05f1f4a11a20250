"""
The parts of `listenkey demo`: faults on purpose, a recorder of the stream, a comparison with the ledger, a report.

`session.py` joins them, and is what the command calls.
"""
