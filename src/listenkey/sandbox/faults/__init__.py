"""Faults on purpose: the registry of those that are active, and the malformed frames and wrong shapes some of them send."""
