"""Measure the journal: durable appends, visibility, memory, a million events."""
