"""A search as a page to read: `nos-report`."""
