"""
An options exchange on one's own machine: the listen key, the stream, the orders behind it, and its faults.

It shares `listenkey.venue` with the client and nothing else, so that one misreading cannot fool both sides.
`world.py` is the whole of it without I/O; `server.py` gives it a port.
"""
