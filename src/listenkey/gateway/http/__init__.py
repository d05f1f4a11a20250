"""The gateway's face: accounts, their events and their state over HTTP. `server.GatewayServer` is the door to it."""
