"""What runs in each new kernel before anybody's cell, and is seen.

Knows whose request shows it, that cells are held meanwhile, and what is said of how it
went. Must not know where a kernel comes from, nor how a piece of code is run.

It belongs to the restart: what it prints stands in the cell that restarted, which fails
when it fails; the cells held after that are aborted, as after any cell that fails.
Where no cell restarted (after a crash, by the Restart button, at the very start) an
error is told at the head of the next cell. What has ended a kernel is not run in the
next one, or that would go on for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure as Reason

from ipr.jupyter import messages
from ipr.jupyter.messages import Failure
from ipr.lifecycle.causes import Cause, Ending, failure
from ipr.relay import program
from ipr.relay.conversation import Conversation
from ipr.relay.gate import Gate
from ipr.relay.greetings import Greetings
from ipr.relay.initcode import InitCode, Wanted
from ipr.relay.pieces import described
from ipr.relay.program import Program
from ipr.relay.restartcells import RestartCell
from ipr.relay.underway import UnderWay
from ipr.relay.voice import Voice


class Initial:
    """That of all kernels, one after the other.

    :param under_way: the restarts whose cells show it.
    :param code: what each kernel runs.
    """

    def __init__(
        self,
        voice: Voice,
        gate: Gate,
        under_way: UnderWay,
        greetings: Greetings,
        code: InitCode,
    ) -> None:
        self.voice = voice
        self._gate = gate
        self.under_way = under_way
        self._greetings = greetings
        self._code = code
        #: What has ended the kernel before, and is left out once.
        self._left_out = ""
        self._run: Run | None = None

    def run(self, conversation: Conversation, then: Callable[[], None]) -> None:
        """Run it, and call ``then`` when cells may follow, unless the kernel goes."""
        cell = self.under_way.shown_in
        run = self._run = Run(self, conversation, cell, then)
        left_out, self._left_out = self._left_out, ""
        if left_out:
            self.also(f"without {left_out}, which had ended the kernel")
            run.begin(Wanted())
        else:
            reading = self._code.wanted(self._greetings.info.known)
            reading.addCallbacks(run.begin, run.unread)
            reading.addErrback(run.broken)

    @property
    def running(self) -> bool:
        """Whether cells are held for it."""
        return self._run is not None and self._run.running

    def stop(self) -> None:
        """The kernel goes."""
        if self._run is not None:
            self._run.stop()

    def finish(self, cause: Cause) -> None:
        """The kernel is gone: tell why what ran did not end."""
        run, self._run = self._run, None
        if run is None or not run.running:
            return
        if cause.ending is Ending.DIED and run.repeats:
            self._left_out = run.name
        run.lost(cause, self._left_out)

    def also(self, text: str) -> None:
        """Say something more in the line that the cells leave."""
        self.under_way.say(text)

    def note(self, text: str) -> None:
        """Tell something of the kernel at the head of the next cell."""
        self._greetings.obituary.add(text)

    def tell(self, text: str) -> None:
        """Tell something there that was not done."""
        self._greetings.obituary.tell(text)

    def abort_held(self, cell: RestartCell) -> None:
        """Its cell fails: those after it do not run."""
        if cell.stops:
            subshell = cell.request.header.get("subshell_id")
            self._gate.abort_held(subshell or "")


class Run:
    """That of one kernel.

    :param cell: shows it; None: no cell has restarted.
    """

    def __init__(
        self,
        initial: Initial,
        conversation: Conversation,
        cell: RestartCell | None,
        then: Callable[[], None],
    ) -> None:
        self._initial = initial
        self._conversation = conversation
        self._cell = cell
        self._then: Callable[[], None] | None = then
        self._program: Program | None = None
        self._each = 0

    @property
    def running(self) -> bool:
        """Whether it has begun and has not ended."""
        return self._program is not None

    @property
    def repeats(self) -> bool:
        """Whether what runs there now would run in the next kernel, too."""
        return self._program is not None and self._program.ran < self._each

    @property
    def name(self) -> str:
        """What each kernel runs, in a few words."""
        assert self._program is not None
        return described(self._program.pieces[: self._each])

    def begin(self, each: Wanted) -> None:
        """Run what each kernel runs, and then what the cell wants."""
        if self._then is None:
            return
        self._each = len(each.pieces)
        pieces = each.pieces + self._initial.under_way.take_pieces()
        if self._cell is not None:
            self._initial.also(each.left_out)
        if not pieces:
            self._over()
            return
        what = described(pieces)
        if self._cell is not None:
            request = self._cell.request
            self._initial.under_way.runs(self._cell, what)
        else:
            request = program.nobodys(self._initial.voice.author)
            self._initial.voice.announce(messages.BUSY, "execute_request")
        self._program = Program(
            self._conversation, request, pieces, self._ended, lambda _number: None
        )
        self._program.go_on()

    def unread(self, reason: Reason) -> None:
        """The code cannot be had."""
        if self._then is None:
            return
        text = f"the new kernel has not run its init code: {reason.getErrorMessage()}"
        why = Failure("InitError", text)
        if self._cell is None:
            self._initial.note(f"{text[0].upper()}{text[1:]}\n")
        else:
            self._fail(self._cell, partial(self._cell.fail, why))
        self._over()

    def broken(self, reason: Reason) -> None:
        """It failed by a bug of ours: cells may pass all the same."""
        _log.failure("What each kernel runs could not be run", reason)
        self._over()

    def stop(self) -> None:
        """The kernel goes."""
        self._then = None
        if self._program is not None:
            self._program.stop()

    def lost(self, cause: Cause, left_out: str) -> None:
        """The kernel is gone.

        :param left_out: what the next one does not run, since it has ended this one.
        """
        assert self._program is not None
        died = cause.ending is Ending.DIED
        title = self._program.piece.title
        text = f"{cause.text} while {title} ran"
        again = (
            (f"The next kernel starts without {left_out}; %restart runs it again.",)
            if left_out and cause.followed
            else ()
        )
        if self._cell is not None:
            if not self._cell.ended:
                self._initial.also(
                    f"{title} {'ended the kernel' if died else 'cut off'}"
                )
            if died:
                details = (*again, *cause.details)
                cause = attrs.evolve(cause, text=text, details=details)
            self._fail(self._cell, partial(self._cell.fail, failure(cause)), died)
            return
        self._cut_off(self._program, died=died)
        if again:
            self._initial.note(
                f"It ended while {title} ran, and this kernel was started without"
                f" {left_out}; %restart runs it again.\n"
            )

    def _cut_off(self, ran: Program, *, died: bool) -> None:
        """No cell shows it: the next kernel runs what has not begun.

        What had begun is not run again, if it is run once: that is told.
        """
        not_begun = ran.pieces[max(ran.ran + 1, self._each) :]
        self._initial.under_way.give_back(not_begun)
        if ran.ran >= self._each:
            ended = "the kernel ended" if died else "another restart ended it"
            text = f"While {ran.piece.title} ran, {ended}. It is not run again.\n"
            self._initial.tell(text)

    def _ended(self, ending: program.Ending) -> None:
        assert self._program is not None
        ran, self._program = self._program, None
        if self._cell is None:
            self._initial.voice.announce(messages.IDLE, "execute_request")
        if ending.why is None:
            if self._cell is not None:
                self._initial.also(f"ran {described(ran.pieces)}")
        else:
            self._failed(ran, ending.why)
        self._over()

    def _failed(self, ran: Program, why: Failure) -> None:
        not_run = ran.pieces[ran.ran + 1 :]
        text = f"{ran.piece.title} failed"
        if not_run:
            text += f", {described(not_run)} not run"
        if self._cell is not None:
            self._initial.also(text)
            self._fail(self._cell, partial(self._cell.failed, why))
            return
        if self._then is None:
            self._cut_off(ran, died=False)  # the kernel is to go: it was interrupted
            return
        lines = "\n".join(why.content()["traceback"])
        self._initial.note(f"In the new kernel {text}:\n{lines}\n")

    def _fail(
        self, cell: RestartCell, fail: Callable[[], None], aborts: bool = True
    ) -> None:
        """Let the cell fail, and with it those that are held after it."""
        under_way = self._initial.under_way
        under_way.leave(cell)
        if cell.ended:
            return  # the Restart button came in between
        if under_way.also:
            cell.conclude(under_way.summary(), above=True)
            under_way.also = ""
        fail()
        if aborts:
            self._initial.abort_held(cell)

    def _over(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()


_log = Logger()
