"""Several gateways that share accounts whose journals are in NATS: each account is held by one of them at a time."""
