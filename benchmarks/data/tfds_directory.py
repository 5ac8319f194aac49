"""The meaning of the flag --data_dir for TensorFlow Datasets."""

import pathlib


def tfds_directory(data_dir: pathlib.Path) -> pathlib.Path:
    """DATA_DIR/tfds if it exists, else DATA_DIR itself."""
    return data_dir / "tfds" if (data_dir / "tfds").is_dir() else data_dir
