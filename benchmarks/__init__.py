"""Measurements of this library and of its peers; run from the root of the repository."""
