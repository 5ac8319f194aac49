"""The documentation site: pages made from the code, and documents that lie elsewhere in the repository."""
