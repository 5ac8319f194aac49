"""What several studies share."""

import pathlib

# Studies whose tables stand in documents keep their curves and pictures here.
RESULTS = pathlib.Path(__file__).parents[2] / "results"
