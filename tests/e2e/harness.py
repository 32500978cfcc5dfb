"""Knows how to start kernels the way jupyter_client does, plain or behind ``ipr``,
in a scratch folder of their own, and how to write down every message that their
clients receive; must not know what ``ipr`` answers to anything: that is what the
tests say.  There is no reactor in here, and every wait has a bound and says what it
waited for.

A *kind* is ``"plain"`` (ipykernel as its own kernelspec starts it) or ``"wrapped"``
(the same one behind ``python -m ipr``).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import psutil
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import ipr

Kind = Literal["plain", "wrapped"]
Json = dict[str, Any]

#: The folder that holds the package under test: what is tested is this tree and not
#: an installed copy of it.
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(ipr.__file__)))

#: What ipykernel writes into its own kernel.json, with the interpreter spelled out.
IPYKERNEL_ARGV = [
    sys.executable,
    "-m",
    "ipykernel_launcher",
    "-f",
    "{connection_file}",
]
IPYKERNEL_METADATA: Json = {"debugger": True, "supported_encryption": ["curve"]}

CHANNELS = ("shell", "control", "stdin", "iopub")
#: Requests that the protocol gives no reply to.
REPLYLESS = frozenset({"comm_open", "comm_msg", "comm_close", "input_reply"})

DELIMITER = b"<IDS|MSG>"
#: The bound of an ordinary wait, in seconds: long, since the machine may be busy, and
#: without effect on a test that passes.
PATIENCE = 45.0


def allowing_for_load(seconds: float) -> float:
    """What is promised in seconds is promised for a machine that has a core to spare.

    :param seconds: the promise.
    :return: the same, times the processes that compete for each core.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Waited(AssertionError):
    """A wait ran into its bound; the text says what was waited for."""


