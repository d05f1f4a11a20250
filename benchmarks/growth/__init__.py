"""A simulation of 10,000 and 100,000 accounts: `python -m benchmarks.growth`, and docs/explanation/growth.md."""
