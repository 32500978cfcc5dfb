"""What clients append to a kernelspec's argv reaches the kernel, at each restart."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from tests.e2e.harness import PATIENCE, Place

APPENDED = [
    "--HistoryManager.hist_file=:memory:",
    "--InteractiveShell.autocall=2",
    # An option of the daemon's, too.
    "--log-level=ERROR",
]
SEEN = (
    "from ipykernel.kernelapp import IPKernelApp as App; ip = get_ipython();"
    " print(ip.autocall, ip.history_manager.hist_file, App.instance().log_level)"
)


@pytest.fixture
def python3(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A wrapped kernelspec of the one name for which nbclient appends something."""
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    # Before the environment's own python3, in a virtual environment, too.
    monkeypatch.setenv("JUPYTER_PATH", os.path.dirname(place.specs))
    monkeypatch.chdir(place.work)
    with warnings.catch_warnings():
        # traitlets frowns at every field of kernel.json that it does not know.
        warnings.filterwarnings("ignore", "Passing unrecognized arguments")
        yield place.wrapped_spec(name="python3", options=["--log-level=INFO"])


def said(client: BlockingKernelClient, code: str) -> str:
    texts: list[str] = []

    def shown(message: dict[str, Any]) -> None:
        content = message["content"]
        texts.append(
            content.get("text") or content.get("data", {}).get("text/plain", "")
        )

    reply = client.execute_interactive(code, output_hook=shown, timeout=PATIENCE)
    assert reply["content"]["status"] == "ok", reply
    return "".join(texts)


def test_appended_options_at_each_restart(python3: str) -> None:
    manager, client = start_new_kernel(
        startup_timeout=PATIENCE, kernel_name=python3, extra_arguments=APPENDED
    )
    try:
        for _ in range(2):
            assert said(client, SEEN) == "2 :memory: 40\n"
            said(client, "%restart")
        assert said(client, SEEN) == "2 :memory: 40\n"
        # The daemon keeps to its own.
        assert said(client, "%ipr status").rstrip().endswith("INFO")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_nbclient_runs_a_notebook(python3: str) -> None:
    """It appends by itself, because of the name."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    notebook.cells = [
        nbformat.v4.new_code_cell(code)  # type: ignore[no-untyped-call]
        for code in ("x = 1", "%restart", "print('x' in globals())", SEEN)
    ]
    NotebookClient(
        notebook,
        timeout=int(PATIENCE),
        kernel_name=python3,
        resources={"metadata": {"path": os.getcwd()}},
    ).execute()
    outputs = [cell.outputs[0]["text"] for cell in notebook.cells[2:]]
    assert outputs[0] == "False\n"
    assert outputs[1].split()[1] == ":memory:"
