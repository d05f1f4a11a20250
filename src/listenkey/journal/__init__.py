"""Keep items between the socket and the reader."""
