"""A client that costs little, and the same whatever it talks to.

Knows the Jupyter wire format through ``jupyter_client.session`` and raw
ZeroMQ sockets; looks at no more of a message than it must. Must not know how
the kernel was started, or whether ``ipr`` is in between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import zmq
from jupyter_client.session import Session

DELIMITER = b"<IDS|MSG>"
HEADER, PARENT, CONTENT = 2, 3, 5


class TookTooLong(Exception):
    """Something did not come; the text says what was waited for."""


class Client:
    """Shell, control and iopub of one kernel.

    :param connection: the connection file's content.
    :param reconnect: milliseconds between tries to connect; None leaves
        libzmq's 100, which jupyter_client's own clients have too.
    """

    def __init__(
        self, connection: dict[str, Any], *, reconnect: int | None = None
    ) -> None:
        self._context = zmq.Context()
        self.session = Session(key=connection["key"].encode())
        self.shell = self._socket(zmq.DEALER, connection, "shell", reconnect)
        self.control = self._socket(zmq.DEALER, connection, "control", reconnect)
        self.iopub = self._socket(zmq.SUB, connection, "iopub", reconnect)
        self._poller = zmq.Poller()
        self._poller.register(self.shell, zmq.POLLIN)
        self._poller.register(self.iopub, zmq.POLLIN)

    def _socket(
        self, kind: int, connection: dict[str, Any], channel: str, reconnect: int | None
    ) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.rcvhwm = socket.sndhwm = 0
        if reconnect is not None:
            socket.set(zmq.RECONNECT_IVL, reconnect)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        port = connection[f"{channel}_port"]
        socket.connect(f"{connection['transport']}://{connection['ip']}:{port}")
        return socket

    def close(self) -> None:
        """Close all sockets."""
        self._context.destroy(linger=0)

    # Requests.

    def request(self, msg_type: str, content: dict[str, Any]) -> tuple[bytes, Any]:
        """Make a request ready to be sent.

        :return: its ``msg_id`` and its frames; made before the clock starts.
        """
        message = self.session.msg(msg_type, content)
        return message["header"]["msg_id"].encode(), self.session.serialize(message)

    def code(self, source: str) -> tuple[bytes, Any]:
        """Make an execute_request ready that leaves no trace in the history."""
        return self.request(
            "execute_request",
            {
                "code": source,
                "silent": False,
                "store_history": False,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": True,
            },
        )

    def settle(
        self, timeout: float = 60.0, lives: Callable[[], bool] = lambda: True
    ) -> None:
        """Wait until shell answers and iopub is subscribed.

        :param lives: whether waiting makes sense at all.
        :raises TookTooLong: after ``timeout`` seconds, or when it does not.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and lives():
            asked, frames = self.request("kernel_info_request", {})
            self.shell.send_multipart(frames)
            until = time.monotonic() + 1.0
            reply = idle = False
            while time.monotonic() < until and not (reply and idle):
                for socket, _ in self._poller.poll(100):
                    body = cut(socket.recv_multipart())
                    if asked not in body[PARENT]:
                        continue
                    if socket is self.shell:
                        reply = True
                    elif b'"idle"' in body[CONTENT]:
                        idle = True
            if reply and idle:
                return
        cause = f"{timeout:g} s" if lives() else "but the process has ended"
        raise TookTooLong(f"kernel_info_reply and its idle, {cause}")

    def drain(self) -> None:
        """Throw away what came and nobody asked for."""
        while self._poller.poll(0):
            for socket in (self.shell, self.iopub):
                while socket.poll(0):
                    socket.recv_multipart()

    def run(
        self,
        asked: bytes,
        frames: Any,
        timeout: float = 60.0,
        seen: Callable[[list[Any]], None] | None = None,
    ) -> tuple[float, dict[str, Any]]:
        """Send an execute_request; wait for its reply *and* its idle.

        :param asked: the ``msg_id`` that :meth:`code` gave.
        :param frames: what :meth:`code` gave to send.
        :param seen: called with the body of each other iopub message of this
            request, its frames as ``zmq.Frame`` (so that large ones cost no copy).
        :return: seconds until both were there, and the reply's content.
        :raises TookTooLong: after ``timeout`` seconds.
        """
        shell, iopub, poll = self.shell, self.iopub, self._poller.poll
        reply: list[Any] | None = None
        idle = False
        started = time.perf_counter()
        deadline = started + timeout
        shell.send_multipart(frames)
        while reply is None or not idle:
            ready = poll(1000)
            if not ready and time.perf_counter() > deadline:
                missing = "the reply" if reply is None else "idle"
                raise TookTooLong(f"{missing} of an execute_request, {timeout:g} s")
            for socket, _ in ready:
                if socket is shell:
                    body = cut(shell.recv_multipart())
                    if asked in body[PARENT]:
                        reply = body
                    continue
                body = cut(iopub.recv_multipart(copy=False))
                if asked not in body[PARENT].bytes:
                    continue
                if b'"idle"' in body[CONTENT].buffer[:200].tobytes():
                    idle = True
                elif seen is not None:
                    seen(body)
        took = time.perf_counter() - started
        return took, json.loads(reply[CONTENT])

    def value(self, source: str, timeout: float = 60.0) -> str:
        """Evaluate an expression in the kernel; give its ``repr``.

        :raises TookTooLong: after ``timeout`` seconds.
        :raises RuntimeError: when the kernel answers with an error.
        """
        asked, frames = self.request(
            "execute_request",
            {
                "code": "",
                "silent": True,
                "store_history": False,
                "user_expressions": {"value": source},
                "allow_stdin": False,
                "stop_on_error": True,
            },
        )
        _, content = self.run(asked, frames, timeout)
        found = content["user_expressions"]["value"]
        if found["status"] != "ok":
            raise RuntimeError(f"{source}: {found}")
        return str(found["data"]["text/plain"])


def cut(frames: list[Any]) -> list[Any]:
    """Return a message from its delimiter on, so that indices are the same."""
    for place, frame in enumerate(frames):
        if len(frame) == len(DELIMITER) and bytes(frame) == DELIMITER:
            return frames[place:]
    raise ValueError("a message without delimiter")
