"""What a person sees of a wrapped kernel in JupyterLab.

A picture of each test's last moment is kept in ``artifacts/browser``.  A dialog that
a test did not call for fails it, in the fixture: "The kernel appears to have died"
above all.
"""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Open, picture
from tests.browser.lab import BROKEN_SPEC, MISSING_COMMAND, Notebook
from tests.e2e import harness

pytestmark = pytest.mark.browser

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

#: Shows what the kernel's side of it saw in two ways: by another widget, and by what
#: the callback prints.
SLIDER = """\
import ipywidgets
slider = ipywidgets.IntSlider(value=3, min=0, max=10)
label = ipywidgets.Label("nothing yet")
printed = ipywidgets.Output()
def moved(change):
    label.value = f"kernel saw {change['new']}"
    with printed:
        print("printed", change["new"])
slider.observe(moved, "value")
ipywidgets.VBox([slider, label, printed])"""


def slide(notebook: Notebook, number: int) -> None:
    """Move the slider in the output of a cell one to the right, by keyboard."""
    handle = notebook.locate(number).locator(".noUi-handle")
    handle.wait_for()
    handle.focus()
    notebook.page.keyboard.press("ArrowRight")


def wait_for_requests(client: harness.Client, what: str) -> None:
    """Wait until the requests of the page have arrived, as ``%ipr status`` tells."""

    def arrived() -> bool:
        shown = client.wait_for(client.run("%ipr status"), "display_data")
        text = shown.content["data"]["text/plain"]
        return re.search(rf"requests +{what}", text) is not None

    harness.until(arrived, f"{what} requests")


# --------------------------------------------------------------------------------
# Cells and restarts


def test_a_wrapped_kernel_starts_and_shows_idle(open_notebook: Open) -> None:
    # Opened is what is connected, and idle in the toolbar.
    notebook = open_notebook(["print('answer', 6 * 7)", "1 / 0"])
    assert notebook.run(0).text == "answer 42"
    assert "ZeroDivisionError" in notebook.run(1).text
    assert notebook.prompts() == ["1", "2"]
    notebook.wait_until_still()


def test_run_all_with_a_restart_in_the_middle(open_notebook: Open) -> None:
    notebook = open_notebook(
        [
            "import os; x = 1; print(os.getpid())",
            "print('before', x)",
            "%restart",
            "import os; print(os.getpid())",
            "print('after', 'x' in globals())",
        ]
    )
    notebook.run_all()
    cells = notebook.wait_until_done()
    assert cells[1].text == "before 1"
    assert re.fullmatch(r"restarted in place, \d+\.\d\d s", cells[2].text)
    assert cells[0].text != cells[3].text
    assert cells[4].text == "after False"
    prompts = notebook.prompts()
    assert prompts[:2] + prompts[3:] == ["1", "2", "1", "2"]
    notebook.wait_until_still()
    assert notebook.lab.dialogs() == []


def test_run_all_with_an_installation_and_a_restart_after_it(
    open_notebook: Open,
) -> None:
    """What the lines before it have shown stays, with one line below it."""
    notebook = open_notebook(
        [
            "import os; x = 1; print(os.getpid())",
            "!echo installed\n%restart",
            "import os; print(os.getpid())",
            "print('after', 'x' in globals())",
            "y = 2\n1 / 0\n%restart",
        ]
    )
    notebook.run_all()
    cells = notebook.wait_until_done()
    assert cells[1].outputs[0] == "installed"
    assert re.fullmatch(r"restarted in place, \d+\.\d\d s", cells[1].outputs[-1])
    assert len(cells[1].outputs) == 2
    assert cells[0].text != cells[2].text
    assert cells[3].text == "after False"
    assert "ZeroDivisionError" in cells[4].text
    assert notebook.prompts() == ["1", "2", "1", "2", "3"]
    notebook.wait_until_still()
    assert notebook.lab.dialogs() == []


def test_a_restart_says_so_in_one_line(open_notebook: Open) -> None:
    notebook = open_notebook(["%restart"])
    cell = notebook.run(0)
    assert len(cell.outputs) == 1
    assert re.fullmatch(r"restarted in place, \d+\.\d\d s", cell.outputs[0])
    notebook.wait_until_still()


