"""The code that each new kernel runs under the eyes of its clients.

Knows which there is, and for which kernels. Must not know when it runs.
"""

from __future__ import annotations

import os

import attrs
from twisted.internet.defer import Deferred, succeed

from ipr.jupyter.messages import Draft
from ipr.relay.codefile import NO_FILE, CodeFile
from ipr.relay.pieces import Piece


@attrs.frozen
class Wanted:
    """What one kernel is to run.

    :ivar left_out: what it is not, and why; ``""``: nothing.
    """

    pieces: tuple[Piece, ...] = ()
    left_out: str = ""


class InitCode:
    """That of one daemon.

    :param file: that of ``--init``.
    """

    def __init__(self, file: CodeFile = NO_FILE) -> None:
        self.file = file

    def wanted(self, info: Draft | None) -> Deferred[Wanted]:
        """Return what a kernel is to run; fails with a sentence.

        :param info: the kernel's kernel_info_reply.
        """
        if not self.file.path:
            return succeed(Wanted())
        title = os.path.basename(self.file.path)
        misfit = self.file.misfit(info)
        if misfit:
            return succeed(Wanted(left_out=f"{title} not run: {misfit}"))
        return self.file.read().addCallback(
            lambda code: Wanted((Piece(title, code),)),
        )
