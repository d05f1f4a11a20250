"""A whole world from one seed: the sandbox's exchange, the client as it ships, and a network that lies between them."""
