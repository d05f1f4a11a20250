"""The venue's sockets: addresses, requests, sessions and what is delivered to them. Pure; `websocket_server.py` beside it does the I/O."""
