"""Other people's clients, unmodified, against the sandbox; see README.md here."""
