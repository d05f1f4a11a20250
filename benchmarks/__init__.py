"""Measurements. `make peers` and `make bench` run them; none of them is part of the tests."""