def test_the_rest_of_a_cell_runs_in_the_new_kernel(open_notebook: Open) -> None:
    notebook = open_notebook(["x = 1", "%restart\nprint('x' in globals())"])
    notebook.run(0)
    assert notebook.run(1).outputs[-1] == "False"
    notebook.wait_until_still()


def test_a_cell_that_dies_shows_why(open_notebook: Open) -> None:
    notebook = open_notebook(
        [
            "import os; print(os.getpid())",
            "import time; time.sleep(600)",
            "print('never')",
            "print('x' in globals())",
        ]
    )
    notebook.run_all()
    pid = int(notebook.wait_until_done(0)[0].text)
    # What comes after the death would run in the new kernel.
    with notebook.other_client() as other:
        wait_for_requests(other, "3 running, 0 held")
    harness.kill(pid)
    notebook.wait_for_text(1, "DeadKernelError")
    cells = notebook.wait_until_still()
    assert "SIGKILL" in cells[1].text
    assert [cell.text for cell in cells[2:]] == ["", ""]
    assert notebook.run(3).text == "False"
    assert notebook.prompts() == ["1", "2", "", "1"]


def test_a_kernel_that_cannot_start_shows_why(open_notebook: Open) -> None:
    notebook = open_notebook(["print(1)", "%restart"], BROKEN_SPEC)
    notebook.start(0)
    notebook.wait_for_text(0, MISSING_COMMAND)
    notebook.start(1)
    notebook.wait_for_text(1, MISSING_COMMAND)
    notebook.wait_until_still()


def test_ipr_answers_as_the_first_cell(open_notebook: Open) -> None:
    notebook = open_notebook(["%ipr nonsense", "%ipr status", "print('on')"])
    notebook.start(0)
    notebook.wait_for_text(0, "UsageError")
    notebook.start(1)
    notebook.wait_for_text(1, "kernel number")
    notebook.wait_until_still()
    assert notebook.run(2).text == "on"


# --------------------------------------------------------------------------------
# The keyboard


def test_input_is_answered(open_notebook: Open) -> None:
    notebook = open_notebook(["name = input('who? ')", "print('hello', name)"])
    notebook.start(0)
    notebook.answer(0, "Ada")
    notebook.wait_until_done(0)
    assert notebook.run(1).text == "hello Ada"


@pytest.mark.parametrize("how", ["restart", "death"])
def test_the_kernel_goes_while_an_input_box_is_open(
    open_notebook: Open, how: str
) -> None:
    notebook = open_notebook(
        [
            "import os; print(os.getpid())",
            "name = input('who? ')",
            "print('next')",
            "print('again', input('who? '))",
        ]
    )
    pid = int(notebook.run(0).text)
    notebook.start(1)
    notebook.until(lambda: notebook.cell(1).asking, "an input box")
    if how == "restart":
        with notebook.other_client() as other:
            other.run("%restart now")
        # As the restart interrupts it first, its own last word may be there in time.
        notebook.until(
            lambda: re.search(
                "KeyboardInterrupt|KernelRestarted", notebook.cell(1).text
            ),
            "the cell that asked to show its end",
        )
    else:
        harness.kill(pid)
        notebook.wait_for_text(1, "DeadKernelError")
    notebook.wait_until_still()
    # Not after the box was answered, for that frees JupyterLab as well.
    assert notebook.run(2).text == "next"
    # The dead box stays on the screen, as it does with a plain kernel; what is typed
    # into it is for nobody.
    notebook.answer(1, "too late")
    # And the next question is asked and answered as the first one was.
    notebook.start(3)
    notebook.answer(3, "Ada")
    notebook.wait_for_text(3, "again Ada")
    notebook.wait_until_still()


def test_tab_completes_restart(open_notebook: Open) -> None:
    notebook = open_notebook([""])
    notebook.locate(0).locator(".cm-content").click()
    notebook.page.keyboard.type("%re")
    notebook.page.keyboard.press("Tab")
    names = notebook.page.locator(".jp-Completer .jp-Completer-match")
    names.first.wait_for()
    found = names.all_inner_texts()
    assert "%restart" in found
    # Those of the kernel are there as ever.
    assert "%reset" in found


