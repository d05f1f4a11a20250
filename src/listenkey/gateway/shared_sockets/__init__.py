"""Sockets that several listen keys share. `socket_pool.SocketPool` gives streams their connections on them."""
