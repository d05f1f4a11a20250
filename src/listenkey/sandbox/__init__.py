"""
An options exchange on one's own machine: the listen key, the stream, the orders behind it, and its faults.

It shares `listenkey.venue` with the client and nothing else, so that one misreading cannot fool both sides.
`exchange/` is the market and its accounts, with time as an argument. `rest_api/` and `websocket/` are the two ways in,
`admin_api/` is the owner's, and `faults/` breaks any of them on purpose. `world.py` joins these without I/O;
`http_server.py` and `websocket_server.py` do the I/O, and `server.py` gives the whole a port. From outside, touch `server.Sandbox` and `switches.Switches`; programs use
`listenkey.testing.LocalSandbox`.
"""
