"""
The world of one run: processes, faults and traffic in one environment, and the evidence of what became of them.

`world.World` runs it; its header says what must hold. Checkers and runners need `World`, `evidence.Evidence` and no more.
"""
