"""The settings of a command: its options, keys from the environment, files and keyrings, addresses, and its log."""
