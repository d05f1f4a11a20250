"""The exchange itself: contracts, books, accounts, matching, settlement, and the events that follow. Pure: time is an argument."""
