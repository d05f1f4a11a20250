"""Share the exchange, the streams as a process, and the line of a result."""
