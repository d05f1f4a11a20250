"""Many accounts in one process, and any number of readers of each. `listenkey gateway run` starts it."""
