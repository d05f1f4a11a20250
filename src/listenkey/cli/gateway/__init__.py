"""The work of `listenkey gateway`: the report on a configuration, the run until a signal, the table of accounts."""
