"""What ``%ipr`` does.

Knows the daemon from the inside, to tell of it and to let somebody look.
Must not know how a cell is answered beyond showing, succeeding and failing.
"""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from ipr.boot.options import level
from ipr.daemon.log import Log
from ipr.daemon.status import Row, as_html, as_text
from ipr.jupyter import magics, messages
from ipr.jupyter.magichelp import HELP
from ipr.jupyter.messages import Failure
from ipr.lifecycle.restarter import Restarter
from ipr.relay.cells import Cell
from ipr.relay.relay import Relay
from ipr.relay.request import Request


class Daemon(Protocol):
    """What the commands need of the daemon."""

    log: Log
    relay: Relay
    restarter: Restarter

    @property
    def may_exec(self) -> bool:
        """Whether ``%ipr exec`` is allowed here."""

    def status(self) -> Deferred[list[Row]]:
        """Tell how it stands; some of it has to be asked for."""


class IprCommands:
    """Carries out ``%ipr`` cells for one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        #: The cell that asked for the log; records go there, or to the cell
        #: of the same client that is running.
        self._asked: Request | None = None
        #: The log's level before the first of them.
        self._level_before = ""

    def run(self, cell: Cell, magic: magics.Ipr | magics.Help) -> None:
        """Carry it out, and end the cell."""
        if isinstance(magic, magics.Help):
            self._end(cell, HELP[magic.topic])
        elif magic.verb == "status":
            self._status(cell)
        elif magic.verb == "debug":
            self._debug(cell, magic)
        else:
            self._exec(cell, magic)

    def _end(self, cell: Cell, text: str) -> None:
        if text:
            cell.show(messages.stream(text if text.endswith("\n") else f"{text}\n"))
        cell.succeed()

    # --- status -------------------------------------------------------------

    def _status(self, cell: Cell) -> None:
        def told(rows: list[Row]) -> None:
            data = {"text/plain": as_text(rows), "text/html": as_html(rows)}
            content = {"data": data, "metadata": {}, "transient": {}}
            cell.show(messages.Draft("display_data", content))
            cell.succeed()

        def failed(reason: Any) -> None:
            cell.fail(Failure("StatusError", reason.getErrorMessage()))

        self._daemon.status().addCallback(told).addErrback(failed)

    # --- debug --------------------------------------------------------------

    def _debug(self, cell: Cell, magic: magics.Ipr) -> None:
        log = self._daemon.log
        if magic.argument.lower() == "off":
            log.to_notebook(None)
            self._asked = None
            if self._level_before:
                log.set_level(self._level_before)
                self._level_before = ""
            self._end(cell, "the log is not shown here any more")
            return
        try:
            name = level(magic.argument)
        except ValueError as error:
            cell.fail(Failure("UsageError", f"%ipr debug: {error}"))
            return
        self._level_before = self._level_before or log.level
        log.set_level(name)
        self._asked = cell.request
        self._end(cell, f"log level {name}; records are shown here from now on")
        log.to_notebook(self._show)

    def _show(self, text: str) -> None:
        """Show a record under the cell that runs, if it is the asker's own."""
        relay, asked = self._daemon.relay, self._asked
        if asked is None:
            return
        parent = asked
        session = asked.header.get("session")
        for request in relay.ledger.unfinished():
            if (
                request.msg_type == "execute_request"
                and request.header.get("session") == session
            ):
                parent = request
                break
        relay.voice.whisper(parent, messages.stream(text, "stderr"))

    # --- exec ---------------------------------------------------------------

    def _exec(self, cell: Cell, magic: magics.Ipr) -> None:
        if not self._daemon.may_exec:
            cell.fail(
                Failure("NotAllowed", "%ipr exec is switched off here (--no-exec)")
            )
            return
        code = magic.argument
        if magic.rest:
            code = f"{code}\n{magic.rest}" if code else magic.rest
        inside = Inside(self._daemon, cell)
        try:
            value = run_code(code, inside)
            text = "" if value is None else repr(value)
        except BaseException as error:
            # SystemExit as well: it must not end the daemon; and under that
            # name qtconsole would take it for its own.
            name = type(error).__name__
            name = "ExitInExec" if name == "SystemExit" else name
            # Without our own two frames.
            trace = error.__traceback__
            trace = trace.tb_next if trace is not None else None
            trace = trace.tb_next if trace is not None else None
            text = "".join(traceback.format_exception(type(error), error, trace))
            # A front end puts an end of line behind each.
            cell.fail(Failure(name, str(error), tuple(text.splitlines())))
            return
        self._end(cell, text)


class Inside:
    """``self`` of ``%ipr exec``.

    :ivar log: with ``setLevel`` and the rest.
    :ivar relay: and ``restarter``, ``service``: the daemon's parts.
    """

    def __init__(self, daemon: Daemon, cell: Cell) -> None:
        self.log = daemon.log
        self.relay = daemon.relay
        self.restarter = daemon.restarter
        self.service = daemon
        self._cell = cell

    @property
    def state(self) -> str:
        """``running``, ``restarting`` or ``dead``."""
        return str(self.restarter.public_state())

    @property
    def generation(self) -> int:
        """The number of the inner kernel."""
        return int(self.restarter.state.generation)

    @property
    def inner_pid(self) -> int:
        """The inner kernel's process id; 0 while there is none."""
        kernel = self.restarter.kernel
        return int(kernel.pid) if kernel is not None else 0

    def print(self, *values: object, sep: str = " ", end: str = "\n") -> None:
        """Print under the cell."""
        self._cell.show(messages.stream(sep.join(map(str, values)) + end))

    def restart(self) -> None:
        """Restart the inner kernel, now."""
        self.restarter.restart(urgent=True)


class _Printed(io.TextIOBase):
    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def write(self, text: str) -> int:
        if text:
            self._show(text)
        return len(text)


def run_code(code: str, inside: Inside) -> Any:
    """Run code with ``self`` and ``logging``; give its last expression's value.

    What it prints goes under the cell.
    """
    tree = ast.parse(code, "<%ipr exec>")
    last: ast.Expression | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body[-1].value)
        del tree.body[-1]
    names: dict[str, Any] = {
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
