"""What ipr asked an inner kernel itself.

Knows which questions are open, who takes each answer, and who hears what is
published for it. Must not know what they are about. Nothing of it reaches a client.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft
from ipr.jupyter.signing import Replays
from ipr.jupyter.wire import SIGNATURE, Envelope
from ipr.lifecycle.ports import Kernel

#: Takes the reply.
Take = Callable[[Envelope], None]


class Errands:
    """Those of one inner kernel.

    :param kernel: whom to ask.
    :param author: writes the questions.
    :param replays: is told their signatures. Clients have the same key: who listens
        on the kernel's ports could send our own question to us, and would get the
        signed answer that passes for a kernel's.
    """

    def __init__(self, kernel: Kernel, author: Author, replays: Replays) -> None:
        self._kernel = kernel
        self._author = author
        self._replays = replays
        self._takers: dict[str, Take | None] = {}
        #: Those who hear what is published: while there are any, all of it is looked
        #: at, and not only what is for everybody.
        self.hearers: dict[str, Take] = {}

    def __len__(self) -> int:
        return len(self._takers)

    def __contains__(self, msg_id: str) -> bool:
        return msg_id in self._takers

    def ask(
        self,
        channel: str,
        draft: Draft,
        take: Take | None = None,
        hear: Take | None = None,
        subshell: str = "",
    ) -> str:
        """Ask, or tell, the kernel something.

        :param take: called with the reply; None: it is of no interest.
        :param hear: called with each message that is published for it, until
            :meth:`overheard`.
        :param subshell: where; ``""``: in the main shell.
        :returns: the question's msg_id.
        """
        msg_id, body = self._author.request(draft, subshell)
        self._takers[msg_id] = take
        if hear is not None:
            self.hearers[msg_id] = hear
        self._replays.fresh(body[SIGNATURE])
        self._kernel.send(channel, body)
        return msg_id

    def overheard(self, msg_id: str) -> None:
        """Nobody hears any more what is published for a question."""
        self.hearers.pop(msg_id, None)

    def answered(self, msg_id: str, envelope: Envelope) -> bool:
        """Pass a reply to whoever asked; False when it answers no errand."""
        if msg_id not in self._takers:
            return False
        take = self._takers[msg_id]
        if take is not None:
            take(envelope)
        return True

    def published(self, envelope: Envelope) -> bool:
        """Pass on what was published for an errand; False when it was for none."""
        msg_id = envelope.parent_id
        if msg_id not in self._takers:
            return False
        if msg_id in self.hearers:
            self.hearers[msg_id](envelope)
        return True
