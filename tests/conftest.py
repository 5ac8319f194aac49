"""Set before any test imports TensorFlow: the kernels that the worker processes use (see `executors.py`)."""

import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
