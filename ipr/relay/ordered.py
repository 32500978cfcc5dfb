"""Restarts that no cell asks for: a terminal does, or code.

Knows when whoever asks is answered, and what is left to be told after that. Must not
know when its turn is, nor who asks.
"""

from __future__ import annotations

from ipr.jupyter import messages
from ipr.jupyter.magics import Restart
from ipr.jupyter.messages import Draft, Failure
from ipr.relay.answers import Reply
from ipr.relay.cells import Post
from ipr.relay.request import Request
from ipr.relay.restartcells import Prepared, RestartCell, Wanted

#: Why options from elsewhere cannot be had, unless something is wrong with them.
ANOTHER_FIRST = Failure(
    "NotRestarted",
    "another restart comes first, and these options would be lost: ask again when it"
    " is done, or restart now",
)


#: What is told when the Restart button drops what was to be done.
DROPPED = Failure(
    "NotRestarted",
    "the front end's Restart came first, and what this one was to do besides was"
    " dropped: ask again",
)


class Ordered(RestartCell):
    """A restart that no cell asks for: nothing of it is shown, and it is answered.

    The answer comes once it is known that it will happen, and not once it has happened:
    whoever asks may be part of the kernel that ends. A failure may come after that.
    """

    visible = False

    def __init__(
        self,
        post: Post,
        request: Request,
        restart: Restart,
        cell_id: str,
        prepared: Prepared,
    ) -> None:
        super().__init__(post, request, 0, Wanted(restart, []), cell_id, prepared)
        self.problem = ANOTHER_FIRST

    def begin(self) -> None:
        """Say nothing yet."""

    def show(self, draft: Draft) -> None:
        """Show nothing."""

    def wait_shown(self) -> None:
        """Answer that cells come before it."""
        self._accept(waits=True)

    def goes(self, *, waited: bool) -> None:
        """Answer that it is its turn."""
        self._accept(waits=False)

    def overtaken(self, why: Failure, *, went: bool) -> None:
        """The kernel is restarted, as was asked for; what else was to be done is not.

        Options are in force from its turn on.
        """
        if self.prepared.left or not (went or self.wanted.restart.bare):
            self.fail(DROPPED)
        else:
            self.goes(waited=False)

    def fail(self, why: Failure) -> None:
        """Answer that it does not happen, or report so later."""
        self._ended = True
        reply = Reply(messages.error_reply(self.request.msg_type, why))
        self._post(self.request, (reply,))
        self.working.cancel()

    def _accept(self, *, waits: bool) -> None:
        self._end(Reply(messages.ok_reply(self.request.msg_type, waits=waits)))

    def _end(self, reply: Reply) -> None:
        if not self._ended:
            self._ended = True
            self._post(self.request, (reply,))
