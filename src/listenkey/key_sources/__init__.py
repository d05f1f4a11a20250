"""The places of keys: files, the environment, the system's keyring. Settings name the place, and never the key."""
