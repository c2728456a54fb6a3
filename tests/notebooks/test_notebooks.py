"""Every notebook runs from top to bottom, and is kept without outputs and without a place of one machine."""

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
SECONDS_A_CELL = 600
"""The first cell that makes a world may have to wait for the compiler."""
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|opt|tmp|Users)/|[A-Z]:\\\\")

of_each = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


class ThisInterpreter(AsyncKernelManager):
    """Starts kernels with the interpreter that runs the tests, whatever kernels the machine knows of."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS][:3] == ["01_world", "02_your_own_graph", "03_train"]


@of_each
@pytest.mark.slow
def test_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    # As a reader has it: pictures inside the notebook (tests draw none), no settings of the machine's IPython.
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    env["IPYTHONDIR"] = str(tmp_path / "ipython")
    folder = tmp_path / "started_in"
    folder.mkdir()
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content, km=ThisInterpreter(), timeout=SECONDS_A_CELL, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=env)
    for cell in content.cells:
        complaints = [output.text for output in cell.get("outputs", []) if output.get("name") == "stderr"]
        assert not complaints, f"{cell.id}: {complaints}"


@of_each
def test_notebook_is_clean(notebook: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    assert set(content.metadata) == {"kernelspec", "language_info"}
    assert content.metadata.kernelspec.name == "python3"
    subject = notebook.stem.partition("_")[2].replace("_", "-")
    assert [cell.id for cell in content.cells] == [f"{subject}-{n:02}" for n in range(1, len(content.cells) + 1)]
    for cell in content.cells:
        assert not cell.metadata, cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.id
            assert cell.execution_count is None, cell.id


@of_each
def test_notebook_names_no_place_of_one_machine(notebook: Path) -> None:
    assert MACHINE_PATH.search(notebook.read_text(encoding="utf-8")) is None
