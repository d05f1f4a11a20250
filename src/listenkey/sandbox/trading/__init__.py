"""The exchange's trading world: contracts, books, accounts, matching, and what it tells of them. Pure."""
