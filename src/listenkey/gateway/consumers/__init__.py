"""
Consumers of a cluster's log: the members of a group share the partitions, and each item reaches one of them, in order.

`group_reader.py` is the door. A partition is read by one member at a time (`partition_reader.py`), from the cursor that was
stored with the effect (`cursor_store.py`); the numbers of each account are checked (`item_sequence.py`).
"""
