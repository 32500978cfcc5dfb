"""Tests of other projects that pass with a plain kernel and not behind ipr, each with
the reason. ``docs/peers.rst`` says the same to users.

A test that stands here and passes wrapped fails ours: the table is kept short.
"""

from __future__ import annotations

_ANSWERED = (
    "A cell kills its kernel. nbclient expects its own DeadKernelError, a RuntimeError;"
    " behind ipr the cell is answered, by an error that says why the kernel died, and"
    " so ends as any cell that failed: CellExecutionError."
)

_MESSAGE = (
    "It counts signals. The kernelspec says interrupt_mode: message, so that the daemon"
    " interrupts the kernel in the kernel's own way; the manager sends a request."
)

#: By suite, then by test.
DIFFERENCES: dict[str, dict[str, str]] = {
    "ipykernel": {
        "test_kernel::test_parent_header_and_ident": (
            "It looks at the ZeroMQ identity under which the kernel knows its client."
            " No client's identity goes into the inner kernel: some kernels answer to"
            " the first one only."
        ),
    },
    "jupyter_client": {
        f"test_kernelmanager.{case}::test_subclass_callables[{transport}]": _MESSAGE
        for case in ("TestKernelManager", "TestAsyncKernelManager")
        for transport in ("tcp", "ipc")
    },
    "nbclient": {
        "test_client.TestExecute::test_error_notebook_hook": _ANSWERED,
        "test_client.TestExecute::test_kernel_death_during_execution": _ANSWERED,
    },
}

#: Tests that are not asked for, since they fail now and then with a plain kernel too.
UNSTEADY: dict[str, dict[str, str]] = {
    "ipykernel": {},
    "jupyter_client": {},
    "nbclient": {},
}
