"""Which requests a kernel has passed over, and will never answer.

Knows what was finished after them. Must not know which requests are open. There are
kernels that never answer some types (tslab: history); what a client polls for must not
pile up for ever.
"""

from __future__ import annotations

from ipr.relay.request import Request


class Passing:
    """What one inner kernel has finished."""

    def __init__(self) -> None:
        self._types: set[str] = set()
        # The newest of each shell, while many are open.
        self._newest: dict[tuple[str, object], int] = {}

    def finished(self, request: Request, *, many: bool) -> None:
        """Note one.

        :param many: whether so many are open that its number matters.
        """
        self._types.add(request.msg_type)
        if many:
            shell = shell_of(request)
            newest = self._newest.get(shell, 0)
            self._newest[shell] = max(newest, request.progress.number)

    def over(self, request: Request) -> bool:
        """Whether a request that is open will stay so.

        That is, one of the same shell that came later is finished, and this one
        does not run. A kernel that answers does so in order, or has said busy.
        """
        if self._newest.get(shell_of(request), 0) <= request.progress.number:
            return False
        never_finished = request.msg_type not in self._types
        runs = request.progress.status == "busy"
        return not runs or (never_finished and not is_cell(request))


def is_cell(request: Request) -> bool:
    """Whether it has code for the kernel's shell, or for a subshell."""
    return request.channel == "shell" and request.msg_type == "execute_request"


def shell_of(request: Request) -> tuple[str, object]:
    """Return where it is queued: there a kernel answers in order."""
    return request.channel, request.header.get("subshell_id")
