"""Measure the promises about losses: detection, recovery, and a long run with faults."""
