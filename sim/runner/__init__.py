"""
The runner: one world from a seed, judged (`run`), many of them (`campaigns`), and a failing one made shorter (`shrink`).

`python -m sim` is its front; tests call `run.run_case` and `run.run_seed`.
"""
