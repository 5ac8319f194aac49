"""Code shared by several studies."""

import pathlib

# The curves and pictures of studies whose tables appear in the documents.
RESULTS = pathlib.Path(__file__).parents[2] / "results"
