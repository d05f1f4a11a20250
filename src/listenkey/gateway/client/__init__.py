"""A gateway's account as a stream of items: `listenkey.connect`, which is `gateway_stream.GatewayStream`."""
