"""The admin API below `/sandbox/v1`: the ledger, the metrics, faults, switches and the clock. Not the venue's."""
