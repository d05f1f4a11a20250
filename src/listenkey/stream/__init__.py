"""
One account's stream: the lifecycle's actions, carried out. It joins the rooms below, and decides nothing that `core/` can.

From outside: `user_stream` is public by way of `listenkey`.
"""
