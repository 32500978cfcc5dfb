"""A connection to a daemon, like any client's: its control channel, and the key.

Knows ZeroMQ, that nothing goes to another user's program, and that an answer counts
only if it is signed, in time, and to what was asked. Must not know what is asked.
"""

from __future__ import annotations

import datetime
import os
import time
import uuid
from collections.abc import Callable, Collection, Sequence

import attrs
import zmq

from ipr.boot.connection import Outer
from ipr.jupyter import messages, remote
from ipr.jupyter.author import Author
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import JSON, Malformed, split
from ipr.sockets import owners
from ipr.terminal import files
from ipr.terminal.problem import Problem

#: Seconds that a daemon has for an answer, unless it has to look at files.
ANSWER_TIME = 2.0
#: Whose program listens on some ports, as :func:`ipr.sockets.owners.ours`.
Owners = Callable[[Collection[int]], dict[int, bool] | None]
#: Addresses of this machine, where Linux can be asked.
_HERE = frozenset({"127.0.0.1", "0.0.0.0", "localhost"})
#: Bytes that an answer may have: another program may listen there.
LARGEST_ANSWER = 16 << 20


class NoAnswer(Problem):
    """It did not answer in time."""


@attrs.frozen
class Answer:
    """What a daemon said.

    :ivar request: the id of what was asked.
    """

    request: str
    content: JSON


class Line:
    """Open until it is closed; a context manager.

    :param who: says whose program listens on some ports of this machine.
    :raises Problem: where the connection file says something impossible, or another
        user has taken the daemon's port: nothing is sent there.
    """

    def __init__(self, outer: Outer, who: Owners = owners.ours) -> None:
        self._path = outer.path
        if _is_taken(outer, who):
            gone = "its daemon is probably gone: remove the file"
            raise Problem(
                f"another user's program listens on port {outer.ports['control']},"
                f" where {outer.path} has its daemon; nothing was sent there;"
                f" {gone if os.geteuid() else files.AS_THAT_USER}"
            )
        try:
            self._signer = Signer(outer.key.encode(), outer.signature_scheme)
        except ValueError as error:
            raise Problem(f"{outer.path}: {error}") from None
        self._author = Author(self._signer, _new_id, _now)
        self._context = zmq.Context()
        try:
            self.socket = _connected(self._context, outer)
        except (zmq.ZMQError, ValueError) as error:
            self.close()
            raise Problem(
                f"{outer.path} names an address that cannot be reached: {error}"
            ) from None

    def __enter__(self) -> Line:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it; what was not sent is not sent any more."""
        self._context.destroy(linger=0)

    def ask(self, content: JSON, seconds: float = ANSWER_TIME) -> Answer:
        """Ask, and wait for the answer.

        :raises NoAnswer: none has come.
        :raises Problem: it is an error; with its sentence.
        """
        request = self.send(content)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.socket.poll(int(left * 1000) + 1):
                answer = self.receive(request)
                if answer is not None:
                    if answer.get("status") != "ok":
                        raise Problem(str(answer.get("evalue", "the daemon refused")))
                    return Answer(request, answer)
        raise NoAnswer(
            f"the daemon of {self._path} did not answer within {seconds:g} s"
        )

    def send(self, content: JSON) -> str:
        """Ask; returns the request's id."""
        request, body = self._author.request(messages.Draft(remote.REQUEST, content))
        self.socket.send_multipart(body)
        return request

    def receive(self, request: str) -> JSON | None:
        """Return the answer, if what has come is that."""
        try:
            envelope = split(self.socket.recv_multipart())
            if not self._signer.verifies(envelope.body):
                return None
            if envelope.parent_id != request:
                return None
            return envelope.content
        except Malformed:
            return None


def ask_all(lines: Sequence[Line | None], content: JSON) -> list[JSON | None]:
    """Ask several at once; None stands for those that do not answer in time."""
    requests = [line.send(content) if line is not None else "" for line in lines]
    answers: list[JSON | None] = [None] * len(lines)
    poller = zmq.Poller()
    places: dict[zmq.Socket[bytes], int] = {}
    for place, line in enumerate(lines):
        if line is not None:
            places[line.socket] = place
            poller.register(line.socket, zmq.POLLIN)
    until = time.monotonic() + ANSWER_TIME
    while places and (left := until - time.monotonic()) > 0:
        for socket, _ in poller.poll(int(left * 1000) + 1):
            place = places[socket]
            line = lines[place]
            answer = line.receive(requests[place]) if line is not None else None
            if answer is not None:
                answers[place] = answer
                del places[socket]
                poller.unregister(socket)
    return answers


def _is_taken(outer: Outer, who: Owners) -> bool:
    """Whether it is known that somebody else listens; CurveZMQ tells by itself."""
    if outer.transport != "tcp" or outer.ip not in _HERE or outer.curve_publickey:
        return False
    port = outer.ports["control"]
    return (who({port}) or {}).get(port) is False


def _connected(
    context: zmq.Context[zmq.Socket[bytes]], outer: Outer
) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.maxmsgsize = LARGEST_ANSWER
    if ":" in outer.ip and outer.transport == "tcp":
        socket.ipv6 = True
    if outer.curve_publickey:
        # As jupyter_client has it: a client takes the kernel's pair.
        socket.curve_serverkey = outer.curve_publickey
        socket.curve_publickey = outer.curve_publickey
        socket.curve_secretkey = outer.curve_secretkey
    address = outer.address("control").replace("//0.0.0.0:", "//127.0.0.1:")
    socket.connect(address)
    return socket


def _new_id() -> str:
    return uuid.uuid4().hex


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()
