"""
The blocking twins: a thread with an event loop, and the stream and the three calls through it.

From outside: `stream` and `listen_key_api` are public by way of `listenkey`; `portal` is for `testing`.
"""
