"""Knows how Jupyter Notebook 7 differs from JupyterLab for who uses it: a notebook has
a page of its own, and there is nothing but that.  The rest is JupyterLab's own code.
"""

from __future__ import annotations

from tests.browser.lab import TOKEN, VIEWPORT, Lab

READY = "() => window.jupyterapp?.shell.currentWidget?.sessionContext"
CLOSE = """async () => {
  const panel = jupyterapp.shell.currentWidget;
  if (panel?.sessionContext?.session) await panel.sessionContext.shutdown();
  if (panel?.context) panel.context.model.dirty = false;
}"""


class Seven(Lab):
    """Notebook 7 in a browser."""

    @classmethod
    def beside(cls, lab: Lab) -> Seven:
        """Open it in the browser of a JupyterLab, with the same server."""
        made = cls.__new__(cls)
        made._attach(lab.server, lab.page.context.browser.new_page(viewport=VIEWPORT))
        made.load()
        return made

    def load(self) -> None:
        """Show the list of files."""
        self.page.goto(f"{self.server.url}tree?token={TOKEN}")
        self.page.wait_for_function("() => window.jupyterapp", timeout=90_000)

    def show(self, name: str) -> None:
        """Go to the page of a notebook."""
        self.page.goto(f"{self.server.url}notebooks/{name}?token={TOKEN}")
        self.page.wait_for_function(READY, timeout=90_000)

    def close_notebooks(self) -> None:
        """Shut the kernel down and go back to the list."""
        self.page.evaluate(CLOSE)
        self.load()