def interpreter_options() -> list[str]:
    """:return: what keeps an ``ipr.py`` of the notebook folder off ``sys.path``."""
    return ["-P"] if sys.version_info >= (3, 11) else []


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not, whoever fails to reap it.

    :param pid: the process id.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The name stands in parentheses and may hold anything (proc(5)).
            state = stat.read().rpartition(b")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in (b"Z", b"X", b"x")


def until(
    condition: Callable[[], Any],
    what: str,
    within: float = PATIENCE,
    every: float = 0.02,
) -> Any:
    """Ask again and again, for things that send no event (processes, files).

    :param condition: asked every *every* seconds until it says something true.
    :param what: named in the failure.
    :param within: the bound, in seconds.
    :return: what *condition* said.
    :raises Waited: when the bound is reached.
    """
    end = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Waited(f"waited {within:g} s for {what}")
        time.sleep(every)


# --------------------------------------------------------------------------------
# Where it all happens


class Place:
    """A scratch folder with kernelspecs, connection files and IPython's own files.

    The path is short on purpose: ipc sockets may lie below it, and the name of a
    Unix socket ends at 107 bytes (unix(7)).

    :ivar root: the folder; everything below is removed by :meth:`close`.
    :ivar mark: stands in the environment of every process started here.
    """

    def __init__(self) -> None:
        self.root = tempfile.mkdtemp(prefix="ipr-")
        self.mark = uuid.uuid4().hex
        self.kernels: list[Kernel] = []
        self._specs = 0
        self.specs = self._folder("data", "kernels")
        self.runtime = self._folder("run")
        self.temporary = self._folder("tmp")
        self.work = self._folder("work")
        # Only its owner may look into the runtime folder, as jupyter_core makes it.
        os.chmod(self.runtime, 0o700)

    def _folder(self, *parts: str) -> str:
        path = os.path.join(self.root, *parts)
        os.makedirs(path)
        return path

    def environment(self, **extra: str) -> dict[str, str]:
        """:return: an environment that keeps Jupyter and IPython inside the folder.

        :param extra: further variables.
        """
        # Each kernel has a history of its own, so that two of them start equal.
        ipython = os.path.join(self.root, "ipython-" + uuid.uuid4().hex[:8])
        os.makedirs(ipython)
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JPY_", "JUPYTER_", "IPYTHON", "PYTEST_"))
        }
        variables.update(
            JUPYTER_DATA_DIR=os.path.join(self.root, "data"),
            JUPYTER_RUNTIME_DIR=self.runtime,
            JUPYTER_CONFIG_DIR=os.path.join(self.root, "config"),
            IPYTHONDIR=ipython,
            TMPDIR=self.temporary,
            IPR_TEST_MARK=self.mark,
            PYTHONPATH=os.pathsep.join(
                filter(None, [SOURCE, os.environ.get("PYTHONPATH")])
            ),
            # No colours, no widths that depend on who runs the tests.
            NO_COLOR="1",
            COLUMNS="80",
        )
        variables.update(extra)
        return variables

    def spec(self, content: Json, name: str | None = None) -> str:
        """Write a kernelspec.

        :param content: what its kernel.json says.
        :param name: its name; made up when left out.
        :return: its name.
        """
        if name is None:
            self._specs += 1
            name = f"test{self._specs}"
        folder = os.path.join(self.specs, name)
        os.makedirs(folder)
        with open(os.path.join(folder, "kernel.json"), "w") as file:
            json.dump(content, file)
        return name

    def specs_of(self, name: str) -> str:
        """:return: the folder of a kernelspec, its ``{resource_dir}``."""
        return os.path.join(self.specs, name)

    def plain_spec(
        self, argv: Sequence[str] = IPYKERNEL_ARGV, name: str | None = None, **more: Any
    ) -> str:
        """Write the kernelspec of a kernel as its own installer does.

        :param argv: its command.
        :param more: further fields of kernel.json.
        :return: the name of the kernelspec.
        """
        return self.spec(
            {
                "argv": list(argv),
                "display_name": "inner",
                "language": "python",
                "metadata": IPYKERNEL_METADATA,
                **more,
            },
            name,
        )

    def wrapped_spec(
        self,
        argv: Sequence[str] = IPYKERNEL_ARGV,
        options: Sequence[str] = (),
        name: str | None = None,
        **more: Any,
    ) -> str:
        """Write the kernelspec that ``ipr-spec install`` makes of such a one.

        :param argv: the command of the inner kernel.
        :param options: appended to the command line of the daemon.
        :param more: further fields of kernel.json.
        :return: the name of the kernelspec.
        """
        return self.plain_spec(
            [
                sys.executable,
                *interpreter_options(),
                "-m",
                "ipr",
                "-f",
                "{connection_file}",
                "--resource-dir",
                "{resource_dir}",
                *options,
            ],
            name,
            restarter_original_argv=list(argv),
            interrupt_mode="message",
            **more,
        )

    def start(
        self, kind: Kind, options: Sequence[str] = (), **environment: str
    ) -> Kernel:
        """Start an ipykernel.

        :param kind: plain or wrapped.
        :param options: further options of the daemon.
        :param environment: further variables of its environment.
        """
        if kind == "plain":
            name = self.plain_spec()
        else:
            name = self.wrapped_spec(options=options)
        return Kernel(self, name, environment)

    def processes(self) -> list[psutil.Process]:
        """Every process that was started from here and still runs.

        Found by the mark in its environment, by its working folder, or because an
        ancestor of it was found: a worker in a session of its own, with an
        environment of its own, whose parents are gone, is found by its folder.
        """
        found: dict[int, psutil.Process] = {}
        rest: list[psutil.Process] = []
        for process in psutil.process_iter():
            if process.pid == os.getpid() or not is_alive(process.pid):
                continue
            try:
                ours = process.environ().get("IPR_TEST_MARK") == self.mark or (
                    process.cwd() + os.sep
                ).startswith(self.root + os.sep)
            except (psutil.Error, OSError):
                ours = False
            if ours:
                found[process.pid] = process
            else:
                rest.append(process)
        grew = True
        while grew:
            grew = False
            for process in rest:
                with contextlib.suppress(psutil.Error):
                    if process.pid not in found and process.ppid() in found:
                        found[process.pid] = process
                        grew = True
        return list(found.values())

    def processes_called(self, name: str) -> list[psutil.Process]:
        """:return: those of :meth:`processes` whose program has that name.

        One that ended since it was listed is none of them: launchers start
        short-lived helpers all the time.
        """
        called = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.name() == name:
                    called.append(process)
        return called

    @staticmethod
    def children(pid: int) -> list[int]:
        """:return: the children of a process, as the kernel lists them (proc(5))."""
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                return [int(word) for word in file.read().split()]
        except FileNotFoundError:
            return []

    def described_processes(self) -> list[str]:
        """:return: a line for each of :meth:`processes`, for a failure to show."""
        lines = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                lines.append(
                    f"{process.pid} (parent {process.ppid()}): "
                    + " ".join(process.cmdline())
                )
        return lines

    def leftovers(self) -> list[str]:
        """Files and sockets that a kernel has to take away when it ends.

        :return: paths, the temporary and the runtime folder being clean when there
            are none; sockets that are open or only bound count as well.
        """
        paths = []
        for top in (self.runtime, self.temporary):
            for folder, folders, files in os.walk(top):
                paths += [os.path.join(folder, name) for name in (*folders, *files)]
        with open("/proc/net/unix") as table:
            for line in table:
                fields = line.split()
                if len(fields) > 7 and self.root in fields[7]:
                    paths.append("socket " + fields[7])
        # ipykernel's own habit, with and without ipr: the folder of the debugger's
        # cells, named after its pid, is made and never removed.
        return sorted(path for path in paths if "ipykernel_" not in path)

    def close(self) -> None:
        """End what still runs and remove the folder; show what was said on stderr."""
        for kernel in self.kernels:
            kernel.close()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for kernel in self.kernels:
            said = kernel.stderr()
            if said.strip():
                # pytest shows this when the test failed.
                print(f"--- stderr of {kernel.name} ---\n{said}", file=sys.stderr)
        shutil.rmtree(self.root, ignore_errors=True)


