"""Fixtures: one JupyterLab and one browser for all tests, a notebook for each."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence

import pytest

from tests.browser import lab as labs
from tests.browser.lab import Lab, Notebook, Server
from tests.browser.seven import Seven
from tests.e2e import harness

#: Where the screenshots go; git ignores it.
ARTIFACTS = os.path.join(harness.SOURCE, "artifacts", "browser")

Open = Callable[..., Notebook]

reports = pytest.StashKey[dict[str, bool]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know how the test went."""
    report = yield
    item.stash.setdefault(reports, {})[report.when] = report.passed
    return report


def missing() -> list[str]:
    """:return: what these tests need and this machine does not have."""
    modules = ("playwright", "jupyterlab", "notebook", "ipykernel", "ipywidgets")
    found = [name for name in modules if importlib.util.find_spec(name) is None]
    if chromium() is None:
        found.append("a Chromium (" + ", ".join(labs.BROWSERS) + ")")
    return found


def chromium() -> str | None:
    """:return: the path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, labs.BROWSERS)), None)


# Not for the session: playwright's event loop would be taken for one that runs by each
# asyncio test that comes later.
@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """JupyterLab in a browser; at the end nothing of it may be left."""
    lacking = missing()
    if lacking:
        reason = "not installed here: " + ", ".join(lacking)
        if os.environ.get("IPR_REQUIRE_MARKED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    executable = chromium()
    assert executable is not None
    with harness.place() as place:
        server = Server(place)
        try:
            with labs.browser(executable) as browser:
                server.wait_until_up()
                yield Lab(server, browser)
        finally:
            server.close()
        harness.until(
            lambda: not place.processes(),
            f"the end of every process: {place.described_processes()}",
            5.0,
        )


@pytest.fixture(scope="package")
def seven(lab: Lab) -> Seven:
    """Jupyter Notebook 7, of the same server and in the same browser."""
    return Seven.beside(lab)


@pytest.fixture
def front_end(lab: Lab) -> Lab:
    """The front end that a test uses: a test file may have another one, or two."""
    return lab


#: Waits until the page has the command: it comes with an extension.
CHANGE_THEME = """async theme => {
  while (!jupyterapp.commands.hasCommand('apputils:change-theme'))
    await new Promise(done => setTimeout(done, 100));
  await jupyterapp.commands.execute('apputils:change-theme', {theme: theme});
}"""


@pytest.fixture(params=["Light", "Dark"])
def theme(request: pytest.FixtureRequest, front_end: Lab) -> Iterator[str]:
    """The page's theme, by its name: it has it while the test runs."""
    front_end.page.evaluate(CHANGE_THEME, f"JupyterLab {request.param}")
    yield request.param
    front_end.page.evaluate(CHANGE_THEME, "JupyterLab Light")


@pytest.fixture
def open_notebook(front_end: Lab, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens a notebook; keeps a picture of it when the test is over.

    A dialog that the test did not ask for (:meth:`Lab.dialogs`) is a failure.
    """
    lab = front_end
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")

    def opened(cells: Sequence[str], spec: str = labs.SPEC) -> Notebook:
        return lab.open(f"{name}.ipynb", cells, spec)

    lab.dialogs()
    lab.console.clear()
    yield opened
    passed = request.node.stash.get(reports, {}).get("call", False)
    picture(lab, name)
    unasked = lab.dialogs()
    if not passed:
        print(f"--- JupyterLab said ---\n{lab.server.log()}")
    if unasked or not passed:
        # Whatever hangs about on the page must not fail the next test too.
        for kernel in lab.server.ask("GET", "api/kernels"):
            lab.server.ask("DELETE", f"api/kernels/{kernel['id']}")
        lab.load()
    else:
        lab.close_notebooks()
    assert not unasked, f"JupyterLab showed a dialog: {unasked}"


def picture(lab: Lab, name: str) -> str:
    """Keep a picture of the page.

    :param name: of the file, without folder and extension.
    :return: its path.
    """
    os.makedirs(ARTIFACTS, exist_ok=True)
    path = os.path.join(ARTIFACTS, f"{name}.png")
    lab.page.screenshot(path=path)
    return path
