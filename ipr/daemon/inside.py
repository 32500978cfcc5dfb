"""Python in the daemon: ``%ipr exec``.

Knows how code is run, what it finds there and how its errors look. Must not know
who may run it, nor how its cell ends.
"""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import traceback
from collections.abc import Callable

from ipr.daemon.log import Log
from ipr.jupyter import messages
from ipr.jupyter.messages import Failure
from ipr.lifecycle.limits import Pace
from ipr.lifecycle.restarter import Restarter
from ipr.relay.cells import Cell
from ipr.relay.relay import Relay


class Inside:
    """``self`` of ``%ipr exec``.

    :ivar log: with ``setLevel`` and the rest.
    :ivar relay: and ``restarter``, ``service``: the daemon's parts.
    """

    def __init__(
        self, cell: Cell, log: Log, relay: Relay, restarter: Restarter, service: object
    ) -> None:
        self._cell = cell
        self.log = log
        self.relay = relay
        self.restarter = restarter
        self.service = service

    @property
    def state(self) -> str:
        """``running``, ``restarting`` or ``dead``."""
        return self.restarter.public_state()

    @property
    def generation(self) -> int:
        """The number of the inner kernel."""
        return self.restarter.state.generation

    @property
    def inner_pid(self) -> int:
        """The inner kernel's process id; 0 while there is none."""
        kernel = self.restarter.kernel
        return kernel.pid if kernel is not None else 0

    def print(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        """Print under the cell."""
        self._cell.show(messages.stream(sep.join(map(str, values)) + end))

    def restart(self) -> None:
        """Restart the inner kernel at once."""
        self.restarter.restart(Pace.URGENT)


class ExecFailed(Exception):
    """The code raised; :attr:`failure` is what its cell shows."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.evalue)
        self.failure = failure


def run(code: str, inside: Inside) -> str:
    """Run code with ``self`` and ``logging``; return its last expression's repr.

    What it prints goes under the cell.

    :returns: ``""`` when there is no such expression, or its value is None.
    :raises ExecFailed: the code raised, SystemExit or KeyboardInterrupt too.
    """
    try:
        value = _value(code, inside)
        return "" if value is None else repr(value)
    except BaseException as error:
        raise ExecFailed(_failure(error)) from None


def _failure(error: BaseException) -> Failure:
    # qtconsole would take a SystemExit for its own, and quit.
    name = type(error).__name__
    name = "ExitInExec" if name == "SystemExit" else name
    # Without the frames of run() and _value().
    trace = error.__traceback__
    for _ in range(2):
        trace = trace.tb_next if trace is not None else None
    text = "".join(traceback.format_exception(type(error), error, trace))
    # A front end ends each line itself.
    return Failure(name, str(error), tuple(text.splitlines()))


def _value(code: str, inside: Inside) -> object:
    tree = ast.parse(code, "<%ipr exec>")
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body[-1].value)
        del tree.body[-1]
    names: dict[str, object] = {
        "__name__": "__ipr_exec__",
        "self": inside,
        "logging": logging,
    }
    out = _Printed(lambda text: inside.print(text, end=""))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        exec(compile(tree, "<%ipr exec>", "exec"), names)
        if last is None:
            return None
        return eval(compile(last, "<%ipr exec>", "eval"), names)


class _Printed(io.TextIOBase):
    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def write(self, text: str) -> int:
        if text:
            self._show(text)
        return len(text)
