"""What a person sees of code that each new kernel runs, in JupyterLab."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Lab

pytestmark = pytest.mark.browser

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
LINE = r"restarted in place, \d+\.\d\d s, ran 2 init cells"


@pytest.mark.usefixtures("theme")
def test_init_cells_run_in_the_cell_that_restarts(open_notebook: Open) -> None:
    """One line, and their output below it; the prompt is the cell's own."""
    notebook = open_notebook(
        [
            "%ipr init\nimport math\nprint('pi is', math.pi)",
            "%ipr init\nname = input('name? ')",
            "%restart\nprint(name)",
            DIE,
            "print('after the crash', math.pi)",
        ]
    )
    assert notebook.run(0).text == "pi is 3.141592653589793"
    notebook.start(1)
    notebook.answer(1, "Ann")
    notebook.wait_until_done(1)
    notebook.start(2)
    notebook.answer(2, "Bob")
    notebook.wait_until_done(2)
    notebook.wait_until_still()
    line, *printed = notebook.cell(2).outputs
    assert re.fullmatch(LINE, line)
    # JupyterLab hides an input box, and takes it away in a while.
    expected = "pi is 3.141592653589793\nname?  Bob\nBob"
    assert "\n".join(printed).startswith(expected)
    notebook.start(3)
    notebook.wait_for_text(3, "DeadKernelError")
    # Nobody is there whom it could ask: so it fails, and the next cell says so.
    cell = notebook.run(4)
    assert "init cell 2 failed" in cell.text
    assert "after the crash 3.14" in cell.text
    notebook.wait_until_still()


def test_a_failing_init_cell_is_loud_and_stops_run_all(open_notebook: Open) -> None:
    notebook = open_notebook(
        [
            "%ipr init\nimport os\nif os.path.exists('broken'): 1 / 0",
            "open('broken', 'w').close()",
            "%restart",
            "print('not reached')",
        ]
    )
    notebook.run(0)
    notebook.run_all()
    cell = notebook.wait_for_text(2, "init cell 1 failed")
    assert "ZeroDivisionError" in cell.text
    notebook.wait_until_still()
    assert notebook.cell(3).text == ""


def wheel(folder: str, version: int) -> str:
    """Make a package whose only word is its version; return its file name."""
    name = f"iprtiny-{version}-py3-none-any.whl"
    info = f"iprtiny-{version}.dist-info"
    texts = {
        "iprtiny.py": f"version = {version}\n",
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: iprtiny\nVersion: {version}\n"
        ),
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(Path(folder, name), "w") as file:
        for path, text in texts.items():
            file.writestr(path, text)
    return name


@pytest.mark.usefixtures("theme")
def test_run_all_goes_on_with_the_package_that_a_cell_has_installed(
    open_notebook: Open, front_end: Lab
) -> None:
    """Of a package that was imported before, the new kernel has the new version."""
    folder = front_end.server.folder
    install = "%pip install --no-index --no-deps --upgrade --target . ./"
    notebook = open_notebook(
        [
            f"{install}{wheel(folder, 1)}",
            "import iprtiny\nprint('version', iprtiny.version)",
            f"{install}{wheel(folder, 2)}\n%restart",
            "import iprtiny\nprint('version', iprtiny.version)",
        ]
    )
    notebook.run_all()
    notebook.wait_until_done(within=60.0)
    notebook.wait_until_still()
    cells = notebook.cells()
    assert cells[1].text == "version 1"
    assert "Successfully installed iprtiny-2" in cells[2].text
    assert re.search(r"^restarted in place, \d+\.\d\d s$", cells[2].text, re.MULTILINE)
    assert cells[3].text == "version 2"
    assert [cell.prompt for cell in cells[2:]] == ["[3]:", "[1]:"]
