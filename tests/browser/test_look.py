"""What ipr says looks like its surroundings: JupyterLab and Notebook 7, light and dark.

Measured against what ``print`` shows in the same notebook. The pictures in
``artifacts/browser`` are to be looked at.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.browser.conftest import ARTIFACTS, Open
from tests.browser.lab import Lab
from tests.browser.test_notebook import DIE

pytestmark = pytest.mark.browser


@pytest.fixture(params=["lab", "seven"])
def front_end(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


#: How bright the page is.
PAGE = {"Light": 255, "Dark": 17}

#: Of the text nodes in a cell's outputs: where each begins and how it is drawn.
DRAWN = """cell => {
  const found = [];
  for (const area of cell.querySelectorAll('.jp-OutputArea-output')) {
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.textContent.trim()) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getClientRects()[0];
      const style = getComputedStyle(node.parentElement);
      if (!box) continue;
      found.push({text: node.textContent.trim(), left: box.left, height: box.height,
        size: style.fontSize, family: style.fontFamily, color: style.color,
        background: style.backgroundColor, border: style.borderTopWidth});
    }
  }
  return found;
}"""


def drawn(notebook: Any, number: int) -> list[dict[str, Any]]:
    """:return: each text in a cell's outputs, and how it is drawn."""
    found: list[dict[str, Any]] = notebook.locate(number).evaluate(DRAWN)
    return found


def contrast(color: str, theme: str) -> float:
    """:return: of ``rgb(…)`` or ``rgba(…)`` on the page, from 0 to 255."""
    *mixed, alpha = [*map(float, color.partition("(")[2].rstrip(")").split(",")), 1][:4]
    page = PAGE[theme]
    return abs(sum(mixed) / 3 - page) * alpha


def test_what_a_restart_says_is_as_large_as_print_and_quieter(
    front_end: Lab, theme: str, open_notebook: Open
) -> None:
    """Its pictures of JupyterLab are those in ``docs/images``."""
    notebook = open_notebook(
        [
            "data = list(range(5_000_000))\nprint(f'{len(data):,} rows in memory')",
            "%restart",
            "print('data' in globals())",
            DIE,
            "print('ready again')",
        ]
    )
    for number in (0, 1, 2):
        notebook.run(number)
    notebook.start(3)
    notebook.wait_for_text(3, "DeadKernelError")
    notebook.wait_until_still()
    notebook.run(4)
    (printed,) = drawn(notebook, 0)
    (said,) = drawn(notebook, 1)
    assert said["text"].startswith("restarted in place")
    for each in ("left", "size", "family"):
        assert said[each] == printed[each]
    assert said["background"] == "rgba(0, 0, 0, 0)"
    assert said["border"] == "0px"
    quiet = contrast(said["color"], theme) / contrast(printed["color"], theme)
    assert 0.4 < quiet < 0.8
    died = drawn(notebook, 3)
    assert died[0]["left"] == printed["left"]
    assert died[0]["size"] == printed["size"]
    os.makedirs(ARTIFACTS, exist_ok=True)
    name = f"look-{type(front_end).__name__.lower()}-{theme.lower()}.png"
    notebook.picture(os.path.join(ARTIFACTS, name))
    assert front_end.dialogs() == []


def test_what_ipr_shows_is_legible(
    front_end: Lab, theme: str, open_notebook: Open
) -> None:
    """Every text begins where printed text does, or is indented; none is larger."""
    notebook = open_notebook(
        [
            "print('printed')",
            "%ipr status",
            "%ipr history",
            "%ipr limit 10m",
            "%ipr debug DEBUG",
            "1 + 1",
            "%ipr debug off",
            "%ipr nonsense",
            "%ipr?",
        ]
    )
    for number in range(8):
        notebook.start(number)
        notebook.wait_until_still()
    notebook.start(8)
    notebook.wait_for_text(8, "%ipr exec")
    (printed,) = drawn(notebook, 0)
    os.makedirs(ARTIFACTS, exist_ok=True)
    name = f"{type(front_end).__name__.lower()}-{theme.lower()}"
    notebook.page.set_viewport_size({"width": 1000, "height": 3000})
    notebook.picture(os.path.join(ARTIFACTS, f"shown-{name}.png"))
    notebook.page.set_viewport_size({"width": 1000, "height": 900})
    for number in range(1, 9):
        texts = drawn(notebook, number)
        for text in texts:
            # A table's cells have half an em of padding, a stream's text one column.
            assert text["left"] >= printed["left"] - 2, text
            assert float(text["size"].rstrip("px")) <= 13.01, text