# --------------------------------------------------------------------------------
# Buttons


def test_the_interrupt_button(open_notebook: Open) -> None:
    notebook = open_notebook(
        ["import time\nprint('on', flush=True)\ntime.sleep(600)", "print('still here')"]
    )
    notebook.start(0)
    notebook.wait_for_text(0, "on")
    notebook.press("notebook:interrupt-kernel")
    notebook.wait_for_text(0, "KeyboardInterrupt")
    notebook.wait_until_done(0)
    assert notebook.run(1).text == "still here"


def test_the_interrupt_button_while_a_restart_waits(open_notebook: Open) -> None:
    notebook = open_notebook(
        [
            "import time\nx = 1; print('on', flush=True)\ntime.sleep(600)",
            "%restart",
            "print('x' in globals())",
        ]
    )
    notebook.run_all()
    notebook.wait_for_text(0, "on")
    notebook.wait_for_text(1, "waiting")
    picture(notebook.lab, "a-restart-waits")
    with notebook.other_client() as other:
        wait_for_requests(other, "1 running, 1 held")
    notebook.press("notebook:interrupt-kernel")
    notebook.wait_for_text(0, "KeyboardInterrupt")
    notebook.wait_for_text(1, "restarted in place")
    cells = notebook.wait_until_still()
    # An interrupt ends what runs and what waits behind it, here as ever.
    assert cells[2].text == ""
    assert notebook.run(2).text == "False"


def test_the_restart_button(open_notebook: Open) -> None:
    notebook = open_notebook(
        ["import os; x = 1; print(os.getpid())", "print(os.getpid())", "print(x)"]
    )
    pid = int(notebook.run(0).text)
    kernel = notebook.kernel_id
    notebook.lab.menu("Kernel", "Restart Kernel…")
    notebook.accept()
    # JupyterLab asks, and that dialog is seen; elsewhere none is.
    assert "Do you want to restart" in "".join(notebook.lab.dialogs())
    harness.until(lambda: not harness.is_alive(pid), f"the end of process {pid}")
    notebook.wait_until_idle()
    assert "NameError" in notebook.run(2).text
    assert notebook.kernel_id == kernel
    notebook.wait_until_still()


# --------------------------------------------------------------------------------
# Widgets


def test_widgets_before_and_after_a_restart(open_notebook: Open) -> None:
    notebook = open_notebook(
        [SLIDER, "print(slider.value)", "%restart", SLIDER, "print(slider.value)"]
    )
    notebook.run(0)
    slide(notebook, 0)
    notebook.wait_for_text(0, "printed 4")
    old = notebook.wait_for_text(0, "kernel saw 4")
    assert notebook.run(1).text == "4"
    notebook.run(2)
    notebook.run(3)
    slide(notebook, 3)
    notebook.wait_for_text(3, "kernel saw 4")
    notebook.wait_for_text(3, "printed 4")
    assert notebook.run(4).text == "4"
    # What was on the screen stays, as after a restart by the menu.
    assert notebook.cell(0).text == old.text
    notebook.wait_until_still()


def test_a_widget_answers_while_a_cell_runs_after_a_restart(
    open_notebook: Open,
) -> None:
    """As before one: JupyterLab has a subshell for widgets, and goes on naming it."""
    notebook = open_notebook(
        [SLIDER, "%restart", SLIDER, "import time; time.sleep(60)"]
    )
    notebook.run(0)
    slide(notebook, 0)
    notebook.wait_for_text(0, "kernel saw 4")
    notebook.run(1)
    notebook.run(2)
    # ipykernel answers a comm on the shell from which the comm spoke last, so the
    # first message goes to the main shell, where the widget was made.
    slide(notebook, 2)
    notebook.wait_for_text(2, "kernel saw 4")
    notebook.start(3)
    notebook.until(lambda: notebook.cell(3).running, "the cell to run")
    slide(notebook, 2)

    def answered_meanwhile() -> bool:
        cells = notebook.cells()
        return "kernel saw 5" in cells[2].text and cells[3].running

    notebook.until(answered_meanwhile, "the widget to answer while the cell runs", 10.0)
