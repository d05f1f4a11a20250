"""
Faults: what may go wrong, when it does, and how it is done.

`model` says what a fault is and `registry` which kinds there are; `schedule` draws the faults of a run from its seed and
`injector` carries them out. What each kind does lies in a file of its domain (`network`, `rest`, `disk` and so on), with
its `BEGIN` and `END`. `traits` says what kinds have in common, for checkers; `matrix` which rows of the reference of faults
they stand for.
"""
