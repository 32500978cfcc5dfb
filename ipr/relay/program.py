"""A program: pieces of code that run in a kernel one by one, under a client's request.

Knows that a piece is sent when the one before it went well, and how it ended. Must not
know where the code comes from, what the clients are told of it, nor what follows.

What a piece prints and asks goes to the clients as it is, since its header is that of
the client's request; its busy, its execute_input, its reply and its idle go no further.
The request itself is answered by whoever has it run.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.logger import Logger

from ipr.jupyter import messages
from ipr.jupyter.author import Author
from ipr.jupyter.messages import Failure
from ipr.jupyter.wire import JSON, Envelope, Malformed, dumps
from ipr.relay.conversation import Conversation
from ipr.relay.gate import NOT_SENT
from ipr.relay.kept import Kept, Whole
from ipr.relay.pieces import Piece
from ipr.relay.request import Progress, Request


@attrs.frozen
class Ending:
    """How a program ended while its kernel lives.

    :ivar ran: how many pieces went well.
    :ivar why: the error of the one after these, which the kernel has shown; None: there
        is none after these, or no other one was to run.
    :ivar status: what the kernel has replied to the last one.
    """

    ran: int
    why: Failure | None = None
    status: str = "ok"


class Program:
    """One program in one kernel.

    :param request: whose outputs the pieces' are; see :func:`nobodys`.
    :param ended: called once with how it ended, unless the kernel goes before.
    :param begins: called with the number of each piece, from 0, before it is sent.
    :param published: takes what is published for a piece; what it returns False for
        goes to the clients, as all does where it is None.
    :ivar ran: how many pieces went well by now.
    """

    def __init__(
        self,
        conversation: Conversation,
        request: Request,
        pieces: tuple[Piece, ...],
        ended: Callable[[Ending], None],
        begins: Callable[[int], None],
        published: Callable[[Envelope], bool] | None = None,
    ) -> None:
        self._conversation = conversation
        self._request = request
        self._ended = ended
        self._begins = begins
        self._published = published
        self._stopped = self._halted = False
        self.pieces = pieces
        self.ran = 0

    @property
    def piece(self) -> Piece:
        """The one that runs, or did not go well; there is one."""
        return self.pieces[self.ran]

    def go_on(self) -> None:
        """Have the next piece run."""
        if self.ran == len(self.pieces):
            self._ended(Ending(self.ran))
            return
        self._begins(self.ran)
        asks = bool(self._request.identities) and self._request.field(
            "allow_stdin", False
        )
        content = messages.piece(self.piece.code, allow_stdin=asks)
        kept = Kept(
            over=self._over,
            lost=lambda: None,
            answered=True,
            published=self._published,
        )
        request = attrs.evolve(
            self._request,
            channel="shell",
            content_frame=dumps(dict(content)),
            progress=Progress(adopted=True, kept=kept),
        )
        try:
            self._conversation.send_piece(request, self.ran)
        except Exception:
            _log.failure("A piece of code could not be sent")
            if not request.progress.number:
                self._ended(Ending(self.ran, NOT_SENT))

    def stop(self) -> None:
        """The kernel goes: send it no more."""
        self._stopped = True

    def halt(self) -> None:
        """Let no other piece run; :attr:`Ending.why` is None if there are more."""
        self._halted = True

    def _over(self, whole: Whole) -> None:
        self._conversation.progressed(self._request)
        try:
            said = whole.reply.content
        except Malformed:
            said = {}
        if said.get("status") != "ok":
            status = str(said.get("status"))
            self._ended(Ending(self.ran, _failure(said), status))
        elif not self._stopped:
            self.ran += 1
            if self._halted:
                self._ended(Ending(self.ran))
            else:
                self.go_on()


def nobodys(author: Author) -> Request:
    """Make up a request of no client: what is published for it is shown by none."""
    header = author.header("execute_request")
    return Request("shell", [], header, dumps(header), b"{}")


def _failure(said: JSON) -> Failure:
    name, value = said.get("ename"), said.get("evalue")
    lines = said.get("traceback")
    return Failure(
        str(name or "Error"),
        str(value or ""),
        tuple(map(str, lines)) if isinstance(lines, list) else (),
    )


_log = Logger()
