"""The HTML report of a search: `nos-report`."""
