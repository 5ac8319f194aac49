"""The documentation site: pages generated from the code, and documents from elsewhere in the repository."""
