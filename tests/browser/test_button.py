"""The Restart button as a person presses it in JupyterLab and in Jupyter Notebook 7:
everywhere it stands, and whatever the kernel is doing.  No dialog but those that a
plain kernel shows.
"""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import PLAIN_SPEC, SPEC, VIEWPORT, Lab, Notebook
from tests.browser.test_notebook import DIE, SLIDER

pytestmark = pytest.mark.browser

RESTART, RUN_ALL = "notebook:restart-kernel", "notebook:restart-run-all"
#: Of the new kernel: its process, and whether it knows what the old one knew.
LOOK = "import os; print(os.getpid(), 'x' in globals())"


@pytest.fixture(params=["lab", "seven"])
def front_end(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


def by_menu(notebook: Notebook) -> None:
    notebook.lab.menu("Kernel", "Restart Kernel…")


def by_toolbar(notebook: Notebook) -> None:
    notebook.press(RESTART)


def by_keys(notebook: Notebook) -> None:
    notebook.locate(0).locator(".jp-InputPrompt").click()
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("0")
    notebook.page.keyboard.press("0")


WAYS = {"menu": by_menu, "toolbar": by_toolbar, "keys": by_keys}


def restart(notebook: Notebook, way: str = "toolbar") -> None:
    """Press it, and the button of the dialog that asks."""
    WAYS[way](notebook)
    notebook.accept()


def outer(notebook: Notebook) -> int:
    return notebook.lab.server.outer_pid(notebook.kernel_id)


def assert_asked(lab: Lab, times: int = 1) -> None:
    """The only dialogs were those that ask whether to restart."""
    dialogs = lab.dialogs()
    assert len(dialogs) == times, dialogs
    assert all(text.startswith("Do you want to restart") for text in dialogs), dialogs


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("spec", [SPEC, PLAIN_SPEC])
def test_button_restarts(open_notebook: Open, way: str, spec: str) -> None:
    """The plain kernel shows that the dialog is JupyterLab's own."""
    notebook = open_notebook(["x = 1", LOOK, LOOK], spec)
    notebook.run(0)
    before = notebook.run(1).text
    assert before.endswith("True")
    pid = outer(notebook)
    restart(notebook, way)
    after = notebook.run(2).text
    assert notebook.prompts() == ["1", "2", "1"]
    assert after.endswith("False")
    assert after != before
    assert (outer(notebook) == pid) == (spec == SPEC)
    notebook.wait_until_still()
    assert_asked(notebook.lab)


def complaints(open_notebook: Open, spec: str) -> set[str]:
    """:return: the errors in the browser's console, without what is by chance."""
    notebook = open_notebook(["x = 1", LOOK], spec)
    console = notebook.lab.console
    notebook.run(0)
    console.clear()
    for way in WAYS:
        restart(notebook, way)
        notebook.wait_until_idle()
    assert notebook.run(1).text.endswith("False")
    notebook.wait_until_still()
    assert_asked(notebook.lab, len(WAYS))
    errors = [line for line in console if line.startswith("error")]
    notebook.lab.close_notebooks()
    return {re.sub(r"[0-9a-f]{4,}|\d+", "#", line) for line in errors}


def test_console_has_no_errors_but_a_plain_kernels(open_notebook: Open) -> None:
    plain = complaints(open_notebook, PLAIN_SPEC)
    assert complaints(open_notebook, SPEC) <= plain


def test_restart_and_run_all_runs_every_cell(open_notebook: Open) -> None:
    notebook = open_notebook(
        [LOOK + "; x = 1", "import time; time.sleep(0.5)", "print(x + 1)"]
    )
    notebook.run_all()
    notebook.wait_until_done()
    first, pid = notebook.cell(0).text, outer(notebook)
    notebook.press(RUN_ALL)
    notebook.accept()
    notebook.until(
        lambda: notebook.cell(0).text not in ("", first), "the first cell to run again"
    )
    cells = notebook.wait_until_done()
    assert cells[0].text.endswith("False")
    assert cells[2].text == "2"
    assert notebook.prompts() == ["1", "2", "3"]
    assert outer(notebook) == pid
    notebook.wait_until_still()
    assert_asked(notebook.lab)


def test_button_stops_a_cell_that_runs(open_notebook: Open) -> None:
    notebook = open_notebook(
        ["x = 1; print('on'); import time; time.sleep(600)", "print('queued')", LOOK]
    )
    notebook.run_all()
    notebook.wait_for_text(0, "on")
    pid = outer(notebook)
    restart(notebook)
    notebook.until(lambda: notebook.prompts()[0] == "", "the star to go")
    assert notebook.run(2).text.endswith("False")
    cells = notebook.wait_until_still()
    assert cells[1].text == ""
    assert outer(notebook) == pid
    assert_asked(notebook.lab)


def test_button_frees_a_cell_that_asks(open_notebook: Open) -> None:
    notebook = open_notebook(["x = input('name? ')", LOOK])
    notebook.start(0)
    notebook.until(lambda: notebook.cell(0).asking, "an input box")
    pid = outer(notebook)
    restart(notebook)
    notebook.until(lambda: notebook.prompts()[0] == "", "the star to go")
    assert notebook.run(1).text.endswith("False")
    assert outer(notebook) == pid
    assert not notebook.session()["pendingInput"]
    assert_asked(notebook.lab)


def slide(notebook: Notebook) -> None:
    """Click one step beside the slider's handle: Notebook 7 takes the arrow keys."""
    handle = notebook.locate(0).locator(".noUi-handle")
    handle.wait_for()
    value = float(handle.get_attribute("aria-valuenow"))
    box = notebook.locate(0).locator(".noUi-base").bounding_box()
    notebook.page.mouse.click(
        box["x"] + box["width"] * (value + 1) / 10, box["y"] + box["height"] / 2
    )


def test_widgets_work_again_after_their_cell(open_notebook: Open) -> None:
    notebook = open_notebook([SLIDER, LOOK])
    notebook.run(0)
    slide(notebook)
    notebook.wait_for_text(0, "kernel saw 4")
    slide(notebook)
    pid = outer(notebook)
    restart(notebook)
    assert notebook.run(1).text.endswith("False")
    notebook.start(0)
    notebook.until(lambda: notebook.prompts()[0] == "2", "its cell to run again")
    slide(notebook)
    notebook.wait_for_text(0, "kernel saw 4")
    assert outer(notebook) == pid
    assert_asked(notebook.lab)


def test_button_after_a_crash(open_notebook: Open) -> None:
    notebook = open_notebook(["x = 1", DIE, LOOK])
    notebook.run(0)
    notebook.start(1)
    notebook.wait_for_text(1, "DeadKernelError")
    pid = outer(notebook)
    restart(notebook)
    assert notebook.run(2).text.endswith("False")
    assert outer(notebook) == pid
    assert_asked(notebook.lab)


def test_button_twice_quickly(open_notebook: Open) -> None:
    notebook = open_notebook(["x = 1", LOOK])
    notebook.run(0)
    pid = outer(notebook)
    restart(notebook)
    restart(notebook, "menu")
    assert notebook.run(1).text.endswith("False")
    notebook.wait_until_still()
    assert outer(notebook) == pid
    assert_asked(notebook.lab, 2)


def test_debugger_is_there_again(open_notebook: Open) -> None:
    notebook = open_notebook(["x = 1", LOOK])
    notebook.run(0)
    bug = notebook.page.locator(".jp-NotebookPanel .jp-DebuggerBugButton").first
    bug.click()
    notebook.until(
        lambda: bug.get_attribute("aria-pressed") == "true", "the debugger to be on"
    )
    notebook.wait_until_idle()
    pid = outer(notebook)
    restart(notebook)
    assert notebook.run(1).text.endswith("False")
    notebook.wait_until_still()
    assert outer(notebook) == pid
    assert_asked(notebook.lab)
    bug.click()


def test_second_tab_goes_on(open_notebook: Open) -> None:
    """It has the same kernel, and is told nothing but what happens on iopub."""
    notebook = open_notebook(["x = 1", LOOK])
    notebook.run(0)
    name = re.sub(r"^.*/", "", notebook.page.evaluate(PATH))
    pid = outer(notebook)
    page = notebook.page.context.browser.new_page(viewport=VIEWPORT)
    try:
        other = notebook.lab.second(page, name)
        assert other.kernel_id == notebook.kernel_id
        restart(notebook)
        assert notebook.run(1).text.endswith("False")
        other.wait_until_idle()
        other.start(1)
        other.wait_for_text(1, "False")
        assert other.lab.dialogs() == []
    finally:
        page.close()
    assert outer(notebook) == pid
    assert_asked(notebook.lab)


PATH = "() => jupyterapp.shell.currentWidget.context.path"
