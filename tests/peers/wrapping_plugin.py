"""A plugin for another project's pytest: puts ipr on the kernelspecs that its tests
write, when one is first read, and notes each start of a kernel.

Such a kernelspec lies in a folder that the test has made, and starts a kernel of the
test's own (one that ignores SIGTERM, or that dies when it starts). This file is copied
into the suite's folder, and so must not import anything from here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any
from unittest import mock

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ipr.spec import spec_cli

#: One line for each kernel: "wrapped" or "plain".
STARTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "starts")

_read = KernelSpec.from_resource_dir
_launch = LocalProvisioner.launch_kernel


def _is_a_kernel(argv: list[str]) -> bool:
    """Whether a kernelspec starts a Python module, as theirs that work do."""
    return argv[:2] == [sys.executable, "-m"] and "{connection_file}" in argv


def _wrap(folder: str) -> None:
    """Put ipr on the kernelspec in *folder*, as a user would."""
    kernels, name = os.path.split(folder)
    data, last = os.path.split(kernels)
    with open(os.path.join(folder, "kernel.json"), encoding="utf-8") as file:
        argv = json.load(file)["argv"]
    if last != "kernels" or not _is_a_kernel(argv):
        return
    with (
        mock.patch.dict(os.environ, JUPYTER_PATH=data),
        contextlib.redirect_stdout(io.StringIO()) as said,
    ):
        code = spec_cli.main(["install", "--force", name])
    if code:
        raise AssertionError(said.getvalue())


def _from_resource_dir(folder: str) -> KernelSpec:
    # One that cannot be read is what some tests are about.
    with contextlib.suppress(OSError, ValueError, KeyError):
        _wrap(folder)
    return _read(folder)


async def _noted(
    self: LocalProvisioner,
    cmd: list[str],
    **words: Any,  # whatever Popen takes
) -> KernelConnectionInfo:
    with open(STARTS, "a", encoding="ascii") as file:
        file.write("wrapped\n" if "ipr" in cmd else "plain\n")
    return await _launch(self, cmd, **words)


KernelSpec.from_resource_dir = staticmethod(_from_resource_dir)  # type: ignore
LocalProvisioner.launch_kernel = _noted  # type: ignore[method-assign]