# --------------------------------------------------------------------------------
# A kernel


class Kernel:
    """A kernel that jupyter_client started.

    :param place: where its files are.
    :param name: the name of its kernelspec.
    :param environment: further variables.
    :param kind: of manager, blocking or not.
    :ivar manager: jupyter_client's KernelManager.
    :ivar pid: the process that the manager started: under ``ipr`` the daemon.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        environment: Mapping[str, str] | None = None,
        kind: type[KernelManager] = KernelManager,
    ) -> None:
        self.place = place
        self._runner = asyncio.Runner()
        self.name = name
        self.clients: list[Client] = []
        self.connection_file = os.path.join(
            place.runtime, f"kernel-{uuid.uuid4().hex[:8]}.json"
        )
        self.manager = kind(
            kernel_name=name,
            kernel_spec_manager=KernelSpecManager(
                kernel_dirs=[place.specs], ensure_native_kernel=False
            ),
            connection_file=self.connection_file,
        )
        self._stderr_path = os.path.join(place.root, f"stderr-{uuid.uuid4().hex[:8]}")
        self.started = time.monotonic()
        # Open as long as we are: the manager uses it again for its restarts.
        self._sink = open(self._stderr_path, "wb")  # noqa: SIM115
        with warnings.catch_warnings():
            # traitlets frowns at every field of kernel.json that it does not know.
            warnings.filterwarnings("ignore", "Passing unrecognized arguments")
            self.do(
                self.manager.start_kernel(
                    env=place.environment(**(environment or {})),
                    cwd=place.work,
                    stdout=self._sink,
                    stderr=self._sink,
                )
            )
        self.process: Any = self.manager.provisioner.process  # type: ignore[union-attr]
        self.pid: int = self.process.pid
        place.kernels.append(self)

    def do(self, called: Any) -> Any:
        """Have it done what was asked of the manager, if that is not done yet.

        :param called: what the call returned: a coroutine, of an AsyncKernelManager.
        :return: what it comes to.
        """
        return self._runner.run(called) if inspect.iscoroutine(called) else called

    def stderr(self) -> str:
        """:return: what the kernel has written to stdout and stderr so far."""
        with open(self._stderr_path, errors="replace") as file:
            return file.read()

    def client(self, *, ready: bool = True, tolerant: bool = False) -> Client:
        """Connect one more client, with a session of its own.

        :param ready: wait until the kernel answers it on shell and on iopub.
        :param tolerant: see :class:`Client`.
        """
        name = f"client{len(self.clients) + 1}"
        client = Client(self.connection_file, name, self, tolerant=tolerant)
        self.clients.append(client)
        if ready:
            client.wait_until_ready()
        return client

    def wait_until_up(self, within: float = 60.0) -> None:
        """Wait until the kernel answers, without subscribing to anything."""
        asking = BlockingKernelClient(connection_file=self.connection_file)
        asking.load_connection_file()
        asking.start_channels(iopub=False, stdin=False, hb=False)
        try:
            asking.kernel_info(reply=True, timeout=within)
        finally:
            asking.stop_channels()
        # The idle of that request follows, and nothing says when.
        time.sleep(0.3)

    def exit_code(self, within: float) -> int:
        """Wait for the end of the process that the manager started.

        :param within: the bound, in seconds.
        :return: its exit code, negative for a signal.
        :raises Waited: when it still runs.
        """
        until(
            lambda: self.process.poll() is not None,
            f"the end of process {self.pid}; running: "
            f"{self.place.described_processes()}",
            within,
        )
        code = self.process.returncode
        assert isinstance(code, int)
        return code

    def shutdown(self) -> None:
        """Shut down by the manager, as a front end does."""
        self.do(self.manager.shutdown_kernel())

    def close(self) -> None:
        """Disconnect the clients and end the process, politely if it is there."""
        for client in self.clients:
            client.close()
        self.clients = []
        if self.process.poll() is None:
            self.do(self.manager.shutdown_kernel(now=True))
        else:
            self.do(self.manager.cleanup_resources())
        self._runner.close()
        self._sink.close()


# --------------------------------------------------------------------------------
# What clients see


@dataclass(frozen=True)
class Received:
    """One message as a client got it.

    :ivar channel: shell, control, stdin or iopub.
    :ivar topic: what stood before the delimiter; iopub's topic.
    :ivar at: ``time.monotonic()`` when it was read.
    """

    channel: str
    topic: list[bytes]
    header: Json
    parent: Json
    metadata: Json
    content: Json
    buffers: list[bytes]
    at: float = field(compare=False)

    @property
    def type(self) -> str:
        kind = self.header["msg_type"]
        assert isinstance(kind, str)
        return kind

    @property
    def state(self) -> str | None:
        """The execution state of a status message, else None."""
        return self.content["execution_state"] if self.type == "status" else None

    def __str__(self) -> str:
        content = json.dumps(self.content, ensure_ascii=False)
        return (
            f"{self.channel:7} {self.type:18} parent "
            f"{(self.parent or {}).get('msg_type')}/"
            f"{str((self.parent or {}).get('msg_id'))[-6:]} {content[:160]}"
        )


@dataclass(frozen=True)
class Sent:
    """One request of a client."""

    channel: str
    type: str
    id: str
    at: float

    @property
    def reply_type(self) -> str | None:
        if self.type in REPLYLESS:
            return None
        return self.type.removesuffix("_request") + "_reply"


class Client:
    """One front end: jupyter_client's blocking client, and all that it received.

    :param connection_file: path of the connection file.
    :param name: for failures to name.
    :param kernel: for failures to show the stderr of; also, a kernel process that
        ends while something is waited for ends the wait.
    :param tolerant: what jupyter_client would refuse is put aside (``refused``) and
        is no failure: for kernels that send such things.
    :ivar received: every message in the order in which it was read.
    :ivar sent: every request by its id.
    """

    def __init__(
        self,
        connection_file: str,
        name: str = "client",
        kernel: Kernel | None = None,
        *,
        tolerant: bool = False,
    ) -> None:
        self.name = name
        self.kernel = kernel
        self.tolerant = tolerant
        self.refused: list[list[bytes]] = []
        self.received: list[Received] = []
        self._by_parent: dict[str, list[Received]] = {}
        self.sent: dict[str, Sent] = {}
        self.kc = BlockingKernelClient(connection_file=connection_file)
        self.kc.load_connection_file()
        self.kc.start_channels(hb=False)
        self._sockets: dict[zmq.Socket[bytes], str] = {}
        for channel in CHANNELS:
            socket = getattr(self.kc, f"{channel}_channel").socket
            # A client that is slow because the machine is must not lose anything.
            socket.rcvhwm = 0
            self._sockets[socket] = channel

    @property
    def session(self) -> str:
        """The id of the session."""
        return str(self.kc.session.session)

    def close(self) -> None:
        """Disconnect."""
        self._sockets = {}
        self.kc.stop_channels()

    # -- sending

    def send(
        self,
        message_type: str,
        content: Json | None = None,
        channel: str = "shell",
        *,
        header: Json | None = None,
        metadata: Json | None = None,
        buffers: Sequence[bytes] = (),
        parent: Json | None = None,
    ) -> str:
        """Send a request.

        :param header: fields to add to the header.
        :param parent: the header that it refers to (input_reply).
        :return: its msg_id.
        """
        message = self.kc.session.msg(message_type, content or {}, parent=parent)
        message["header"].update(header or {})
        message["metadata"].update(metadata or {})
        socket = getattr(self.kc, f"{channel}_channel").socket
        self.kc.session.send(socket, message, buffers=list(buffers))
        msg_id = str(message["header"]["msg_id"])
        self.sent[msg_id] = Sent(channel, message_type, msg_id, time.monotonic())
        return msg_id

    def execute(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool | None = None,
        stop_on_error: bool = True,
        allow_stdin: bool = True,
        user_expressions: Json | None = None,
        channel: str = "shell",
        header: Json | None = None,
    ) -> str:
        """Send an execute_request; :return: its msg_id."""
        return self.send(
            "execute_request",
            {
                "code": code,
                "silent": silent,
                "store_history": not silent if store_history is None else store_history,
                "user_expressions": user_expressions or {},
                "allow_stdin": allow_stdin,
                "stop_on_error": stop_on_error,
            },
            channel,
            header=header,
        )

    def answer(self, request: Received, value: str) -> None:
        """Answer an input_request."""
        message = self.kc.session.msg("input_reply", {"value": value})
        message["parent_header"] = request.header
        self.kc.session.send(self.kc.stdin_channel.socket, message)

    # -- receiving

    def read(self, socket: zmq.Socket[bytes]) -> None:
        """Read all that has come on one socket, and check its signature.

        :raises AssertionError: what jupyter_client would drop: a wrong signature, or
            one that was seen before.
        """
        channel = self._sockets[socket]
        while True:
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                topic, signed = self.kc.session.feed_identities(frames)
                self.kc.session.deserialize(signed, copy=True)
                header, parent, metadata, content = map(json.loads, signed[1:5])
            except (ValueError, TypeError, IndexError) as error:
                if self.tolerant:
                    self.refused.append(frames)
                    continue
                raise AssertionError(
                    f"{self.name} was sent on {channel} what jupyter_client refuses: "
                    f"{error}: {frames!r:.300}"
                ) from error
            received = Received(
                channel,
                list(topic),
                header,
                parent,
                metadata,
                content,
                [bytes(part) for part in signed[5:]],
                time.monotonic(),
            )
            self.received.append(received)
            if parent and "msg_id" in parent:
                self._by_parent.setdefault(parent["msg_id"], []).append(received)

    def forget(self) -> None:
        """Forget what was sent and received so far."""
        self.received.clear()
        self.sent.clear()
        self._by_parent.clear()

    def wait(
        self, condition: Callable[[], Any], what: str, within: float = PATIENCE
    ) -> Any:
        """Receive until a condition holds; see :func:`receive`."""
        return receive([self], condition, what, within)

    def of(self, msg_id: str, channel: str | None = None) -> list[Received]:
        """:return: what came with this parent, on one channel or on all."""
        return [
            message
            for message in self._by_parent.get(msg_id, ())
            if channel in (None, message.channel)
        ]

    def replies(self, msg_id: str) -> list[Received]:
        """:return: the replies to a request, one if all is well."""
        return [m for m in self.of(msg_id) if m.channel in ("shell", "control")]

    def iopub(self, msg_id: str) -> list[Received]:
        """:return: the iopub messages with this parent, in order."""
        return self.of(msg_id, "iopub")

    def idles(self, msg_id: str) -> list[Received]:
        """:return: the idle messages of a request, one if all is well."""
        return [m for m in self.iopub(msg_id) if m.state == "idle"]

    def types(self, msg_id: str) -> list[str]:
        """:return: the iopub messages of a request, a status as its state."""
        return [m.state or m.type for m in self.iopub(msg_id)]

    def text(self, msg_id: str, name: str | None = "stdout") -> str:
        """:return: what a cell printed; with None both streams."""
        return "".join(
            m.content["text"]
            for m in self.iopub(msg_id)
            if m.type == "stream" and name in (None, m.content["name"])
        )

    def shown(self, msg_id: str) -> str:
        """:return: all that a cell has ever shown, printed or displayed, as text."""
        return "".join(
            m.content.get("text") or m.content["data"].get("text/plain", "")
            for m in self.iopub(msg_id)
            if m.type in ("stream", "display_data", "update_display_data")
        )

    def is_finished(self, msg_id: str) -> bool:
        """Whether a request has its reply, if it gets one, and its idle."""
        sent = self.sent[msg_id]
        return bool(self.idles(msg_id)) and (
            sent.reply_type is None or bool(self.replies(msg_id))
        )

    # -- waiting

    def finish(self, *msg_ids: str, within: float = PATIENCE) -> Json:
        """Wait until requests have their reply and their idle.

        :return: the content of the reply to the last one, ``{}`` if it gets none.
        :raises Waited: when one has not after *within* seconds.
        """

        def unfinished() -> list[Sent]:
            return [self.sent[i] for i in msg_ids if not self.is_finished(i)]

        self.wait(
            lambda: not unfinished(),
            "the reply and the idle of "
            + ", ".join(self.sent[i].type for i in msg_ids)
            + f" ({len(msg_ids)})",
            within,
        )
        replies = self.replies(msg_ids[-1])
        return replies[0].content if replies else {}

    def run(self, code: str, within: float = PATIENCE, **options: Any) -> str:
        """Execute a cell to its end; :return: its msg_id."""
        msg_id = self.execute(code, **options)
        self.finish(msg_id, within=within)
        return msg_id

    def value(self, expression: str) -> str:
        """:return: what an expression prints in the kernel, without its line end."""
        msg_id = self.execute(f"print({expression})", store_history=False)
        reply = self.finish(msg_id)
        assert reply["status"] == "ok", reply
        return self.text(msg_id).removesuffix("\n")

    def inner_pid(self) -> int:
        """:return: the process id of the kernel that executes the cells."""
        return int(self.value("__import__('os').getpid()"))

    def wait_until_ready(self, within: float = 60.0) -> None:
        """Ask for the kernel info until shell answers and iopub is heard.

        What was received until then is forgotten.
        """
        end = time.monotonic() + within
        while True:
            msg_id = self.send("kernel_info_request")
            with contextlib.suppress(Waited):
                self.finish(msg_id, within=1.0)
                break
            if time.monotonic() > end:
                raise Waited(
                    f"waited {within:g} s for {self.name} to get a kernel_info_reply "
                    f"and its idle{self.story()}"
                )
        # The asking may have been in vain several times; those answers come before
        # these, and the idle of what was asked before iopub was connected never does.
        self.fence()
        self.forget()

    def fence(self) -> None:
        """Ask shell, control and iopub one more thing and wait for the answers.

        After it, what was sent before it has arrived, a second reply as well.
        """
        self.finish(
            self.send("kernel_info_request"),
            self.send("kernel_info_request", channel="control"),
        )

    def input_request(self, msg_id: str, count: int = 1) -> Received:
        """Wait for a cell's n-th input_request; :return: it."""
        found = self.wait(
            lambda: self.of(msg_id, "stdin")[count - 1 :], "an input_request"
        )
        assert isinstance(found[0], Received)
        return found[0]

    def wait_for(self, msg_id: str, kind: str, within: float = PATIENCE) -> Received:
        """Wait for an iopub message of a request.

        :param kind: a message type, or an execution state, or ``"text:..."`` for
            printed text that holds what follows.
        """

        if kind.startswith("text:"):
            self.wait(
                lambda: kind[5:] in self.text(msg_id, None),
                f"the text {kind[5:]!r}",
                within,
            )
            return next(m for m in reversed(self.iopub(msg_id)) if m.type == "stream")

        def found() -> list[Received]:
            return [m for m in self.iopub(msg_id) if kind in (m.type, m.state)]

        self.wait(found, f"an iopub message {kind!r}", within)
        return found()[0]

    # -- judging

    def assert_once(self, *msg_ids: str, except_reply: Iterable[str] = ()) -> None:
        """Each request got exactly one reply, of its type, and exactly one idle.

        :param msg_ids: which; all that were sent when there are none.
        :param except_reply: those that ipykernel itself gives no reply.
        """
        wrong = []
        for msg_id in msg_ids or tuple(self.sent):
            sent = self.sent[msg_id]
            expected = [] if sent.reply_type is None else [sent.reply_type]
            if msg_id in set(except_reply):
                expected = []
            replies = self.replies(msg_id)
            idles = self.idles(msg_id)
            if (
                [m.type for m in replies] != expected
                or any(m.channel != sent.channel for m in replies)
                or len(idles) != 1
            ):
                wrong.append(
                    f"{sent.type} on {sent.channel}: replies "
                    f"{[(m.channel, m.type) for m in replies]}, {len(idles)} idle"
                )
        assert not wrong, (
            f"{self.name}: not one reply and one idle each: {wrong}{self.story()}"
        )

    def story(self, last: int = 40) -> str:
        """:return: the last messages and the kernel's stderr, for a failure."""
        lines = [f"\n{self.name} received {len(self.received)} messages, the last:"]
        lines += [f"  {message}" for message in self.received[-last:]]
        if self.kernel is not None:
            lines.append(f"stderr: {self.kernel.stderr()[-3000:]}")
        return "\n".join(lines)


