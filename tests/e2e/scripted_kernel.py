"""A small kernel that goes wrong as it is told: it speaks the Jupyter protocol and
knows nothing of any language.  Used as ``python scripted_kernel.py CONNECTION_FILE``;
needs pyzmq only, and starts fast.  Must not import anything of ``ipr`` or of the tests.

A request says what is to go wrong in its metadata: ``{"fault": {"moment": MOMENT,
"way": WAY}}``.  What is to go wrong while the kernel starts, when no request can say
so, stands in the file that the environment variable ``SCRIPTED_KERNEL_FAULT`` names; it
is taken away by the kernel that reads it, so that the next one starts.

Moments: ``on_request`` (nothing said yet), ``after_busy``, ``after_execute_input``,
``while_printing`` (between two pieces), ``while_input`` (after input_request),
``after_reply`` (before idle), ``after_idle``, ``on_shutdown`` (remembered until a
shutdown_request comes); in the file ``before_bind``, ``before_info`` (the sockets are
there, kernel_info is asked for) and ``before_iopub`` (it was answered, iopub not).

Ways:

======================  ==========================================================
``exit:N``              end with this exit code, at once
``kill:N``              end by this signal
``hang``                do nothing any more, on any channel; SIGTERM ends it
``deaf``                the same, and SIGTERM does not
``silent``              say nothing more about this request; others are served
``late``                go on with this request after 0.2 s; others are served
``last``                go on with it when the kernel is asked to shut down
``twice``               reply and idle come twice
``garbage``             send frames that are no messages, then go on
``close:CHANNEL``       close one socket (shell, control, stdin, iopub, hb)
``stay``                (on_shutdown) answer, and do not go
======================  ==========================================================

The code of a cell: ``print`` prints in two pieces, ``ask`` asks for input and prints
the answer, ``wait`` runs until it is interrupted, ``pid`` prints the process id; all
else does nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import zmq

Json = dict[str, Any]
DELIMITER = b"<IDS|MSG>"
REPLYLESS = ("comm_open", "comm_msg", "comm_close")

INFO: Json = {
    "status": "ok",
    "protocol_version": "5.3",
    "implementation": "scripted",
    "implementation_version": "1",
    "language_info": {
        "name": "none",
        "version": "1",
        "mimetype": "text/plain",
        "file_extension": ".txt",
    },
    "banner": "scripted kernel",
    "help_links": [],
    "supported_features": ["kernel subshells", "debugger"],
}


class Kernel:
    """The sockets, and what is served on them."""

    def __init__(self, connection_file: str) -> None:
        self.fault_at_start = take_fault()
        if self.fault_at_start.get("moment") == "before_bind":
            go_wrong(self.fault_at_start["way"])
        with open(connection_file) as file:
            info = json.load(file)
        self.key = info["key"].encode()
        self.session = uuid.uuid4().hex
        self.count = 0
        self.interrupted = False
        self.on_shutdown = ""
        #: What continues later: at a time, at the shutdown, when input comes.
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.at_shutdown: list[Callable[[], None]] = []
        self.at_input: Callable[[str], None] | None = None
        self.context = zmq.Context()
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        for channel, kind in (
            ("shell", zmq.ROUTER),
            ("control", zmq.ROUTER),
            ("stdin", zmq.ROUTER),
            ("hb", zmq.REP),
            ("iopub", zmq.PUB),
        ):
            socket = self.context.socket(kind)
            socket.linger = 1000
            socket.sndhwm = socket.rcvhwm = 0
            if kind == zmq.ROUTER:
                socket.router_handover = 1
            between = ":" if info["transport"] == "tcp" else "-"
            port = info[f"{channel}_port"]
            socket.bind(f"{info['transport']}://{info['ip']}{between}{port}")
            self.sockets[channel] = socket

    # -- saying things

    def send(
        self,
        channel: str,
        identities: list[bytes],
        kind: str,
        content: Json,
        parent: Json,
        key: bytes | None = None,
    ) -> None:
        """Send a signed message, if the channel still has its socket."""
        if channel not in self.sockets:
            return
        header = {
            "msg_id": uuid.uuid4().hex,
            "session": self.session,
            "username": "scripted",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": kind,
            "version": "5.3",
        }
        parts = [json.dumps(part).encode() for part in (header, parent, {}, content)]
        signature = b""
        if self.key:
            made = hmac.new(key or self.key, digestmod=hashlib.sha256)
            for part in parts:
                made.update(part)
            signature = made.hexdigest().encode()
        self.sockets[channel].send_multipart(
            [*identities, DELIMITER, signature, *parts]
        )

    def publish(self, kind: str, content: Json, parent: Json) -> None:
        self.send("iopub", [kind.encode()], kind, content, parent)

    def status(self, state: str, parent: Json) -> None:
        self.publish("status", {"execution_state": state}, parent)

    def garbage(self, channel: str, identities: list[bytes], parent: Json) -> None:
        """Send what is no message; clients have to live with it, and so has ipr."""
        for frames in (
            [b""],
            [b"no delimiter", b"at all"],
            [DELIMITER],
            [DELIMITER, b"00", b"{", b"}", b"[", b"]"],
            [DELIMITER, b"", b"{}", b"{}", b"{}", b"{}"],
        ):
            for name, front in ((channel, identities), ("iopub", [b"topic"])):
                if name in self.sockets:
                    self.sockets[name].send_multipart([*front, *frames])
        self.send("iopub", [b"topic"], "stream", {}, parent, key=b"another key")

    # -- being asked things

    def serve(self) -> None:
        """Serve for ever; ends by ``os._exit``, or by returning after a shutdown."""
        # A subscriber needs an instant to be connected; ipr asks until it is.
        self.status("starting", {})
        while True:
            poller = zmq.Poller()
            for channel, socket in self.sockets.items():
                # While a cell asks for input the kernel is busy.
                if channel != "iopub" and not (channel == "shell" and self.at_input):
                    poller.register(socket, zmq.POLLIN)
            next_time = min((at for at, _ in self.later), default=time.monotonic() + 60)
            wait = max(0.0, next_time - time.monotonic())
            ready = dict(poller.poll(int(wait * 1000) + 1))
            due = [each for each in self.later if each[0] <= time.monotonic()]
            for each in due:
                self.later.remove(each)
                each[1]()
            for channel, socket in list(self.sockets.items()):
                if socket in ready and not socket.closed:
                    frames = socket.recv_multipart()
                    if channel == "hb":
                        socket.send_multipart(frames)
                    elif self.hear(channel, frames):
                        return

    def hear(self, channel: str, frames: list[bytes]) -> bool:
        """Take one message; :return: whether the kernel is to end."""
        at = frames.index(DELIMITER)
        header, _, metadata, content = (json.loads(f) for f in frames[at + 2 : at + 6])
        request = Request(self, channel, frames[:at], header, metadata, content)
        kind = header["msg_type"]
        if kind == "input_reply":
            if self.at_input is not None:
                resume, self.at_input = self.at_input, None
                resume(content["value"])
            return False
        if kind == "shutdown_request":
            return self.shut_down(request)
        if self.fault_at_start and kind == "kernel_info_request":
            fault, self.fault_at_start = self.fault_at_start, {}
            if fault["moment"] == "before_iopub":
                request.reply()
                time.sleep(0.05)
            self.go_wrong(fault["way"])
        request.go_on()
        return False

    def shut_down(self, request: Request) -> bool:
        """Answer a shutdown_request, or whatever is told instead."""
        for resume in self.at_shutdown:
            resume()
        way = self.on_shutdown
        if way and way not in ("stay", "twice"):
            if way in ("silent", "late"):
                return False
            self.go_wrong(way)
        content = {"status": "ok", "restart": request.content.get("restart", False)}
        self.status("busy", request.header)
        for _ in range(2 if way == "twice" else 1):
            request.send("shutdown_reply", content)
            self.publish("shutdown_reply", content, request.header)
            self.status("idle", request.header)
        if way == "stay":
            return False
        for socket in self.sockets.values():
            socket.close(linger=200)
        self.context.term()
        return True

    def go_wrong(self, way: str) -> None:
        """Do what concerns the whole kernel; returns only after close:CHANNEL."""
        if way.startswith("close:"):
            socket = self.sockets.pop(way[6:], None)
            if socket is not None:
                socket.close(linger=0)
            return
        # What was said before is on its way: the moment is what it is called.
        time.sleep(0.02)
        go_wrong(way)


class Request:
    """One request, answered step by step, with something going wrong between two."""

    def __init__(
        self,
        kernel: Kernel,
        channel: str,
        identities: list[bytes],
        header: Json,
        metadata: Json,
        content: Json,
    ) -> None:
        self.kernel = kernel
        self.channel = channel
        self.identities = identities
        self.header = header
        self.content = content
        self.type: str = header["msg_type"]
        fault = metadata.get("fault") or {}
        self.moment: str = fault.get("moment", "")
        self.way: str = fault.get("way", "")
        self.times = 1
        self.steps = list(self.plan())
        self.waiting = False

    def plan(self) -> list[tuple[str, Callable[[], None]]]:
        """:return: what is to be done, each with the moment that comes after it."""
        code = self.content.get("code", "")
        steps: list[tuple[str, Callable[[], None]]] = [
            ("on_request", lambda: None),
            ("after_busy", self.busy),
        ]
        if self.type == "execute_request":
            steps.append(("after_execute_input", self.execute_input))
            if code in ("print", "pid"):
                said = str(os.getpid()) if code == "pid" else "one,"
                steps.append(("while_printing", lambda: self.say(said)))
                steps.append(("", lambda: self.say("two\n")))
            if code == "ask":
                steps.append(("while_input", self.ask))
            if code == "wait":
                steps.append(("", self.wait))
        steps.append(("after_reply", self.reply))
        steps.append(("after_idle", self.idle))
        return steps

    def go_on(self) -> None:
        """Do the remaining steps, up to the one where something goes wrong."""
        while self.steps:
            moment, step = self.steps.pop(0)
            step()
            if moment and moment == self.moment and self.goes_wrong():
                return
            if self.waiting:
                return

    def goes_wrong(self) -> bool:
        """Do what the request told; :return: whether it does not go on by itself."""
        kernel, way = self.kernel, self.way
        if way == "silent":
            kernel.at_input = None
            return True
        if way == "late":
            kernel.later.append((time.monotonic() + 0.2, self.go_on))
            return True
        if way == "last":
            kernel.at_shutdown.append(self.go_on)
            return True
        if way == "twice":
            self.times = 2
            if not self.steps:
                self.reply()
                self.idle()
            return False
        if way == "garbage":
            kernel.garbage(self.channel, self.identities, self.header)
            return False
        kernel.go_wrong(way)
        return False

    # -- the steps

    def send(self, kind: str, content: Json) -> None:
        self.kernel.send(self.channel, self.identities, kind, content, self.header)

    def busy(self) -> None:
        self.kernel.status("busy", self.header)

    def idle(self) -> None:
        for _ in range(self.times):
            self.kernel.status("idle", self.header)

    def execute_input(self) -> None:
        self.kernel.count += 1
        content = {"code": self.content["code"], "execution_count": self.kernel.count}
        if not self.content.get("silent"):
            self.kernel.publish("execute_input", content, self.header)

    def say(self, text: str) -> None:
        content = {"name": "stdout", "text": text}
        self.kernel.publish("stream", content, self.header)

    def ask(self) -> None:
        content = {"prompt": "? ", "password": False}
        self.kernel.send(
            "stdin", self.identities, "input_request", content, self.header
        )
        self.waiting = True

        def resume(value: str) -> None:
            self.waiting = False
            self.say(value)
            self.go_on()

        self.kernel.at_input = resume

    def wait(self) -> None:
        """Be busy until SIGINT comes, or an interrupt_request (a minute at most)."""
        end = time.monotonic() + 60
        while not self.kernel.interrupted and time.monotonic() < end:
            time.sleep(0.01)
        self.kernel.interrupted = False

    def reply(self) -> None:
        if self.type in REPLYLESS:
            return
        content: Json = {"status": "ok"}
        if self.type == "execute_request":
            content["execution_count"] = self.kernel.count
            content["user_expressions"] = {}
            content["payload"] = []
            fault = self.content.get("code", "").split()
            if fault[:1] == ["on_shutdown"]:
                self.kernel.on_shutdown = fault[1]
        elif self.type == "kernel_info_request":
            content = INFO
        elif self.type == "create_subshell_request":
            content["subshell_id"] = uuid.uuid4().hex
        elif self.type == "list_subshell_request":
            content["subshell_id"] = []
        elif self.type == "is_complete_request":
            content["status"] = "complete"
        elif self.type == "comm_info_request":
            content["comms"] = {}
        elif self.type == "history_request":
            content["history"] = []
        elif self.type == "inspect_request":
            content.update(found=False, data={}, metadata={})
        elif self.type == "complete_request":
            content.update(matches=[], cursor_start=0, cursor_end=0, metadata={})
        for _ in range(self.times):
            self.send(self.type.removesuffix("_request") + "_reply", content)


def take_fault() -> Json:
    """:return: what is to go wrong in this start, ``{}`` for nothing."""
    path = os.environ.get("SCRIPTED_KERNEL_FAULT", "")
    taken = f"{path}.{os.getpid()}"
    try:
        # The rename decides who has it.
        os.rename(path, taken)
    except OSError:
        return {}
    with open(taken) as file:
        found: Json = json.load(file)
    os.unlink(taken)
    return found


def go_wrong(way: str) -> None:
    """End, or hang for ever."""
    name, _, number = way.partition(":")
    if name == "exit":
        os._exit(int(number))
    if name == "kill":
        signal.signal(int(number), signal.SIG_DFL) if int(number) != 9 else None
        os.kill(os.getpid(), int(number))
    if name == "deaf":
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
    print(f"scripted kernel: now {way}", file=sys.stderr, flush=True)
    while True:
        time.sleep(60)


def main() -> None:
    kernel: Kernel | None = None

    def interrupt(*_: object) -> None:
        if kernel is not None:
            kernel.interrupted = True

    signal.signal(signal.SIGINT, interrupt)
    kernel = Kernel(sys.argv[1])
    with contextlib.suppress(KeyboardInterrupt):
        kernel.serve()


if __name__ == "__main__":
    main()
