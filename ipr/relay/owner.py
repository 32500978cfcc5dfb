"""The kernel manager that restarts in place, and what it orders.

Knows who that is, how often it has asked for a restart, and when its orders are carried
out. Must not know how a kernel is started, nor what an order changes in its
surroundings. The messages are in :mod:`ipr.jupyter.ownership`, the reasons in
``docs/design.rst``, "Restart from the front end".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.logger import Logger
from twisted.python.failure import Failure as Reason

from ipr.jupyter import messages, ownership
from ipr.jupyter.messages import Draft, Failure
from ipr.jupyter.ownership import Greeting, Wrong
from ipr.jupyter.wire import CONTENT, Envelope, Malformed
from ipr.lifecycle.causes import RESTARTED, failure
from ipr.lifecycle.limits import Pace
from ipr.relay.answers import Reply
from ipr.relay.interrupts import Interrupts
from ipr.relay.ports import Changer, Decider
from ipr.relay.request import Request
from ipr.relay.restarts import Restarts
from ipr.relay.timer import CallLater, Timer
from ipr.relay.voice import Voice

#: What an order gets that comes too late.
LEAVING = "the daemon is ending"


#: Seconds after the daemon's start in which a greeting may still be on its way: it
#: waits in its sender's socket until that has found out that we listen. libzmq tries
#: again within 0.2 s; the rest is for a machine that is busy, and for a tunnel.
EARLY_TIME = 2.0
#: Seconds of these that a request to end waits for it.
GREETING_TIME = 1.0


class Early:
    """A shutdown_request{restart: true} that has overtaken the greeting.

    The two come by different connections. Without this, a restart right after the
    start would end the daemon, and with it the job.
    """

    def __init__(self, call_later: CallLater, now: Callable[[], float]) -> None:
        self._timer = Timer(call_later)
        self._now = now
        self._over = now() + EARLY_TIME
        self._session: object = None

    def waits(self, request: Request, end: Callable[[], None]) -> bool:
        """Whether it is early; then ``end`` is called if no greeting comes."""
        left = self._over - self._now()
        if left <= 0.0:
            return False
        self._session = request.header.get("session")
        self._timer.start(min(left, GREETING_TIME), end)
        return True

    def heard(self, owner: str) -> bool:
        """A greeting has come; return whether it is the one that is waited for."""
        if not self._timer.running or owner != self._session:
            return False
        self._timer.stop()
        return True

    def stop(self) -> None:
        """Stop waiting."""
        self._timer.stop()


class Owner:
    """Who greeted last, if anybody has.

    The latest greeting counts: a manager that comes back on another line has to be
    heard, and whoever can greet has the connection file's key, with which they could
    end the kernel anyway.
    """

    def __init__(
        self,
        voice: Voice,
        restarts: Restarts,
        decider: Decider,
        changer: Changer,
        interrupts: Interrupts,
        call_later: CallLater,
    ) -> None:
        self._voice = voice
        self._restarts = restarts
        self._decider = decider
        self._changer = changer
        self._interrupts = interrupts
        self._early = Early(call_later, decider.now)
        self._greeting: Greeting | None = None
        #: It only grows: whoever waits for that must not wait in vain.
        self._asked = 0
        #: Whether the clients have heard of the restart that is to come.
        self._announced = False
        #: The order whose folder is being looked for.
        self._pending: Request | None = None

    @property
    def known(self) -> bool:
        """Whether anybody has greeted."""
        return self._greeting is not None

    def sent(self, request: Request) -> bool:
        """Whether the owner sent this: the manager, or a client of its session."""
        owner = self._greeting.owner if self._greeting is not None else None
        return owner is not None and request.header.get("session") == owner

    def greeted(self, channel: str, envelope: Envelope) -> bool:
        """Answer a kernel_info_request that is a greeting; False: it is none.

        At once, whatever the kernel does, and on control only.
        """
        if channel != "control" or b'"ipr"' not in bytes(envelope.body[CONTENT]):
            return False
        try:
            greeting = ownership.greeting(envelope.header, envelope.content)
        except Malformed:
            return False
        if greeting is None:
            return False
        if greeting != self._greeting:
            _log.info(
                "A kernel manager restarts in place: {owner}", owner=greeting.owner
            )
            self._greeting = greeting
            if self._early.heard(greeting.owner):
                self._asked += 1
                self._announced = True
        answer = ownership.greeted(
            self._voice.info(), greeting.owner, self._asked, self._decider.generation()
        )
        self._reply(Request.of(channel, envelope), answer)
        return True

    def stays(self, request: Request) -> bool:
        """Whether a shutdown_request{restart: true} is the owner's: an order follows.

        No timer runs until that comes: after a restart that was aborted half way
        none does, and the kernel is to stay as it is. Right after the start it may be
        the owner's whose greeting has not come yet.
        """
        if self._greeting is None:
            return self._early.waits(request, self._decider.shut_down)
        if not self.sent(request):
            return False
        self._asked += 1
        self._announced = True
        return True

    def order(self, channel: str, envelope: Envelope) -> None:
        """Restart, if it is the owner who wants it; the answer says what came of it."""
        request = Request.of(channel, envelope)
        try:
            self._check(request)
            order = ownership.order(envelope.content)
        except (Wrong, Malformed) as error:
            self._refuse(request, str(error))
            return
        self._interrupts.forget()
        self._give_up("a later order takes its place")
        self._pending = request
        checking = self._changer.follow(dict(order.env), order.cwd)
        checking.addCallback(partial(self._carry_out, request, order.now))
        checking.addErrback(partial(self._failed, request))

    def end(self) -> None:
        """The daemon goes."""
        self._early.stop()
        self._interrupts.forget()
        self._give_up(LEAVING)

    # --- an order -----------------------------------------------------------

    def _check(self, request: Request) -> None:
        if request.channel != "control":
            raise Wrong("an order to restart has to come on control")
        greeting = self._greeting
        if greeting is None or request.header.get("session") != greeting.session:
            raise Wrong(
                "orders to restart are taken from the session that greeted last, and"
                " this is another one; run %restart instead"
            )
        if self._decider.leaving():
            raise Wrong(LEAVING)

    def _carry_out(
        self, request: Request, now: bool, apply: Callable[[], tuple[str, ...]]
    ) -> None:
        if request is not self._pending:
            return
        if self._decider.leaving():
            self._give_up(LEAVING)
            return
        ignored = apply()
        announced, self._announced = self._announced, False
        self._restarts.overtake(failure(RESTARTED), Pace.of(now), announced=announced)
        self._pending = None
        self._reply(request, ownership.ordered(ignored))

    def _failed(self, request: Request, reason: Reason) -> None:
        if request is not self._pending:
            return
        self._pending = None
        if reason.check(ValueError) is None:
            _log.failure("An order to restart failed", reason)
        self._refuse(request, reason.getErrorMessage())

    def _give_up(self, why: str) -> None:
        request, self._pending = self._pending, None
        if request is not None:
            self._refuse(request, why)

    def _refuse(self, request: Request, why: str) -> None:
        _log.warn("Did not carry out an order to restart: {why}", why=why)
        wrong = Failure("NotRestarted", why)
        self._reply(request, messages.error_reply(ownership.ORDER, wrong))

    def _reply(self, request: Request, draft: Draft) -> None:
        self._voice.post(request, (Reply(draft),))


_log = Logger()
