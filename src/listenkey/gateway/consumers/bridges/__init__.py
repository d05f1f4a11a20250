"""
Stores of a consumer group that keep the items elsewhere, in one step with the group's cursor: one a file.

The package of each is an extra, and is imported when a store is opened.
"""
