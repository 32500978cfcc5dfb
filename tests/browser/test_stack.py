"""``%ipr stack`` in JupyterLab, while a cell hangs; light and dark."""

from __future__ import annotations

import os

import pytest

from tests.browser.conftest import ARTIFACTS, Open

pytestmark = pytest.mark.browser

DARK = "body[data-jp-theme-light=false]"

HANGS = """\
import threading
lock = threading.Lock()
lock.acquire()
def work():
    lock.acquire()
worker = threading.Thread(target=work, name="the worker")
worker.start()
worker.join()"""


def test_stack_stands_under_its_own_cell_while_another_hangs(
    open_notebook: Open,
) -> None:
    notebook = open_notebook([HANGS, "%ipr stack", "%restart now"])
    notebook.start(0)
    notebook.until(lambda: notebook.cell(0).running, "the star of cell 0")
    notebook.start(1)
    cell = notebook.wait_for_text(1, "worker.join()")
    assert "thread the worker" in cell.text
    assert notebook.cell(0).running
    os.makedirs(ARTIFACTS, exist_ok=True)
    notebook.picture(os.path.join(ARTIFACTS, "stack-light.png"))
    notebook.lab.menu("Settings", "Theme", "JupyterLab Dark")
    try:
        notebook.page.wait_for_selector(DARK, state="attached")
        notebook.picture(os.path.join(ARTIFACTS, "stack-dark.png"))
    finally:
        notebook.lab.menu("Settings", "Theme", "JupyterLab Light")
    notebook.start(2)
    notebook.wait_for_text(2, "restarted in place")
    notebook.wait_until_done(0, 1, 2)
