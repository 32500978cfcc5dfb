"""One daemon's life, drawn from a seed: three clients ask for everything, and meanwhile
kernel, guardian and daemon are killed, stopped and starved.

Knows what must hold whatever happens: each request gets exactly one reply and one idle,
the cells of a client are answered in their order, and at the end nothing is left, no
process, no file, no socket. Must not know why something went wrong, nor what a good
answer is: an error is an answer.

The seed decides what is done and when; what meets what is up to the machine, so that a
seed that failed fails again often, not always.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

from ipr.lifecycle.limits import Ladders
from tests.e2e import harness
from tests.e2e.harness import Client, Json, Kernel, Place, Waited

#: Seconds after which a round that includes an interrupt may be helped: a kernel that
#: is interrupted while it completes or inspects never answers that (ipykernel itself).
PATIENCE = 6.0
#: How many times as long as the first start of a kernel that has to be at least: on a
#: busy machine several restarts in a row are quiet for long.
STARTS = 5
#: Seconds that a kernel has which sits in ``input()`` when a client alone, and no
#: manager, asks for its end.
LADDER = Ladders().requested.terminate + Ladders().requested.kill
#: Seconds within which daemon and guardian count as killed together, on a busy machine:
#: nobody had the time to tidy up (docs/design.rst).
TOGETHER = 1.0
#: Bytes of the file system below TMPDIR.
ROOM = 1 << 20

CELLS = (
    "print({n})",
    "print({n})",
    "import time; time.sleep(0.05); print({n})",
    "import time; time.sleep(0.5); print({n})",
    "1 / 0",
    "print('x' * 300_000, {n})",
    "import subprocess; subprocess.Popen(['sleep', '600']); print({n})",
    "print(input('? '), {n})",
    "import os; os._exit(3)",
    "import os; os.kill(os.getpid(), 9)",
)
MAGICS = (
    "%restart",
    "%restart",
    "%restart now",
    "%restart now",
    "%restart\nprint({n})",
    "%restart --env CHAOS={n}",
    "%restart --reset",
    "%restart --nonsense",
    "%ipr status",
    "%ipr nonsense",
)
#: Asked for besides where kernels run code of ipr's own accord; {file} is a file of it.
CODE_MAGICS = (
    "%restart --replay",
    "%restart --replay 2",
    "%restart now --replay all",
    "%restart --run {file}",
    "%restart now --run {file}",
    "%restart --keep-detached",
    "%ipr replay",
    "%ipr replay all",
    "%ipr init\nimport time; time.sleep(0.2); print({n})",
    "%ipr init\n1 / 0",
    "%ipr init clear",
    "%ipr history all",
    "%ipr stack",
    "print({n})\n%restart --replay",
)
#: What each kernel runs there: long enough to be hit.
INIT = "import time; time.sleep(0.3); print('init')\n"
SHELL: tuple[tuple[str, Json], ...] = (
    ("complete_request", {"code": "pri", "cursor_pos": 3}),
    ("complete_request", {"code": "%re", "cursor_pos": 3}),
    ("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 0}),
    (
        "history_request",
        {"hist_access_type": "tail", "n": 1, "raw": True, "output": False},
    ),
    ("is_complete_request", {"code": "for"}),
    ("comm_info_request", {}),
    ("kernel_info_request", {}),
    ("connect_request", {}),
    ("comm_open", {"comm_id": "c", "target_name": "t", "data": {}}),
    ("comm_msg", {"comm_id": "c", "data": {}}),
    ("comm_close", {"comm_id": "c", "data": {}}),
)
CONTROL: tuple[tuple[str, Json], ...] = (
    ("kernel_info_request", {}),
    ("create_subshell_request", {}),
    ("list_subshell_request", {}),
    ("delete_subshell_request", {"subshell_id": "none"}),
    ("interrupt_request", {}),
    ("usage_request", {}),
    (
        "debug_request",
        {"type": "request", "seq": 7, "command": "debugInfo", "arguments": {}},
    ),
)

#: What is done to whom, and how often in proportion.
DEEDS = {
    ("kernel", signal.SIGKILL): 4,
    ("kernel", signal.SIGTERM): 2,
    ("kernel", signal.SIGSEGV): 1,
    ("kernel", signal.SIGSTOP): 2,
    ("kernel", signal.SIGINT): 1,
    ("guardian", signal.SIGKILL): 3,
    ("guardian", signal.SIGTERM): 2,
    ("guardian", signal.SIGSTOP): 2,
    ("daemon", signal.SIGSTOP): 1,
    ("daemon", signal.SIGINT): 1,
    ("disk", None): 2,
    ("descriptors", None): 2,
}
#: To whom, what, after how many seconds, and for how many.
Deed = tuple[str, int | None, float, float]

#: The names of the errors with which ipr answers in the place of a kernel.
OURS = ("KernelRestarted", "DeadKernelError")

ENDS = ("shutdown_request", "manager", "SIGTERM", "SIGKILL", "SIGKILL of both")


@dataclass
class Life:
    """What happened in it.

    :ivar seed: what it was drawn from.
    :ivar deeds: how often each was done.
    :ivar helped: rounds that needed a ``%restart now`` of the driver's.
    """

    seed: int
    requests: int = 0
    rounds: int = 0
    helped: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.rounds} rounds, {self.requests} requests,"
            f" {sum(self.deeds.values())} deeds, helped {self.helped}"
        )


class Failed(AssertionError):
    """Something did not hold; the text says what, after which deeds."""


@contextlib.contextmanager
def little_room(place: Place) -> Iterator[bool]:
    """Let TMPDIR be a small file system of its own, where that may be (root).

    :return: whether it is.
    """
    mounted = os.geteuid() == 0 and not subprocess.call(
        [
            *("mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700"),
            *("tmpfs", place.temporary),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield bool(mounted)
    finally:
        if mounted:
            subprocess.call(["umount", "--lazy", place.temporary])


class Driver:
    """Lives one life.

    :param place: where; nobody else may use it.
    :param seed: decides everything.
    :param room: whether TMPDIR is small.
    :param code: whether kernels run code of ipr's own accord: init code, replays.
    """

    def __init__(
        self, place: Place, seed: int, room: bool, *, code: bool = False
    ) -> None:
        self._rng = random.Random(seed)
        self._place = place
        self._room = room
        self.life = Life(seed)
        self._number = 0
        self._began = time.monotonic()
        options = ["--restart-limit", "1000000", "--stable-start-time", "0"]
        if self._rng.random() < 0.3:
            options += ["--inner-transport", "tcp"]
        self._magics: tuple[str, ...] = MAGICS
        self._file = os.path.join(place.root, "init.py")
        if code:
            with open(self._file, "w", encoding="utf-8") as file:
                file.write(INIT)
            options += ["--init", self._file]
            self._magics += CODE_MAGICS
        self._say("options " + " ".join(options))
        self._kernel: Kernel = place.start("wrapped", options)
        self._clients = [self._kernel.client() for _ in range(3)]
        self._patience = max(PATIENCE, STARTS * (time.monotonic() - self._began))
        self._answered: set[str] = set()
        #: When a guardian was killed last.
        self._unguarded = 0.0
        #: Cells without a magic; those have their own rules.
        self._plain: set[str] = set()

    def _say(self, text: str) -> None:
        self.life.log.append(f"{time.monotonic() - self._began:7.3f} {text}")

    # -- the deeds, in a thread

    def _pids(self, whom: str) -> list[int]:
        if whom == "daemon":
            return [self._kernel.pid]
        guardians = Place.children(self._kernel.pid)
        if whom == "guardian":
            return guardians
        return [pid for guardian in guardians for pid in Place.children(guardian)]

    def _signal(self, pid: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            self._say(f"{signal.Signals(number).name} to {pid}")

    def _do(self, whom: str, number: int | None, seconds: float, last: float) -> None:
        """One deed.

        :param seconds: how long to wait before.
        :param last: how long it lasts, if it is not over at once.
        """
        time.sleep(seconds)
        self.life.deeds[whom] += 1
        if whom == "disk":
            self._fill_disk(last)
        elif whom == "descriptors":
            self._starve(last)
        else:
            assert number is not None
            for pid in self._pids(whom)[:1]:
                self._say(f"{whom}:")
                self._signal(pid, number)
                if (whom, number) == ("guardian", signal.SIGKILL):
                    self._unguarded = time.monotonic()
                if number == signal.SIGSTOP:
                    time.sleep(last)
                    self._signal(pid, signal.SIGCONT)

    def _fill_disk(self, seconds: float) -> None:
        if not self._room:
            return
        path = os.path.join(self._place.temporary, "full")
        self._say("disk full")
        try:
            with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 12))
        except OSError:
            pass
        time.sleep(seconds)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._say("disk free")

    def _starve(self, seconds: float) -> None:
        daemon = psutil.Process(self._kernel.pid)
        before = daemon.rlimit(resource.RLIMIT_NOFILE)
        most = daemon.num_fds() + self._rng.randrange(6)
        self._say(f"{most} descriptors")
        daemon.rlimit(resource.RLIMIT_NOFILE, (most, before[1]))
        time.sleep(seconds)
        daemon.rlimit(resource.RLIMIT_NOFILE, before)
        self._say("descriptors again")

    # -- the requests

    def _ask(self) -> tuple[Client, str]:
        rng = self._rng
        client = rng.choice(self._clients)
        self._number += 1
        draw = rng.random()
        if draw < 0.4:
            code = rng.choice(CELLS).format(n=self._number)
            sent = client.execute(
                code,
                silent=rng.random() < 0.05,
                stop_on_error=rng.random() < 0.7,
            )
            self._plain.add(sent)
            what = code
        elif draw < 0.55:
            code = rng.choice(self._magics).format(n=self._number, file=self._file)
            sent = client.execute(code)
            what = code
        else:
            channel = "shell" if draw < 0.85 else "control"
            what, content = rng.choice(SHELL if channel == "shell" else CONTROL)
            sent = client.send(what, content, channel)
        self._say(f"{client.name} asks {what!r} ({sent[-6:]})")
        self.life.requests += 1
        return client, sent

    def _answer_questions(self) -> None:
        for client in self._clients:
            for message in client.received[-50:]:
                if (
                    message.type == "input_request"
                    and message.header["msg_id"] not in self._answered
                ):
                    self._answered.add(message.header["msg_id"])
                    client.answer(message, "answer")

    def round(self, *, last: bool = False) -> None:
        """Some requests, some deeds, and what must hold.

        :param last: the daemon will not live to answer.
        """
        rng = self._rng
        self.life.rounds += 1
        chosen: list[Deed] = [
            (whom, number, rng.random() ** 2, rng.random())
            for whom, number in rng.choices(
                list(DEEDS), list(DEEDS.values()), k=rng.choice((0, 1, 1, 2))
            )
        ]
        threads = [threading.Thread(target=self._do, args=deed) for deed in chosen]
        for thread in threads:
            thread.start()
        try:
            asked = [self._ask() for _ in range(rng.choice((1, 3, 6, 12)))]
            if last:
                return
            self._see_through(asked, threads, chosen)
        finally:
            for thread in threads:
                thread.join()

    def _see_through(
        self,
        asked: list[tuple[Client, str]],
        threads: list[threading.Thread],
        deeds: list[Deed],
    ) -> None:
        pending = list(asked)
        helped = False
        quiet = time.monotonic()
        count = 0

        def finished() -> bool:
            nonlocal helped, quiet, count
            self._answer_questions()
            pending[:] = [(c, i) for c, i in pending if not c.is_finished(i)]
            received = sum(len(client.received) for client in self._clients)
            alive = any(thread.is_alive() for thread in threads)
            if received != count or alive:
                quiet, count = time.monotonic(), received
            if pending and not helped and time.monotonic() - quiet > self._patience:
                helped = True
                self.life.helped += 1
                self._say("help: " + ", ".join(c.sent[i].type for c, i in pending))
                client = self._clients[0]
                pending.append((client, client.execute("%restart now")))
            return not pending and not alive

        try:
            within = harness.PATIENCE + 2 * self._patience
            harness.receive(self._clients, finished, "all answers", within)
        except Waited as waited:
            left = [f"{c.name}: {c.sent[i].type} {i[-6:]}" for c, i in pending]
            raise Failed(f"never finished: {left}; {waited}") from None
        harness.fence(self._clients)
        interrupted = any(
            sent.type == "interrupt_request"
            for client in self._clients
            for sent in client.sent.values()
        ) or any(number == signal.SIGINT for _, number, *_ in deeds)
        if helped and not interrupted:
            # Then nothing of the kernel's explains a reply that did not come.
            raise Failed("answers came only after a %restart now of the driver's")
        for client in self._clients:
            client.assert_once()
            self._assert_order(client, interrupted)
            client.forget()

    def _assert_order(self, client: Client, interrupted: bool) -> None:
        """The cells of a client, magics aside, are answered as they were sent.

        :param interrupted: a cell that ipykernel is interrupted in just before or
            after it runs gets no reply from it at all; it gets ipr's, when the kernel
            is restarted, and those behind it had theirs before.
        """
        got = [
            message.parent["msg_id"]
            for message in client.received
            if message.type == "execute_reply"
            and message.parent["msg_id"] in self._plain
            and not (interrupted and message.content.get("ename") in OURS)
        ]
        sent = [msg_id for msg_id in client.sent if msg_id in set(got)]
        assert got == sent, f"{client.name}: answered out of order{client.story()}"

    # -- all of it

    def live(self) -> Life:
        """Some rounds, and an end in the middle of one.

        :raises AssertionError: when something did not hold.
        """
        try:
            for _ in range(self._rng.randrange(3, 9)):
                self.round()
            self.round(last=True)
            self._end(self._rng.choice(ENDS))
        except AssertionError as error:
            story = "\n".join(self.life.log[-60:])
            raise Failed(f"{self.life}\n{error}\n{story}") from None
        return self.life

    def _leftovers(self) -> list[str]:
        """What :meth:`Place.leftovers` says, without what Python itself may leave.

        A program that looks for a folder for its temporary files tries each by a file
        of four bytes, and leaves that when it is killed in between (``tempfile``).
        """
        found = self._place.leftovers()
        return [path for path in found if not _is_a_trial(path)]

    def _end_orphans(self) -> None:
        """Nobody is left who could find a kernel's children: docs/design.rst.

        Everything else goes by itself, the kernel too.
        """

        def only_orphans() -> bool:
            left = self._place.processes()
            return all(_command(process) == ["sleep", "600"] for process in left)

        harness.until(only_orphans, "the end of all but a kernel's children")
        for process in self._place.processes():
            process.kill()

    def _end(self, way: str) -> None:
        self._say("the end: " + way)
        self.life.deeds[way] += 1
        time.sleep(self._rng.random() ** 3)
        if way == "shutdown_request":
            self._clients[0].send("shutdown_request", {"restart": False}, "control")
        elif way == "manager":
            self._kernel.shutdown()
        elif way == "SIGTERM":
            self._signal(self._kernel.pid, signal.SIGTERM)
        else:
            guardians = self._pids("guardian") if way == "SIGKILL of both" else []
            for pid in (*guardians, self._kernel.pid):
                self._signal(pid, signal.SIGKILL)
            if not guardians and time.monotonic() - self._unguarded < TOGETHER:
                way = "SIGKILL of both"
                self._say("which is " + way)
            if way == "SIGKILL of both":
                self._end_orphans()
        asked = way == "shutdown_request"
        self._kernel.exit_code(harness.PATIENCE + (LADDER if asked else 0.0))
        harness.until(
            lambda: not self._place.processes(),
            f"the end of {self._place.described_processes()}",
        )
        for client in self._clients:
            client.close()
        # The outer connection file is the manager's to remove.
        self._kernel.close()
        if way == "SIGKILL of both":
            # Nobody was left to do it: the next daemon of this user does.
            old = set(self._leftovers())
            following = self._place.start("wrapped")
            following.client().run("1")
            harness.until(
                lambda: not old.intersection(self._place.leftovers()),
                f"the next daemon to remove {old}",
            )
            following.shutdown()
            following.close()
        harness.until(
            lambda: not self._leftovers(),
            f"nothing to be left: {self._leftovers()}",
        )
        said = self._kernel.stderr()
        assert "CRITICAL" not in said, f"an error of its own: {said[-3000:]}"


def _is_a_trial(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return re.fullmatch(
                "[a-z0-9_]{8}", os.path.basename(path)
            ) is not None and (b"blat".startswith(file.read(5)))
    except OSError:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def live(seed: int, *, code: bool = False) -> Life:
    """:return: what happened; :raises AssertionError: see :meth:`Driver.live`."""
    harness.complete_once()
    with harness.place() as place, little_room(place) as room:
        return Driver(place, seed, room, code=code).live()
