"""
REST: the three calls of the listen key, the signed reads of an account, and the rate limiter that every request goes through.

From outside: `listen_key_api` is public by way of `listenkey`; the rooms above take `account_client` and `rate_limiter`.
"""
