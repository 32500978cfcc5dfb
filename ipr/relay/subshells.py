"""The subshells of one inner kernel, and stand-ins for those of earlier ones.

Knows which subshells this kernel has made, which ids belong to kernels before
it, and what a request that names one of those is to name instead. Must not
know when messages pass, or how the kernel is asked.

JupyterLab goes on naming a subshell of the kernel before. Such a request goes
to a subshell that stands in for it, or, until that is there or where the
kernel has none, to the main shell: widgets would answer only between cells,
but they would answer. An id that no kernel of ours has made passes as it is,
and so does one that was deleted: the kernel itself refuses it.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter.wire import JSON, Envelope, Malformed
from ipr.relay.request import Request

#: Stand-ins that one kernel makes. Each is a thread of it.
MOST_STAND_INS = 32
#: Ids of earlier kernels that are known.
MOST_EARLIER = 1024


class Subshells:
    """Those of one inner kernel.

    :param create: asks the kernel for a subshell, and passes the new one's id to
        the callable that it gets. False: this kernel has no subshells.
    :param earlier: ids of the kernels before, the newest last.
    """

    def __init__(
        self,
        create: Callable[[Callable[[str], None]], bool],
        earlier: tuple[str, ...] = (),
    ) -> None:
        self._create = create
        self._own: dict[str, None] = {}
        # What stands in for each; "" for none.
        self._earlier: dict[str, str] = dict.fromkeys(earlier, "")
        self._asked: set[str] = set()

    @property
    def stand_ins(self) -> bool:
        """Whether any id may have to be another one."""
        return bool(self._earlier)

    def known(self) -> tuple[str, ...]:
        """Return the ids that clients may name, for the kernel after this one."""
        return (*self._earlier, *self._own)[-MOST_EARLIER:]

    def extra(self, made: Callable[[str], None]) -> bool:
        """Ask for one that no client knows of; False: this kernel has no subshells."""
        return self._create(made)

    def note(self, request: Request, reply: Envelope) -> None:
        """Note what a client had made, or deleted, if it had."""
        if request.msg_type == "create_subshell_request":
            try:
                made = reply.content.get("subshell_id")
            except Malformed:
                return
            if isinstance(made, str):
                self.made(made)
        elif request.msg_type == "delete_subshell_request":
            self.deleted(request.field("subshell_id", ""))

    def made(self, subshell: str) -> None:
        """Note one that a client had made."""
        self._own[subshell] = None

    def deleted(self, subshell: str) -> None:
        """Note one that a client had deleted."""
        self._own.pop(subshell, None)

    def prepare(self) -> None:
        """Ask for the stand-ins of the newest, before anybody needs them.

        A widget sends no second message before the first is done, which on the
        main shell is after the running cell.
        """
        for stale in list(self._earlier)[-MOST_STAND_INS:]:
            self._stand_in(stale)

    def addressed(self, header: JSON) -> JSON:
        """Return the header with a subshell that this kernel has.

        The same object where nothing has to change.
        """
        subshell = header.get("subshell_id")
        if not subshell or subshell in self._own or subshell not in self._earlier:
            return header
        return {**header, "subshell_id": self._stand_in(subshell) or None}

    def deletion(self, content: JSON) -> JSON:
        """Return the content of a delete_subshell_request that this kernel understands.

        The same object where nothing has to change. What was deleted is not
        known any more.
        """
        named = content.get("subshell_id")
        if not isinstance(named, str) or named not in self._earlier:
            return content
        stand_in = self._earlier.pop(named)
        return {**content, "subshell_id": stand_in} if stand_in else content

    def _stand_in(self, stale: str) -> str:
        if stale not in self._asked and len(self._asked) < MOST_STAND_INS:

            def made(subshell: str) -> None:
                if stale in self._earlier:
                    self._earlier[stale] = subshell

            if self._create(made):
                self._asked.add(stale)
        return self._earlier[stale]
