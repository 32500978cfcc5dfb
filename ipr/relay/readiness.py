"""The signs that an inner kernel is ready.

Knows how a kernel is asked, and what counts as an answer. Must not know who
waits for it.

Ready is a kernel that answered kernel_info and has said the idle of that very
request: all that it published before, ``starting`` among it, is out then. It
must not come after the end of a %restart, or JupyterLab shows it for ever.
There are kernels that say no idle for kernel_info, and perhaps some that say
nothing at all: these are ready when they have answered and stay silent.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import Envelope
from ipr.lifecycle.ports import Kernel
from ipr.relay.errands import Errands
from ipr.relay.timer import CallLater, Timer

#: Seconds between questions to a kernel that is starting.
PROBE_TIME = 0.5
#: Probes after an answer until a kernel that publishes nothing counts as ready.
SILENT_PROBES = 3


class Readiness:
    """Whether one inner kernel is ready.

    :param informed: called with the content of each kernel_info_reply.
    :param ready: called when it is, and again with each sign after that.
    :ivar info: its kernel_info_reply, if it has answered.
    """

    def __init__(
        self,
        kernel: Kernel,
        errands: Errands,
        call_later: CallLater,
        informed: Callable[[Draft], None],
        ready: Callable[[], None],
    ) -> None:
        self._kernel = kernel
        self._errands = errands
        self._informed = informed
        self._ready = ready
        self._timer = Timer(call_later)
        self.info: Draft | None = None
        self._idle = False
        #: Whether it has published anything but its welcome.
        self.published = False
        self._silent = 0
        #: Whether it is ready.
        self.settled = False

    def tell(
        self, informed: Callable[[Draft], None], ready: Callable[[], None]
    ) -> None:
        """From here on, tell these; at once, what is known by now."""
        self._informed, self._ready = informed, ready
        if self.info is not None:
            informed(self.info)
        if self.settled:
            ready()

    def probe(self) -> None:
        """Ask it, again and again until :meth:`stop`."""
        heard = self._kernel.heard
        # One that has closed its iopub is none of the silent ones: no cell of
        # it would ever end.
        if self.info is not None and heard:
            self._silent += 1
            if self.published or self._silent > SILENT_PROBES:
                self._settle()
                return
        self._timer.start(PROBE_TIME, self.probe)
        # One waits for a kernel that is not there yet; it may be in a queue for
        # days, and would have to answer each before the first cell.
        if not len(self._errands) or heard:
            self._errands.ask("shell", Draft("kernel_info_request", {}), self._answer)

    def idled(self) -> None:
        """Note the idle of a question of ours."""
        if not self._idle:
            self._idle = True
            self._check()

    def stop(self) -> None:
        """Stop asking."""
        self._timer.stop()

    def _answer(self, envelope: Envelope) -> None:
        if envelope.header["msg_type"] != "kernel_info_reply":
            return
        self.info = Draft("kernel_info_reply", envelope.content)
        self._informed(self.info)
        self._check()

    def _check(self) -> None:
        if self.info is not None and self._idle:
            self._settle()

    def _settle(self) -> None:
        self.settled = True
        self._ready()
