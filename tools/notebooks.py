"""Runs the notebooks, and keeps in them what they print and draw: `make notebooks`."""

import pathlib
import sys

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).parents[1]
SECONDS = 600  # for a cell


def run(path: pathlib.Path) -> None:
    """Runs a notebook from top to bottom; an error in a cell ends it, and leaves the file as it was."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":  # without the notices of libraries
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, path)


def main() -> int:
    """Runs those that are named, or all."""
    paths = [pathlib.Path(name) for name in sys.argv[1:]] or sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    for path in paths:
        print(path.name, flush=True)
        run(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
