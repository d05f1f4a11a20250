"""
An account's journal on NATS JetStream, for more than one machine. `journal.py` is the door; see decisions/0013.

Nothing of the package `nats` is imported before a connection is opened: who has no journal there need not have it.
"""
