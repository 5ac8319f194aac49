"""Runs the notebooks and saves their outputs in them: `make notebooks`."""

import pathlib
import sys

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).parents[1]
SECONDS = 600  # timeout of a cell


def run(path: pathlib.Path) -> None:
    """Runs a notebook from top to bottom; raises the first error in a cell and then leaves the file unchanged."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # timestamps
        if cell.cell_type == "code":  # drops stderr, which has libraries' notices
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(notebook, path)


def main() -> int:
    """Runs the notebooks named on the command line, or all."""
    paths = [pathlib.Path(name) for name in sys.argv[1:]] or sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    for path in paths:
        print(path.name, flush=True)
        run(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
