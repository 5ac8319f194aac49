"""The best rules of a search, trained for longer: `nos-promote`."""
