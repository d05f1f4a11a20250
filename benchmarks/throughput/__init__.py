"""Measure the speed from a socket to the user's code, ours beside the bare parts and beside others, interleaved."""
