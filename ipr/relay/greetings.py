"""What a client is told before its first cell.

Knows the kernel_info as far as known, who waits for it, who waits for a
welcome, and whether anybody listens. Must not know cells.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter import messages
from ipr.jupyter.messages import Draft, Failure
from ipr.jupyter.wire import Envelope
from ipr.relay.answers import Publish
from ipr.relay.obituary import Obituary
from ipr.relay.request import Request
from ipr.relay.timer import CallLater, Timer
from ipr.relay.voice import Voice

#: Seconds after which a kernel_info_request is answered without a kernel.
KERNEL_INFO_TIME = 30.0

#: Topics whose subscribers are welcomed once there is a kernel; anybody can subscribe.
MOST_WELCOMES = 64

NO_KERNEL = Failure("NoKernel", "there is no kernel")


class Info:
    """The kernel_info_reply.

    :param synthetic: makes one up for when no kernel could be asked yet; called
        with the reason, or ``""``.
    :ivar known: what a kernel said, if any did.
    :ivar reason: why there is no kernel and none is coming, or None.
    """

    def __init__(self, synthetic: Callable[[str], Draft]) -> None:
        self._synthetic = synthetic
        self.known: Draft | None = None
        self.reason: str | None = None

    def learn(self, info: Draft) -> None:
        """Note what a kernel says of itself."""
        self.known = info

    def forget(self) -> None:
        """The next kernel is of another kind: ask it who it is."""
        self.known = None

    def current(self) -> Draft:
        """Return it as far as known."""
        return self.known or self._synthetic(self.reason or "")

    @property
    def features(self) -> list[object]:
        """What the kernel says that it supports."""
        found = self.current().content.get("supported_features")
        return found if isinstance(found, list) else []


class Greetings:
    """The clients who wait for an answer or a welcome."""

    def __init__(self, voice: Voice, info: Info, call_later: CallLater) -> None:
        self._voice = voice
        self.info = info
        self._call_later = call_later
        # Topics of those who are welcomed when there is a kernel, or none.
        self._unwelcomed: list[bytes] = []
        self._asking: dict[Request, Timer] = {}
        self._listener = Timer(call_later)
        self._when_heard: Callable[[], None] | None = None
        #: A death that nobody has heard of.
        self.obituary = Obituary()

    # --- on iopub -----------------------------------------------------------

    def subscription(self, event: bytes) -> None:
        """Take a subscription, or the end of one, from whoever can connect."""
        if event[:1] != b"\x01":
            return
        self.stop_waiting()
        topic = event[1:]
        if self._voice.session_known or self.info.reason is not None:
            self._voice.welcome(topic)
        elif topic not in self._unwelcomed and len(self._unwelcomed) < MOST_WELCOMES:
            # It must carry the session of the kernel that is coming.
            self._unwelcomed.append(topic)

    def expect_listener(self, seconds: float) -> None:
        """Hold the first kernel back until somebody listens.

        A client that was there first tries to connect each of its sockets ten
        times a second. The inner kernel is up soon after we listen: without
        this a first cell may run before the client's iopub is there.

        :param seconds: how long to wait at most.
        """
        self._listener.start(seconds, self.stop_waiting)

    def when_heard(self, call: Callable[[], None]) -> None:
        """Call it when somebody listens, now or soon; only the last call counts."""
        if self._listener.running:
            self._when_heard = call
        else:
            call()

    def stop_waiting(self) -> None:
        """Somebody listens, or nobody is going to."""
        self._listener.stop()
        call, self._when_heard = self._when_heard, None
        if call is not None:
            call()

    # --- kernel_info --------------------------------------------------------

    def ask(self, channel: str, envelope: Envelope) -> None:
        """Answer a kernel_info_request, or have it wait for a kernel."""
        request = Request.of(channel, envelope)
        if self.info.known is not None or self.info.reason is not None:
            self._voice.refuse(request, NO_KERNEL)
            return
        timer = self._asking[request] = Timer(self._call_later)
        timer.start(KERNEL_INFO_TIME, lambda: self._answer_info(request))

    # --- a death ------------------------------------------------------------

    def tell_of_death(self, channel: str, envelope: Envelope) -> None:
        """Say at the head of a cell that the kernel died while none ran."""
        request = Request.of(channel, envelope)
        text = self.obituary.heading(request.content)
        if text is not None:
            draft = messages.stream(text, "stderr")
            self._voice.post(request, (Publish(draft),))

    # --- what the restarter does --------------------------------------------

    def kernel_coming(self) -> None:
        """Another kernel is coming up."""
        self.info.reason = None
        self._when_heard = None

    def kernel_ready(self) -> None:
        """Those who wait can be told by now."""
        topics, self._unwelcomed = self._unwelcomed, []
        for topic in topics:
            self._voice.welcome(topic)
        for request in list(self._asking):
            self._answer_info(request)

    def no_kernel(self, reason: str) -> None:
        """None is coming."""
        self.info.reason = reason
        self.kernel_ready()

    def _answer_info(self, request: Request) -> None:
        self._asking.pop(request).stop()
        self._voice.refuse(request, NO_KERNEL)
