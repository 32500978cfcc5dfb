"""SIGKILL and SIGSTOP at moments that are none of a single cell's.

A standby takes over, a checkpoint runs before a job's end, two clients that share one
msg_id ask for what was shown, a terminal has cells run again. Whoever is hit: each
request gets its reply and its idle, the next cell runs, and nothing is left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place
from tests.e2e.situations import standby_status
from tests.e2e.test_before_end import start as start_in_job
from tests.e2e.test_terminal import ended, started

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

#: Seconds that somebody is stopped.
STOPPED = 0.7

#: Says that it has begun, and takes as long as it is allowed to.
LONG = "open('began', 'w').close()\nimport time; time.sleep({})\n"


@dataclass
class Scene:
    """What is under way.

    :ivar asked: what has to be answered, by whom.
    :ivar standby: the pid of the one there was.
    :ivar commands: in a terminal.
    """

    place: Place
    kernel: Kernel
    clients: list[Client]
    asked: list[tuple[Client, str]] = field(default_factory=list)
    standby: int = 0
    commands: list[subprocess.Popen[str]] = field(default_factory=list)

    def execute(self, code: str, by: int = 0) -> str:
        sent = self.clients[by].execute(code)
        self.asked.append((self.clients[by], sent))
        return sent

    def wait_began(self) -> None:
        path = os.path.join(self.place.work, "began")
        harness.until(lambda: os.path.exists(path), "it to begin")

    def victim(self, whom: str) -> int:
        if whom == "daemon":
            return self.kernel.pid
        if whom == "standby":
            return self.standby
        for guardian in Place.children(self.kernel.pid):
            for kernel in Place.children(guardian):
                if kernel != self.standby:
                    return guardian if whom == "guardian" else kernel
        raise AssertionError("there is no kernel")


def handover(place: Place) -> Scene:
    kernel = place.start("wrapped", ["--standby=full"])
    scene = Scene(place, kernel, [kernel.client(), kernel.client()])
    said = ""

    def ready() -> bool:
        nonlocal said
        said = standby_status(scene.clients[0])
        return said.startswith("ready")

    harness.until(ready, "a standby", 90, every=0.5)
    scene.standby = int(said.partition("pid ")[2].partition(",")[0])
    scene.execute("%restart\nprint('rest')")
    scene.execute("print('behind')", by=1)
    return scene


def checkpoint(place: Place) -> Scene:
    """It runs beside a cell."""
    kernel = start_in_job(place, "0:30", "--before-end-at=26", code=LONG.format(2))
    scene = Scene(place, kernel, [kernel.client(), kernel.client()])
    scene.execute("import time; time.sleep(6)")
    scene.execute("print('behind')", by=1)
    scene.wait_began()
    return scene


def output(place: Place) -> Scene:
    """Two clients count their messages, and are at the same number."""
    kernel = place.start("wrapped")
    scene = Scene(place, kernel, [kernel.client(), kernel.client()])
    scene.clients[0].run("for n in range(3000): print(n, 'x' * 200)")
    running = LONG.format(3) + "print('shown')"
    for number, code in enumerate((running, "%ipr output 2", "%ipr output")):
        for client in scene.clients:
            msg_id = f"{number}"
            client.send(
                "execute_request",
                {"code": code, "silent": False, "stop_on_error": False},
                header={"msg_id": msg_id},
            )
            client.sent[msg_id] = client.sent.pop(list(client.sent)[-1])
            scene.asked.append((client, msg_id))
    scene.wait_began()
    return scene


def replay(place: Place) -> Scene:
    """A terminal has it begun."""
    kernel = place.start("wrapped")
    scene = Scene(place, kernel, [kernel.client(), kernel.client()])
    scene.clients[0].run("x = 1")
    scene.clients[0].run(LONG.format(1.5))
    os.unlink(os.path.join(place.work, "began"))
    scene.commands.append(started(place, "restart", str(kernel.pid), "--replay"))
    scene.wait_began()
    scene.execute("print('behind')", by=1)
    return scene


SCENES: dict[str, Callable[[Place], Scene]] = {
    "handover": handover,
    "checkpoint": checkpoint,
    "output": output,
    "replay": replay,
}


def finished(scene: Scene) -> None:
    """All that was asked is answered; the shared ids once for each client."""
    harness.receive(
        scene.clients,
        lambda: all(client.is_finished(sent) for client, sent in scene.asked),
        "all answers",
    )


def well(scene: Scene) -> None:
    """The next cell runs, by each client, and what is asked for is answered once."""
    for client in scene.clients:
        assert client.value("6 * 7") == "42"
    harness.fence(scene.clients)
    for client, sent in scene.asked:
        [_] = client.replies(sent)
    for command in scene.commands:
        ended(command)


def gone(scene: Scene) -> None:
    """Nothing is left of all that."""
    for command in scene.commands:
        ended(command)
    place = scene.place
    harness.until(
        lambda: not place.processes(), f"the end of {place.described_processes()}"
    )
    with suppress(FileNotFoundError):
        os.unlink(scene.kernel.connection_file)  # the manager's to remove
    harness.until(lambda: not place.leftovers(), f"{place.leftovers()} to be gone")


WAYS = ("killed", "stopped for a moment", "stopped for good")
CASES = [
    (name, whom, how)
    for name in SCENES
    for whom in ("kernel", "guardian", "standby", "daemon")
    for how in WAYS
    if name == "handover" or whom != "standby"
]


@pytest.mark.parametrize(("name", "whom", "how"), CASES)
def test_nothing_hangs_and_nothing_is_left(
    place: Place, name: str, whom: str, how: str
) -> None:
    scene = SCENES[name](place)
    pid = scene.victim(whom)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    if whom == "daemon" and how != "stopped for a moment":
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        gone(scene)
        return
    if how == "stopped for a moment":
        time.sleep(STOPPED)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    elif how == "stopped for good":
        scene.execute("%restart now", by=1)
        if whom == "standby":
            # It may have taken over, and the first one gone along with that.
            scene.clients[1].finish(scene.asked[-1][1])
            scene.execute("%restart now", by=1)
    finished(scene)
    well(scene)
    scene.kernel.shutdown()
    gone(scene)
