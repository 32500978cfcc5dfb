"""Knows how to run JupyterLab and to use it through a headless Chromium as a person
does: open a notebook, press keys and buttons, read what stands on the screen; must not
know what ``ipr`` puts there: that is what the tests say.  Every wait has a bound and
says what it waited for.

Playwright is imported where a browser is started and nowhere else, so that this module
can be imported without it; its objects are ``Any`` here for the same reason.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e import harness, serving
from tests.e2e.harness import Json, Place

#: Names under which Linux distributions install a Chromium.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: The bound of a wait for something that the screen is to show, in seconds.
PATIENCE = 30.0
#: How the tests' kernelspec is called, and what the user sees of it: install changes no
#: display name.
SPEC, DISPLAY_NAME = "wrapped", "Python 3 (ipykernel)"
#: The same kernel without ipr: what it shows, the wrapped one may show.
PLAIN_SPEC = "plain"
#: One whose inner kernel cannot start, for want of this command.
BROKEN_SPEC, MISSING_COMMAND = "broken", "/nowhere/python"

TOKEN = "secret-of-the-test"
#: Wide enough for the toolbar, high enough for every cell of a test to be in view.
VIEWPORT = {"width": 1000, "height": 900}


# --------------------------------------------------------------------------------
# The server


class Server:
    """A JupyterLab server in a scratch folder, with kernelspecs wrapped and plain.

    :param place: the scratch folder.
    :ivar folder: where its notebooks lie.
    :ivar url: where it answers, once it does.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.work
        place.wrapped_spec(name=SPEC, display_name=DISPLAY_NAME)
        place.plain_spec(name=PLAIN_SPEC, display_name=DISPLAY_NAME)
        serving.say_of_extension(place, enabled=True)
        place.wrapped_spec([MISSING_COMMAND, "{connection_file}"], name=BROKEN_SPEC)
        self._write_settings()
        self._log = os.path.join(place.root, "lab.log")
        with open(self._log, "wb") as sink:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyterlab",
                    "--allow-root",
                    "--no-browser",
                    "--ip=127.0.0.1",
                    # Where it really listens stands in a file of the runtime folder:
                    # should somebody take the port first, it tries the next ones.
                    f"--port={_free_port()}",
                    f"--IdentityProvider.token={TOKEN}",
                    f"--ServerApp.root_dir={self.folder}",
                    # Nothing on the screen tells when a kernel is attached: the
                    # indicator says idle before it is, and what is run then is lost.
                    "--LabApp.expose_app_in_browser=True",
                    "--JupyterNotebookApp.expose_app_in_browser=True",
                ],
                env=place.environment(
                    JUPYTERLAB_SETTINGS_DIR=self._settings,
                    JUPYTERLAB_WORKSPACES_DIR=os.path.join(place.root, "workspaces"),
                ),
                cwd=self.folder,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = ""

    def wait_until_up(self) -> None:
        """Wait until it answers."""
        try:
            self.url = harness.until(self._answers, "JupyterLab to answer", 90.0)
        except harness.Waited as error:
            raise harness.Waited(f"{error}; it said:\n{self.log()}") from None

    @property
    def _settings(self) -> str:
        return os.path.join(self.place.root, "settings")

    def _write_settings(self) -> None:
        """Say no to news from the Internet before JupyterLab asks on the screen."""
        folder = os.path.join(self._settings, "@jupyterlab", "apputils-extension")
        os.makedirs(folder)
        path = os.path.join(folder, "notification.jupyterlab-settings")
        with open(path, "w") as file:
            json.dump({"fetchNews": "false", "checkForUpdates": False}, file)

    def _answers(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError(f"JupyterLab ended at once:\n{self.log()}")
        for path in glob.glob(os.path.join(self.place.runtime, "jpserver-*.json")):
            with contextlib.suppress(OSError, ValueError):
                with open(path) as file:
                    url = str(json.load(file)["url"])
                self.ask("GET", "api/status", url=url)
                return url
        return None

    def ask(self, method: str, path: str, *, url: str | None = None) -> Any:
        """Use its REST API.

        :return: the answer, decoded.
        """
        request = urllib.request.Request(
            (url or self.url) + path,
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def outer_pid(self, kernel_id: str) -> int:
        """:return: the process that the server has started for a kernel."""
        for pid in self.place.children(self.process.pid):
            with open(f"/proc/{pid}/cmdline") as file:
                if kernel_id in file.read():
                    return pid
        raise AssertionError(f"no process for kernel {kernel_id}")

    def connection_file(self, kernel_id: str) -> str:
        """:return: the path of a kernel's connection file."""
        return os.path.join(self.place.runtime, f"kernel-{kernel_id}.json")

    def write_notebook(self, name: str, cells: Sequence[str], spec: str) -> None:
        """Write a notebook; the parameters are those of :meth:`Lab.open`."""
        content = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {
                    "name": spec,
                    "display_name": DISPLAY_NAME,
                    "language": "python",
                }
            },
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "execution_count": None,
                    "metadata": {},
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
        }
        with open(os.path.join(self.folder, name), "w") as file:
            json.dump(content, file)

    def log(self) -> str:
        """:return: what it and its kernels wrote to stderr, the last of it."""
        with open(self._log, errors="replace") as file:
            return file.read()[-6000:]

    def close(self) -> None:
        """End it as Ctrl-C and a yes do, with its kernels."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            raise


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


# --------------------------------------------------------------------------------
# The browser

#: The notebook in front.
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"

#: Runs before JupyterLab: keeps the text of every dialog that ever shows up, for one
#: that is gone again, or that an overlay hides, was still seen by the user.
WATCH_DIALOGS = """
window.iprDialogs = [];
new MutationObserver(records => {
  for (const record of records)
    for (const node of record.addedNodes)
      if (node instanceof Element) {
        const inside = node.querySelector('.jp-Dialog');
        const found = node.matches('.jp-Dialog') ? node : inside;
        if (found) window.iprDialogs.push(found.innerText);
      }
}).observe(document, {childList: true, subtree: true});
"""

#: Leaves the whole width to the notebook.
HIDE_FILES = """() => { jupyterapp.shell.collapseLeft(); }"""

OPEN = """async path => {
  const panel = await jupyterapp.commands.execute(
    'docmanager:open', {path, factory: 'Notebook'});
  await panel.context.ready;
  jupyterapp.shell.activateById(panel.id);
}"""

#: What the session of the notebook in front is in.  A notebook that was just opened
#: has none yet.
SESSION = """() => {
  const context = jupyterapp.shell.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return {
    ready: !!(context && context.isReady && kernel),
    pendingInput: !!context?.hasPendingInput,
    connection: kernel?.connectionStatus ?? null,
    status: kernel?.status ?? null,
    id: kernel?.id ?? null,
  };
}"""

#: The launcher stays: it comes back by itself where nothing is open, at some moment,
#: and lies over the next notebook then.
CLOSE = """async () => {
  for (const panel of [...jupyterapp.shell.widgets('main')])
    if (panel.context) {
      if (panel.sessionContext?.session) await panel.sessionContext.shutdown();
      panel.context.model.dirty = false;
      panel.dispose();
    }
}"""

#: What a person sees of the notebook in front.
CELLS = """panel => [...document.querySelectorAll(
    panel + ' .jp-Notebook .jp-CodeCell')].map(cell => ({
  prompt: cell.querySelector('.jp-InputPrompt').textContent.trim(),
  // An Output widget has an output area of its own in there.
  outputs: [...cell.querySelectorAll(
      '.jp-OutputArea-output:not(.jp-OutputArea-output *)')]
    .map(output => output.innerText.trim()),
  asking: !!cell.querySelector('.jp-Stdin-input'),
}))"""


@dataclass(frozen=True)
class Cell:
    """What the screen shows of a cell.

    :ivar prompt: ``[ ]:``, ``[*]:``, ``[3]:``.
    :ivar outputs: the text of each of its outputs.
    :ivar asking: whether it shows an input box.
    """

    prompt: str
    outputs: tuple[str, ...]
    asking: bool

    @property
    def text(self) -> str:
        """All its outputs."""
        return "\n".join(self.outputs)

    @property
    def running(self) -> bool:
        """Whether it shows the star of a cell that has not ended."""
        return "*" in self.prompt


class Lab:
    """JupyterLab in a browser.

    :param server: the server.
    :param browser: a browser of Playwright.
    :ivar page: a page of Playwright.
    """

    def __init__(self, server: Server, browser: Any) -> None:
        self._attach(server, browser.new_page(viewport=VIEWPORT))
        self.load()

    def second(self, page: Any, name: str) -> Notebook:
        """Open a notebook that is open already, in another tab."""
        other = type(self).__new__(type(self))
        other._attach(self.server, page)
        other.load()
        other.show(name)
        notebook = Notebook(other)
        notebook.wait_until_idle("the notebook in the other tab to be idle")
        return notebook

    def _attach(self, server: Server, page: Any) -> None:
        self.server = server
        self.page = page
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.add_init_script(WATCH_DIALOGS)
        #: What the page complained of, for a failure to show.
        self.console: list[str] = []
        self.page.on("console", self._note)
        # The browser asks before it leaves a notebook that is not saved.
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text}"[:300])

    def load(self) -> None:
        """Load the page, or load it again."""
        self.page.goto(f"{self.server.url}lab?reset&token={TOKEN}")
        self.page.wait_for_function("() => window.jupyterapp", timeout=90_000)
        # Before, commands are not there yet, and what is opened is closed again.
        self.page.evaluate("() => jupyterapp.restored.then(() => null)")
        # It opens by itself, and would lie over a notebook that was quicker.
        self.page.wait_for_selector(".jp-Launcher")
        self.page.evaluate(HIDE_FILES)

    def open(self, name: str, cells: Sequence[str], spec: str = SPEC) -> Notebook:
        """Write a notebook, open it, and wait until its kernel is idle.

        :param name: its file name.
        :param cells: the sources of its cells.
        :param spec: the name of its kernelspec.
        """
        self.server.write_notebook(name, cells, spec)
        self.show(name)
        notebook = Notebook(self)
        notebook.wait_until_idle("the kernel of the notebook just opened to be idle")
        return notebook

    def show(self, name: str) -> None:
        """Open a file that is there."""
        self.page.evaluate(OPEN, name)

    def close_notebooks(self) -> None:
        """Shut all kernels down and close everything."""
        self.page.evaluate(CLOSE)

    def dialogs(self) -> list[str]:
        """:return: the text of every dialog since the last time, shown or gone."""
        texts = self.page.evaluate("() => window.iprDialogs.splice(0)")
        return [re.sub(r"\s+", " ", text) for text in texts]

    def menu(self, *names: str) -> None:
        """Click through the menu bar.

        :param names: the texts of the items; of a long one the beginning.
        """
        self.page.locator(".lm-MenuBar-itemLabel", has_text=names[0]).first.click()
        for name in names[1:]:
            self.page.locator(
                ".lm-Menu-itemLabel", has_text=re.compile("^" + re.escape(name))
            ).first.click()

    def until(
        self, condition: Callable[[], Any], what: str, within: float = PATIENCE
    ) -> Any:
        """Look at the page again and again; see :func:`harness.until`."""
        return harness.until(condition, what, within, every=0.05)


class Notebook:
    """The notebook in front, as a person sees and uses it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.page = lab.page

    # -- reading

    def session(self) -> Json:
        """:return: what JupyterLab itself believes of the kernel."""
        session: Json = self.page.evaluate(SESSION)
        return session

    @property
    def kernel_id(self) -> str:
        """The server's name for the kernel."""
        return str(self.session()["id"])

    @property
    def indicator(self) -> str:
        """What the circle in the toolbar says of the kernel."""
        shown = self.page.locator(f"{PANEL} .jp-Notebook-ExecutionIndicator")
        statuses = shown.evaluate_all("nodes => nodes.map(n => n.dataset.status)")
        return str(statuses[0]) if statuses else ""

    def cells(self) -> list[Cell]:
        """:return: its code cells."""
        return [
            Cell(cell["prompt"], tuple(cell["outputs"]), cell["asking"])
            for cell in self.page.evaluate(CELLS, PANEL)
        ]

    def cell(self, number: int) -> Cell:
        """:return: one of its code cells, from 0."""
        return self.cells()[number]

    def prompts(self) -> list[str]:
        """:return: the numbers of its cells as shown, without the brackets."""
        return [cell.prompt.strip("[]: ") for cell in self.cells()]

    def locate(self, number: int) -> Any:
        """:return: a locator of Playwright for a code cell."""
        return self.page.locator(f"{PANEL} .jp-Notebook .jp-CodeCell").nth(number)

    # -- waiting

    def until(
        self, condition: Callable[[], Any], what: str, within: float = PATIENCE
    ) -> Any:
        """Wait for a condition; a failure shows the cells.

        :param what: named in the failure.
        :param within: the bound, in seconds.
        """
        try:
            return self.lab.until(condition, what, within)
        except harness.Waited as error:
            lines = [str(error), f"{self.session()}, indicator {self.indicator}"]
            lines += [f"{cell}" for cell in self.cells()]
            lines += ["dialogs:", *self.page.evaluate("() => window.iprDialogs")]
            lines += ["console:", *self.lab.console[-10:]]
            raise harness.Waited("\n".join(lines)) from None

    def wait_until_idle(self, what: str = "the kernel to be idle") -> None:
        """Wait until the kernel is connected, and shown to be idle."""

        def idle() -> bool:
            session = self.session()
            return (
                session["ready"]
                and session["connection"] == "connected"
                and session["status"] == "idle"
                and self.indicator == "idle"
            )

        self.until(idle, what, 60.0)

    def wait_for_text(self, number: int, text: str, within: float = PATIENCE) -> Cell:
        """Wait until a cell shows a text; :return: the cell."""
        self.until(
            lambda: text in self.cell(number).text,
            f"cell {number} to show {text!r}",
            within,
        )
        return self.cell(number)

    def wait_until_done(self, *numbers: int, within: float = PATIENCE) -> list[Cell]:
        """Wait until cells have run: a number, and no star.

        :param numbers: which; all of them when there are none.
        :return: them.
        """

        def done() -> list[Cell]:
            cells = self.cells()
            chosen = [cells[number] for number in numbers] if numbers else cells
            ran = all(re.fullmatch(r"\[\d+\]:?", cell.prompt) for cell in chosen)
            return chosen if ran else []

        found: list[Cell] = self.until(
            done, f"cells {numbers or 'all'} to have run", within
        )
        return found

    def wait_until_still(self, within: float = PATIENCE) -> list[Cell]:
        """Wait until the kernel is idle and no cell shows a star; :return: all cells.

        Cells that were aborted or refused have no number: see also
        :meth:`wait_until_done`.
        """
        self.wait_until_idle()
        self.until(
            lambda: not any(cell.running for cell in self.cells()),
            "every star to go",
            within,
        )
        return self.cells()

    # -- using

    def start(self, number: int) -> None:
        """Click into a cell and press Ctrl+Enter."""
        self.locate(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def run(self, number: int, within: float = PATIENCE) -> Cell:
        """Run a cell that has not run yet, to its end; :return: it."""
        assert not self.prompts()[number], "its number would be taken for the new one"
        self.start(number)
        return self.wait_until_done(number, within=within)[0]

    def answer(self, number: int, text: str) -> None:
        """Type into the input box of a cell, once it shows one."""
        self.until(lambda: self.cell(number).asking, f"an input box in cell {number}")
        self.locate(number).locator(".jp-Stdin-input").fill(text)
        self.page.keyboard.press("Enter")

    def run_all(self) -> None:
        """Choose Run All Cells in the menu."""
        self.lab.menu("Run", "Run All Cells")

    def picture(self, path: str) -> None:
        """Keep a picture of the notebook alone, down to its last cell.

        :param path: of the file.
        """
        panel = self.page.locator(
            ".jp-NotebookPanel:not(.lm-mod-hidden)"
        ).bounding_box()
        last = self.locate(len(self.cells()) - 1).bounding_box()
        height = last["y"] + last["height"] + 8 - panel["y"]
        self.page.screenshot(path=path, clip={**panel, "height": height})

    def press(self, command: str) -> None:
        """Press a button of the notebook's toolbar.

        :param command: the name of JupyterLab's command behind it.
        """
        self.page.locator(
            f"{PANEL} .jp-Toolbar [data-command='{command}']"
        ).first.click()

    def accept(self) -> None:
        """Press the button of the dialog that does what it asks about."""
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.wait_for_selector(".jp-Dialog", state="detached")

    @contextlib.contextmanager
    def other_client(self) -> Iterator[harness.Client]:
        """A second front end at the same kernel, as ``jupyter console --existing``."""
        client = harness.Client(
            self.lab.server.connection_file(self.kernel_id), "the other client"
        )
        try:
            # On control, for shell may be busy with a cell for ever.
            client.finish(client.send("kernel_info_request", channel="control"))
            yield client
        finally:
            client.close()


@contextlib.contextmanager
def browser(executable: str) -> Iterator[Any]:
    """A headless Chromium of Playwright.

    :param executable: its path.
    """
    playwright = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=executable,
            headless=True,
            args=[
                # It refuses to run as root with one, and CI runs as root.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        try:
            yield chromium
        finally:
            chromium.close()
