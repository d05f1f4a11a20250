"""Many accounts in one process: their start, their cost, and their readers."""