def receive(
    clients: Sequence[Client],
    condition: Callable[[], Any],
    what: str,
    within: float = PATIENCE,
) -> Any:
    """Let several clients receive until a condition holds.

    :param condition: asked after every message read.
    :param what: named in the failure.
    :param within: the bound, in seconds.
    :return: what *condition* said.
    :raises Waited: when the bound is reached, or a kernel process has ended.
    """
    end = time.monotonic() + within
    poller = zmq.Poller()
    owner: dict[zmq.Socket[bytes], Client] = {}
    for client in clients:
        for socket in client._sockets:
            poller.register(socket, zmq.POLLIN)
            owner[socket] = client
    while True:
        found = condition()
        if found:
            return found
        left = end - time.monotonic()
        gone = [
            c.kernel.pid
            for c in clients
            if c.kernel is not None and c.kernel.process.poll() is not None
        ]
        events = poller.poll(int(max(0, min(left, 0.25)) * 1000))
        for socket, _ in events:
            owner[socket].read(socket)
        if not events and (left <= 0 or gone):
            if condition():
                continue
            reason = f"; process {gone} has ended" if gone else ""
            raise Waited(
                f"waited {within - max(left, 0):.1f} s for {what}{reason}"
                + "".join(client.story() for client in clients)
            )


def fence(clients: Sequence[Client]) -> None:
    """See :meth:`Client.fence`, for several clients at once."""
    asked = [
        (client, client.send("kernel_info_request", channel=channel))
        for client in clients
        for channel in ("shell", "control")
    ]
    receive(
        clients,
        lambda: all(client.is_finished(i) for client, i in asked),
        "the answers to the closing kernel_info_requests",
    )


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """A :class:`Place` for the length of a ``with`` block."""
    made = Place()
    try:
        yield made
    finally:
        made.close()


#: What an ipykernel does at a completion.
COMPLETE = """
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
with provisionalcompleter():
    for text in ("pri", "zi"):
        list(shell.Completer.completions(text, len(text)))
"""


@functools.cache
def complete_once() -> None:
    """Make the first completion of this home and environment, however long it takes.

    For it jedi parses Python's builtins, which it finds in its cache after that. On a
    busy machine that takes longer than any test waits.
    """
    with tempfile.TemporaryDirectory(prefix="ipr-") as folder:
        environment = {**os.environ, "IPYTHONDIR": folder}
        subprocess.run([sys.executable, "-c", COMPLETE], check=True, env=environment)


def interrupt_by_message(client: Client) -> str:
    """Press the interrupt button; :return: the msg_id of the request."""
    return client.send("interrupt_request", channel="control")


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that a test started."""
    os.kill(pid, number)
