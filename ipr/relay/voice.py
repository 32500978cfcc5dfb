"""How ipr says something itself.

Knows under which number, with which topic and signature, and whether to one
client or to all. Must not know when anything is said.
"""

from __future__ import annotations

from collections.abc import Callable

from ipr.jupyter import messages
from ipr.jupyter.author import Author
from ipr.jupyter.messages import Draft, Failure
from ipr.jupyter.wire import CONTENT, HEADER, JSON, PARENT, Frame
from ipr.relay import answers
from ipr.relay.answers import Publish, Reply, Steps
from ipr.relay.outputs import NOTHING_KEPT, Outputs
from ipr.relay.ports import FrontSide
from ipr.relay.request import Request

#: Clients that are known to be consoles.
MOST_CONSOLES = 1000

#: What people type to leave a console: ipykernel's and IRkernel's words.
LEAVING = frozenset({"exit", "exit()", "quit", "quit()", "q()"})


class Voice:
    """ipr's own, to its clients.

    :param front: the clients' sockets.
    :param author: writes the messages.
    :ivar info: returns the kernel_info_reply as far as known.
    :ivar outputs: what cells have shown, ipr's own under them included.
    :ivar count: the execution_count that the inner kernel named last.
    :ivar session_known: whether that kernel has said its session.
    :ivar consoles: clients that have asked what a console asks before each cell.
    """

    def __init__(
        self,
        front: FrontSide,
        author: Author,
        info: Callable[[], Draft],
        outputs: Outputs = NOTHING_KEPT,
    ) -> None:
        self.front = front
        self.author = author
        self.info = info
        self.outputs = outputs
        self.count = 0
        self.session_known = False
        self.consoles: dict[tuple[bytes, ...], None] = {}

    def kernel_coming(self) -> None:
        """Another kernel is coming up; the old session stays until it names its own."""
        self.count = 0
        self.session_known = False

    def learn_session(self, header: JSON) -> None:
        """Put the session of the kernel that sent this header on what follows."""
        session = header.get("session")
        if isinstance(session, str) and session:
            self.author.session = session
            self.session_known = True
            version = header.get("version")
            if isinstance(version, str) and version:
                self.author.version = version

    def post(self, request: Request, steps: Steps) -> None:
        """Send messages with ``request`` as their parent."""
        for step in steps:
            body = self.author.body(step.draft, request.header_frame)
            if isinstance(step, Publish):
                self.front.publish([self.author.topic(step.draft), *body])
                self.outputs.published(body[HEADER], body[PARENT], body[CONTENT])
            else:
                self.front.send(request.channel, [*request.identities, *body])

    def written(self, draft: Draft, request: Request) -> list[Frame]:
        """Write something for iopub in the kernel's place."""
        body = self.author.body(draft, request.header_frame)
        return [self.author.topic(draft), *body]

    def whisper(self, request: Request, draft: Draft) -> None:
        """Publish a log record: as post, but never the cause of another."""
        self.front.publish(self.written(draft, request))

    def announce(self, draft: Draft, parent_type: str) -> None:
        """Publish something that belongs to no request of a client."""
        parent = self.author.foreign(parent_type)
        body = self.author.body(draft, parent)
        self.front.publish([self.author.topic(draft), *body])

    def welcome(self, topic: bytes) -> None:
        """Welcome a subscriber to what begins with ``topic``."""
        draft = messages.iopub_welcome(topic.decode(errors="replace"))
        body = self.author.body(draft, b"{}")
        self.front.publish([topic, *body] if topic else body)

    def answer(self, request: Request, *steps: answers.Step) -> None:
        """Answer a request by these, with busy and idle around them."""
        self.post(request, answers.answered(request, *steps))

    def refuse(self, request: Request, why: Failure) -> None:
        """Answer a request that no inner kernel will ever see.

        ``exit`` in a console is carried out by the console, once the kernel has
        asked for it: one without a kernel could not be left.
        """
        number = self.number(request)
        if self._leaves(request):
            self.answer(request, Reply(messages.execute_leave(number)))
            return
        self.post(request, answers.refused(request, why, number, self.info()))

    def lose(self, request: Request, why: Failure, *, followed: bool) -> None:
        """Finish a request to an inner kernel that is gone.

        A cell that ended before it could say its number had the next one. A console
        whose kernel is followed by another one begins with ``In [1]`` again.
        """
        count = request.progress.execution_count or self.count + 1
        if followed and self._is_console(request):
            count = 0
        self.post(request, answers.lost(request, why, count, self.info()))

    def number(self, request: Request) -> int:
        """Return the execution_count for an answer of ipr's own.

        JupyterLab 4.6 takes 0 for "not run": the cell would keep its star.
        """
        return max(self.count, 1) if request.from_notebook else self.count

    def restart_number(self, request: Request) -> int:
        """Return the execution_count of a %restart.

        After 0 consoles begin with ``In [1]`` again; for notebooks that is "not
        run". Some of these do not name the cell (those whose server runs the
        cells): so a console is a client that asks whether a line is complete.
        """
        return 0 if self._is_console(request) else self.count + 1

    def _leaves(self, request: Request) -> bool:
        return (
            request.msg_type == "execute_request"
            and request.field("code", "").strip() in LEAVING
            and self._is_console(request)
        )

    def _is_console(self, request: Request) -> bool:
        console = tuple(request.identities) in self.consoles
        return console and not request.from_notebook

    def note_console(self, identities: list[bytes]) -> None:
        """Note a client that asked whether a line is complete."""
        client = tuple(identities)
        if client not in self.consoles and len(self.consoles) < MOST_CONSOLES:
            self.consoles[client] = None
