"""Carries out ``%ipr`` cells.

Knows what each verb does with the log, the status and the code. Must not know where
the figures come from, nor how a cell is answered beyond showing, succeeding and
failing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from twisted.internet.defer import Deferred

from ipr.boot.values import level
from ipr.daemon import initcells, inside, stacktext, standing
from ipr.daemon.inside import ExecFailed, Inside
from ipr.daemon.limiting import CellTime
from ipr.daemon.log import Log
from ipr.daemon.shownlog import ShownLog
from ipr.daemon.stack import Stack
from ipr.daemon.status import Row, as_html, as_text
from ipr.jupyter import durations, initwords, magics, messages
from ipr.jupyter.howmany import HowMany, count, how_many
from ipr.jupyter.magichelp import HELP
from ipr.jupyter.messages import Draft, Failure, usage_error
from ipr.lifecycle.reserve import Reserve
from ipr.relay.cells import Cell
from ipr.relay.initcode import InitCode
from ipr.relay.outputs import NothingShown
from ipr.relay.request import Request


class IprCommands:
    """Carries out ``%ipr`` cells for one daemon.

    :param log: the daemon's log.
    :param unfinished: returns the requests that the kernel works on.
    :param whisper: publishes a log record under one of them.
    :param status: returns the rows of ``%ipr status``, some of which are asked for.
    :param look: finds out what the kernel does just now.
    :param cell_time: limits it.
    :param history: returns the table of cells that ran, by MIME type.
    :param output: returns what the last cells have shown, so many of them.
    :param reserve: has the standby.
    :param init: what each new kernel runs.
    :param look_inside: makes ``self`` of ``%ipr exec``; None where that is not allowed.
    """

    def __init__(
        self,
        log: Log,
        unfinished: Callable[[], Iterable[Request]],
        whisper: Callable[[Request, Draft], None],
        status: Callable[[], list[Row]],
        look: Callable[[], Deferred[Stack]],
        cell_time: CellTime,
        history: Callable[[HowMany], Mapping[str, str]],
        output: Callable[[int], Sequence[Draft]],
        reserve: Reserve,
        init: InitCode,
        look_inside: Callable[[Cell], Inside] | None,
    ) -> None:
        self._shown_log = ShownLog(log, unfinished, whisper)
        self._status = status
        self._look = look
        self._cell_time = cell_time
        self._history = history
        self._output = output
        self._reserve = reserve
        self.init = init
        self._look_inside = look_inside

    def run(self, cell: Cell, magic: magics.Ipr | magics.Help) -> None:
        """Carry it out, and end the cell."""
        if isinstance(magic, magics.Help):
            _end(cell, HELP[magic.topic])
        elif magic.verb == "status":
            self._show_status(cell)
        elif magic.verb == "stack":
            # One that fails does so since the daemon ends, and the cell with it.
            self._look().addCallbacks(partial(_show_stack, cell), lambda _failure: None)
        elif magic.verb == "limit":
            self._limit(cell, magic.argument)
        elif magic.verb == "history":
            data = self._history(how_many(magic.argument.split()))
            _show(cell, data)
        elif magic.verb == "output":
            self._show_output(cell, count(magic.argument))
        elif magic.verb == "debug":
            self._debug(cell, magic)
        elif magic.verb == "standby":
            self._standby(cell, magic)
        elif magic.verb == "init":
            self._init(cell, magic)
        else:
            self._exec(cell, magic)

    def _show_status(self, cell: Cell) -> None:
        rows = self._status()
        _show(cell, {"text/plain": as_text(rows), "text/html": as_html(rows)})

    def _show_output(self, cell: Cell, cells: int) -> None:
        try:
            drafts = self._output(cells)
        except NothingShown as error:
            cell.fail(Failure("NothingShown", str(error)))
            return
        for draft in drafts:
            cell.show(draft)
        cell.succeed()

    def _limit(self, cell: Cell, argument: str) -> None:
        if argument == "off":
            self._cell_time.stop()
        elif argument:
            self._cell_time.set(durations.seconds(argument))
        _end(cell, f"time limit of a cell: {self._cell_time.described()}")

    def _standby(self, cell: Cell, magic: magics.Ipr) -> None:
        if magic.argument == "on":
            self._reserve.want()
        else:
            self._reserve.drop("it was switched off (%ipr standby off)")
        _end(cell, f"standby: {standing.described(self._reserve)}")

    def _init(self, cell: Cell, magic: magics.Ipr) -> None:
        if magic.argument == "list":
            rows = initcells.rows(self.init)
            _show(cell, {"text/plain": as_text(rows), "text/html": as_html(rows)})
            return
        try:
            self.init.clear(initwords.number(magic.argument))
        except ValueError as error:
            cell.fail(usage_error(f"%ipr init: {error}"))
            return
        cell.succeed()

    def _debug(self, cell: Cell, magic: magics.Ipr) -> None:
        if magic.argument.lower() == "off":
            self._shown_log.end()
            _end(cell, "the log is no longer shown here")
            return
        try:
            name = level(magic.argument)
        except ValueError as error:
            cell.fail(usage_error(f"%ipr debug: {error}"))
            return
        _end(cell, f"log level {name}; log records are now shown here")
        self._shown_log.begin(cell.request, name)

    def _exec(self, cell: Cell, magic: magics.Ipr) -> None:
        if self._look_inside is None:
            text = "%ipr exec is disabled here (--no-exec)"
            cell.fail(Failure("NotAllowed", text))
            return
        code = "\n".join(filter(None, (magic.argument, magic.rest)))
        try:
            text = inside.run(code, self._look_inside(cell))
        except ExecFailed as error:
            cell.fail(error.failure)
            return
        _end(cell, text)


def _show_stack(cell: Cell, stack: Stack) -> None:
    _show(cell, stacktext.displayed(stack))


def _show(cell: Cell, data: Mapping[str, str]) -> None:
    content = {"data": dict(data), "metadata": {}, "transient": {}}
    cell.show(Draft("display_data", content))
    cell.succeed()


def _end(cell: Cell, text: str) -> None:
    if text:
        cell.show(messages.stream(text if text.endswith("\n") else f"{text}\n"))
    cell.succeed()
