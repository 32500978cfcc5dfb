"""``%ipr output`` in JupyterLab, after a reload while a cell ran; light and dark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import ARTIFACTS, Open
from tests.browser.lab import Lab, Notebook

pytestmark = pytest.mark.browser

DARK = "body[data-jp-theme-light=false]"

#: A picture and a table first; it counts while the page is away, and then waits.
COUNTS = """\
import os, time
from IPython.display import HTML, SVG, display
print("begun")
display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="160" height="40">'
            '<rect width="160" height="40" rx="8" fill="#e46e2e"/></svg>'))
display(HTML("<table><tr><th>epoch</th><th>loss</th></tr>"
             "<tr><td>1</td><td>0.214</td></tr></table>"))
bar = display("bar 0 %", display_id=True)
for n in range(11):
    print("count", n)
    time.sleep(0.5)
while not os.path.exists("told"): time.sleep(0.05)
bar.update("bar 100 %")
1 / 0"""


def test_all_is_shown_that_a_reloaded_page_has_missed(
    open_notebook: Open, lab: Lab
) -> None:
    notebook = open_notebook([COUNTS, "%ipr output", "print('after')", "%ipr output 2"])
    notebook.start(0)
    notebook.wait_for_text(0, "count 3")
    lab.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    name = str(lab.page.evaluate("() => jupyterapp.shell.currentWidget.context.path"))
    lab.load()
    lab.show(name)
    notebook = Notebook(lab)
    notebook.until(lambda: len(notebook.cells()) == 4, "the notebook's cells")
    notebook.until(lambda: is_connected(notebook), "the kernel's connection")
    notebook.start(1)
    cell = notebook.wait_for_text(1, "bar 0 %")
    assert "running, " in cell.text
    assert "count 9" in cell.text or "count 10" in cell.text
    Path(lab.server.place.work, "told").touch()
    # The copy goes on changing as the display does.
    notebook.wait_for_text(1, "bar 100 %")
    notebook.start(2)
    notebook.wait_for_text(2, "after")
    notebook.start(3)
    cell = notebook.wait_for_text(3, "after")
    assert "ZeroDivisionError" in cell.text
    for count in range(11):
        assert f"count {count}" in cell.text
    assert "error, " in cell.text
    shown = notebook.locate(3)
    assert shown.locator(".jp-OutputArea-output img").count() == 1
    assert shown.locator(".jp-OutputArea-output table").count() == 1
    assert "count 10" not in notebook.cell(0).text
    pictures(notebook)


def is_connected(notebook: Notebook) -> bool:
    """Whether the page has found the kernel again, which is busy."""
    session = notebook.session()
    return bool(session["ready"] and session["connection"] == "connected")


def pictures(notebook: Notebook) -> None:
    """Keep a picture in each theme, to be looked at."""
    os.makedirs(ARTIFACTS, exist_ok=True)
    notebook.picture(os.path.join(ARTIFACTS, "output-light.png"))
    notebook.lab.menu("Settings", "Theme", "JupyterLab Dark")
    try:
        notebook.page.wait_for_selector(DARK, state="attached")
        notebook.picture(os.path.join(ARTIFACTS, "output-dark.png"))
    finally:
        notebook.lab.menu("Settings", "Theme", "JupyterLab Light")
