"""The journals of many accounts in one SQLite file: one thread, one lock, and one fsync for what waits of all of them."""
