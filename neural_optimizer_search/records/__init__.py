"""The records of a search: its ledger, its directory, and the cache that searches share."""
