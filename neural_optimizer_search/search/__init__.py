"""The search: its loop, its algorithms, and the command `nos-search`."""
