"""The commands of `listenkey`, one a file. `main.COMMANDS` names each, and imports it when it is called."""
