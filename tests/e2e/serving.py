"""Knows how to run a Jupyter server with our extension, to use its REST API, and to
connect to its kernels by websockets as JupyterLab does.  Must not know what is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from tornado import httpclient, websocket

from tests.e2e import harness
from tests.e2e.harness import Json, Place

TOKEN = "of-the-test"


def say_of_extension(place: Place, enabled: bool) -> None:
    """Have servers of a place find the file of a wheel, or one that disables it."""
    folder = os.path.join(place.root, "config", "jupyter_server_config.d")
    os.makedirs(folder, exist_ok=True)
    shipped = os.path.join(harness.SOURCE, "etc", "ipr.provisioner.json")
    with open(shipped) as file, open(f"{folder}/ipr.provisioner.json", "w") as own:
        text = file.read()
        own.write(text if enabled else text.replace("true", "false"))


#: How a server is started, and one in whose environment there is no ipr.
START = ("-m", "jupyter_server")
START_WITHOUT_IPR = (
    "-c",
    """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ipr":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from jupyter_server.serverapp import main
sys.exit(main())
""",
)


class Api:
    """The REST API of a Jupyter server, or of what has the same one.

    :ivar url: where it is, with a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, content: Json | None = None) -> Any:
        """Use the REST API; :return: the answer, decoded."""
        request = urllib.request.Request(
            self.url + path,
            None if content is None else json.dumps(content).encode(),
            {"Authorization": f"token {TOKEN}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def wait_for(
        self, path: str, process: subprocess.Popen[bytes], log: Callable[[], str]
    ) -> None:
        """Wait until it answers.

        :param process: of the program.
        :param log: returns what that has said.
        """

        def answers() -> bool:
            assert process.poll() is None, log()
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                return bool(self.ask("GET", path))
            return False

        harness.until(answers, f"{self.url} to answer", 60, every=0.2)

    def start(self, name: str) -> str:
        """:return: the id of a new kernel."""
        return str(self.ask("POST", "api/kernels", {"name": name})["id"])

    def restart(self, kernel: str) -> float:
        """Press the button; :return: how long the server took, in seconds."""
        begin = time.monotonic()
        self.ask("POST", f"api/kernels/{kernel}/restart")
        return time.monotonic() - begin


class Server(Api):
    """A Jupyter server with the extension, or without.

    :param options: further ones of its command line.
    :param start: how Python is told to start it.
    """

    def __init__(
        self,
        place: Place,
        extension: bool,
        *options: str,
        start: tuple[str, str] = START,
    ) -> None:
        self.place = place
        self._log = os.path.join(place.root, "server.log")
        say_of_extension(place, extension)
        command = [sys.executable, *start, "--allow-root"]
        command += ["--no-browser", "--ip=127.0.0.1", "--port=0", *options]
        command += [f"--IdentityProvider.token={TOKEN}", "--ServerApp.log_level=INFO"]
        with open(self._log, "wb") as sink:
            self.process = subprocess.Popen(
                [*command, f"--ServerApp.root_dir={place.work}"],
                env=place.environment(),
                cwd=place.work,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        super().__init__("")
        self.url = harness.until(self._answers, "the server to answer", 90)

    def _answers(self) -> str:
        assert self.process.poll() is None, self.log()
        for path in glob.glob(os.path.join(self.place.runtime, "jpserver-*.json")):
            with contextlib.suppress(OSError, ValueError):
                with open(path) as file:
                    self.url = json.load(file)["url"]
                self.ask("GET", "api/status")
                return self.url
        return ""

    def log(self) -> str:
        with open(self._log, errors="replace") as file:
            return file.read()

    def daemon(self) -> int:
        """:return: the process of the only kernel."""
        (found,) = self.place.children(self.process.pid)
        return found

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def serving(
    place: Place,
    extension: bool = True,
    *options: str,
    start: tuple[str, str] = START,
) -> Iterator[Server]:
    """A server for the length of a ``with`` block, of which nothing is left."""
    server = Server(place, extension, *options, start=start)
    try:
        yield server
    except BaseException:
        print(server.log())
        raise
    finally:
        server.close()
    harness.until(
        lambda: not place.processes(),
        f"the end of every process: {place.described_processes()}",
        10,
    )


class Socket:
    """A websocket to a kernel; all that came by it is in ``received``."""

    def __init__(self, server: Api, kernel: str, session: str = "") -> None:
        self.session = session or uuid.uuid4().hex
        address = server.url.replace("http", "ws", 1)
        self._request = httpclient.HTTPRequest(
            f"{address}api/kernels/{kernel}/channels?session_id={self.session}",
            headers={"Authorization": f"token {TOKEN}"},
        )
        self.received: list[Json] = []

    async def connect(self) -> None:
        """Open it."""
        self._connection = await websocket.websocket_connect(self._request)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    async def send(self, kind: str, content: Json, channel: str = "shell") -> str:
        """Send a request; :return: its msg_id."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": self.session,
            "username": "",
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": channel,
            "buffers": [],
        }
        await self._connection.write_message(json.dumps(message))
        return str(header["msg_id"])

    async def execute(self, code: str) -> str:
        """Send a cell."""
        return await self.send(
            "execute_request",
            {"code": code, "silent": False, "allow_stdin": True, "stop_on_error": True},
        )

    async def start(self, code: str) -> str:
        """Send a cell, and wait until it prints or asks something."""
        asked = await self.execute(code)
        await self.until(lambda: self.of(asked, "stream", "input_request"), "a cell")
        return asked

    async def until(self, condition: Any, what: str) -> None:
        """Receive until something holds."""
        end = time.monotonic() + harness.PATIENCE
        while not condition():
            left = end - time.monotonic()
            assert left > 0, f"waited for {what}; {self.received[-8:]}"
            with contextlib.suppress(asyncio.TimeoutError):
                said = await asyncio.wait_for(self._connection.read_message(), left)
                assert said is not None, "the websocket was closed"
                self.received.append(json.loads(said))

    def of(self, asked: str, *kinds: str) -> list[Json]:
        """:return: what came for a request, of these types."""
        return [
            message
            for message in self.received
            if (message.get("parent_header") or {}).get("msg_id") == asked
            and message["msg_type"] in kinds
        ]

    def idles(self, asked: str) -> int:
        """:return: how often its idle came."""
        states = self.of(asked, "status")
        return [m["content"]["execution_state"] for m in states].count("idle")

    async def finish(self, asked: str) -> Json:
        """Wait for the reply and the idle; :return: the reply's content."""
        await self.until(
            lambda: self.of(asked, "execute_reply") and self.idles(asked),
            "a reply and an idle",
        )
        (reply,) = self.of(asked, "execute_reply")
        content: Json = reply["content"]
        return content

    async def run(self, code: str) -> str:
        """Run a cell to its end; :return: what it printed."""
        asked = await self.execute(code)
        reply = await self.finish(asked)
        assert reply["status"] == "ok", reply
        return "".join(m["content"]["text"] for m in self.of(asked, "stream"))
