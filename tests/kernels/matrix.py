"""Knows the checks of the matrix: how a kernel is brought into each situation, and
what was seen then; must not know which outcome is good (that is ``verdict.py``), nor
what a single kernel is like (that is ``subjects.py``).

Both halves of a row run the same code: the kernel as its own kernelspec starts it,
and the same one after ``ipr-spec install``.  What can only be said of a kernel behind
``ipr`` (``%restart``, the recovery after a death) is looked at in that half only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.e2e import harness
from tests.e2e.harness import Client, Json, Kernel, Kind, Place, Waited
from tests.kernels.subjects import LOOP, Subject

#: Seconds that a kernel may take to start: the first time it reads much from disk.
START = 90.0
#: Seconds that a cell may take: some compile it first.
CELL = 60.0
#: Seconds that jupyter_client waits after a shutdown_request before it sends SIGKILL.
PATIENCE = 5.0
#: Seconds in which the output of a cell must have come after its end.
LATE = 10.0
#: Seconds in which what a kernel leaves must be gone.
GONE = 3.0

_RUNNING = re.compile(r"^state +running$", re.MULTILINE)
_RESTARTED = re.compile(r"restarted in place, [0-9.]+ s")


@dataclass
class Half:
    """What was seen of one kernel, plain or behind ``ipr``.

    :ivar seen: by check, in a word or two.
    :ivar shapes: by check, what the clients were sent, for a comparison.
    :ivar seconds: by check, how long it took.
    :ivar faults: by check, why nothing could be seen: a traceback.
    :ivar sockets: how many Unix sockets its private folder has, after a restart.
    :ivar files: what was left in the temporary and the runtime folder.
    :ivar own_files: what kernels left there that were killed: by a check, or because
        the machine was too busy for them to end in time.
    """

    subject: Subject
    kind: Kind
    seen: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    sockets: int = 0
    files: list[str] = field(default_factory=list)
    own_files: list[str] = field(default_factory=list)


def run(subject: Subject, kind: Kind) -> Half:
    """Put one kernel through the matrix.

    :param subject: the kernel.
    :param kind: ``"plain"`` or ``"wrapped"``.
    :return: what was seen; a check that failed to see anything is in its faults.
    """
    half = Half(subject, kind)
    began = time.monotonic()
    with harness.place() as place:
        _Trial(half, place).run()
    half.seconds["all"] = time.monotonic() - began
    return half


class _Trial:
    """One half of a row while it runs."""

    def __init__(self, half: Half, place: Place) -> None:
        self.half = half
        self.subject = half.subject
        self.cells = half.subject.cells
        self.wrapped = half.kind == "wrapped"
        self.place = place
        home = os.path.join(place.root, "home")
        os.makedirs(home)
        if half.subject.modules:
            os.symlink(half.subject.modules, os.path.join(place.work, "node_modules"))
        self.environment = {**half.subject.environment, "HOME": home}
        self.kernel: Kernel
        self.client: Client
        #: Questions that some kernels never answer: asked early, judged late, so
        #: that "no" costs no waiting.
        self.asked: dict[str, tuple[Client, str]] = {}

    def run(self) -> None:
        with self.check("kernelspec"):
            self.lay()
        with self.check("start"):
            self.start()
        if "start" in self.half.faults or "kernelspec" in self.half.faults:
            return
        steps: list[tuple[str, Callable[[], None]]] = [
            ("kernel_info", self.kernel_info),
            ("welcome", self.ask_welcome),
            ("execute", self.execute),
            ("error", self.error),
            ("stdin", self.stdin),
            ("interrupt", self.interrupt),
        ]
        if self.wrapped:
            steps += [
                ("restart", self.restart),
                ("restart_now", self.restart_now),
                ("death", self.death),
            ]
        steps += [
            ("interrupt_request", self.interrupt_request),
            ("late", self.judge_late),
            ("shutdown", self.shutdown),
            ("leftovers", self.leftovers),
        ]
        for name, step in steps:
            with self.check(name):
                if self.kernel.process.poll() is not None and name != "leftovers":
                    if self.wrapped:
                        raise AssertionError(
                            f"ipr has ended with {self.kernel.process.returncode}"
                        )
                    self.start()
                step()
        if self.wrapped:
            with self.check("kernelspec"):
                self.unlay()

    @contextlib.contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Note how long a check takes, and the fault that ended it."""
        began = time.monotonic()
        try:
            yield
        except Exception:
            said = self.kernel.stderr()[-2000:] if hasattr(self, "kernel") else ""
            self.half.faults[name] = f"{traceback.format_exc()}\nstderr: {said}"
        self.half.seconds.setdefault(name, time.monotonic() - began)

    # -- the kernelspec

    def lay(self) -> None:
        self.spec = self.subject.lay(self.place.specs, self.subject.name)
        with open(self.spec, "rb") as file:
            self.original = file.read()
        if self.wrapped:
            self.ipr_spec("install")
            with open(self.spec) as written:
                assert "ipr" in json.load(written)["metadata"]

    def unlay(self) -> None:
        self.ipr_spec("remove")
        with open(self.spec, "rb") as file:
            assert file.read() == self.original, "remove did not restore kernel.json"
        self.half.seen["kernelspec"] = "restored"

    def ipr_spec(self, command: str) -> None:
        done = subprocess.run(
            [
                sys.executable,
                *harness.interpreter_options(),
                "-m",
                "ipr.spec.spec_cli",
                command,
                self.subject.name,
            ],
            env=self.place.environment(),
            cwd=self.place.work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    # -- start

    def start(self) -> None:
        began = time.monotonic()
        self.kernel = Kernel(self.place, self.subject.name, self.environment)
        self.connect(began + START)
        self.half.seconds.setdefault("start", time.monotonic() - began)
        self.half.seen["start"] = "yes"
        # Those sockets were there before the kernel's, and each tries again when it
        # likes: shell may be connected, and stdin not yet. These all find theirs.
        self.client.close()
        self.connect(time.monotonic() + CELL)
        self.settle()
        # Answers to what was asked in vain may still come.
        self.run_until_ok(self.cells.print)
        self.client.forget()

    def connect(self, end: float) -> None:
        """Make a client, and wait until the kernel answers it on shell and iopub.

        :param end: when that is to be, by ``time.monotonic()``.
        """
        # Not a tolerant one: a message that jupyter_client would drop is a fault.
        self.client = self.kernel.client(ready=False)
        # The end of the process is part of what is looked at.
        self.client.kernel = None
        while True:
            asked = self.client.send("kernel_info_request")
            with contextlib.suppress(Waited):
                self.client.finish(asked, within=1.0)
                return
            code = self.kernel.process.poll()
            assert code is None, f"ended with {code} while it started"
            assert time.monotonic() < end, "no kernel_info_reply with an idle"

    # -- what most checks need

    def settle(self) -> None:
        """Let a kernel come to itself that answers before it can take a cell."""
        if not self.subject.settling:
            return
        if self.wrapped:
            harness.until(self.is_running, "ipr to say that it runs", START, 0.1)
        # Nothing tells when it can.
        time.sleep(self.subject.settling)

    def is_running(self) -> bool:
        """:return: whether ``%ipr status`` says so."""
        cell = self.client.execute("%ipr status")
        self.client.finish(cell)
        return _RUNNING.search(self.printed(cell)) is not None

    def run_until_ok(self, code: str) -> str:
        """Execute until it is ok: some abort what comes right after an error."""
        end = time.monotonic() + CELL
        while True:
            cell = self.client.execute(code)
            reply = self.client.finish(cell, within=CELL)
            if reply.get("status") == "ok":
                return cell
            assert time.monotonic() < end, f"{code!r} gets {reply}"
            time.sleep(0.1)

    def printed(self, cell: str) -> str:
        """:return: everything that a cell showed, on streams or as a result."""
        shown = [self.client.text(cell, None)]
        for message in self.client.iopub(cell):
            data = message.content.get("data")
            if isinstance(data, dict):
                shown += [str(part) for part in data.values()]
            shown += message.content.get("traceback") or []
        return "".join(shown)

    def shows(self, cell: str, text: str) -> bool:
        """:return: whether a cell showed a text; for some only after its idle."""
        with contextlib.suppress(Waited):
            self.client.wait(lambda: text in self.printed(cell), f"{text!r}", LATE)
        return text in self.printed(cell)

    def shape(self, cell: str) -> list[str]:
        """:return: what was sent for a cell, without what differs each time."""
        types = self.client.types(cell)
        once = [
            kind
            for at, kind in enumerate(types)
            # How a text is cut into stream messages is a matter of timing.
            if not (kind == "stream" and at and types[at - 1] == "stream")
        ]
        (reply,) = self.client.replies(cell)
        keys = ("status", "ename", "execution_count")
        return [
            *(sorted(once) if self.subject.loose else once),
            reply.type,
            *(f"{key} {reply.content.get(key)}" for key in keys),
        ]

    def expect_42(self) -> None:
        cell = self.run_until_ok(self.cells.print)
        assert self.shows(cell, "42"), self.client.story(15)

    # -- the checks

    def kernel_info(self) -> None:
        # Some never answer on control.
        control = self.client.send("kernel_info_request", channel="control")
        self.asked["control"] = (self.client, control)
        asked = self.client.send("kernel_info_request")
        info = self.client.finish(asked)
        language = info["language_info"]["name"]
        same = language.lower() == self.subject.language.lower()
        self.half.seen["kernel_info"] = language if same else f"wrong: {language}"
        # IPython ends its banner with a tip of the day.
        info["banner"] = info.get("banner", "").partition("Tip:")[0]
        self.half.shapes["kernel_info"] = info

    def ask_welcome(self) -> None:
        """A second client, as every second notebook tab is one."""
        second = self.kernel.client(ready=False)
        second.kernel = None
        self.asked["welcome"] = (second, "")

    def execute(self) -> None:
        cell = self.client.execute(self.cells.print)
        self.client.finish(cell, within=CELL)
        ok = self.shows(cell, "42")
        self.half.seen["execute"] = "yes" if ok else "no"
        self.client.assert_once(cell)
        self.half.shapes["execute"] = self.shape(cell)

    def error(self) -> None:
        cell = self.client.execute(self.cells.fail)
        reply = self.client.finish(cell, within=CELL)
        self.half.seen["error"] = "yes" if reply["status"] == "error" else "no"
        self.client.assert_once(cell)
        self.half.shapes["error"] = self.shape(cell)
        self.expect_42()

    def stdin(self) -> None:
        if not self.cells.ask:
            self.half.seen["stdin"] = "none"
            return
        cell = self.client.execute(self.cells.ask)
        request = self.client.input_request(cell)
        self.client.answer(request, "an answer")
        self.client.finish(cell)
        got = self.shows(cell, "got an answer")
        self.half.seen["stdin"] = "yes" if got else "no"
        self.half.shapes["stdin"] = [request.content, *self.shape(cell)]

    def loop(self) -> str:
        """Start the long cell; :return: its msg_id, when it runs."""
        cell = self.client.execute(self.cells.loop)
        self.client.wait_for(cell, "text:on", CELL)
        return cell

    def interrupt(self) -> None:
        self.run_until_ok(self.cells.keep)
        before = self.inner_pid() if self.wrapped else self.kernel.pid
        cell = self.loop()
        # It says so before it begins to loop, and some lose an interrupt that comes
        # in between; nothing tells when it has begun.
        time.sleep(0.5)
        began = time.monotonic()
        # As a server does it: by signal or by message, as the kernelspec says.
        self.kernel.manager.interrupt_kernel()
        process = self.kernel.process
        with contextlib.suppress(Waited):
            self.client.wait(
                lambda: self.client.replies(cell) or process.poll() is not None,
                "the end of the interrupted cell",
                LOOP + 10,
            )
        took = time.monotonic() - began
        if process.poll() is not None:
            self.half.seen["interrupt"] = "dies"
            return
        (reply,) = self.client.replies(cell)
        if self.subject.pid:
            # A launcher may take a moment to die of what its kernel survived.
            with contextlib.suppress(Waited):
                harness.until(lambda: not harness.is_alive(before), "its death", 1.5)
            if not self.wrapped and not harness.is_alive(before):
                self.half.seen["interrupt"] = "dies"
                return
        # One kernel gives this idle another parent: the interrupt_request. Behind ipr
        # it is missed, and comes all the same.
        if self.wrapped:
            self.client.wait(lambda: self.client.idles(cell), "its idle")
        with contextlib.suppress(Waited):
            self.client.wait(lambda: self.client.idles(cell), "its idle", 1.0)
        self.half.seconds["interrupt"] = took
        self.expect_42()
        if self.wrapped and self.inner_pid() != before:
            self.client.assert_once(cell)
            self.half.seen["interrupt"] = "dies, comes back"
            return
        kept = self.run_until_ok(self.cells.recall)
        assert self.shows(kept, "secret41"), "the interrupt cost the state"
        self.half.seen["interrupt"] = "stops" if took < LOOP / 2 else "goes on"
        status = "" if self.subject.loose else reply.content["status"]
        self.half.shapes["interrupt"] = [status, len(self.client.idles(cell))]

    def interrupt_request(self) -> None:
        """Whoever sends one waits for its reply, whatever the mode is."""
        asked = self.client.send("interrupt_request", channel="control")
        # No cell follows: some kernels let the interrupt hit that one instead.
        self.asked["interrupt_request"] = (self.client, asked)

    def judge_late(self) -> None:
        """What has not come by now will not come."""
        end = time.monotonic() + 1.5
        for name, (client, asked) in self.asked.items():

            def came(client: Client = client, asked: str = asked) -> bool:
                if asked:
                    return bool(client.replies(asked))
                return any(m.type == "iopub_welcome" for m in client.received)

            with contextlib.suppress(Waited):
                client.wait(came, name, max(0.0, end - time.monotonic()))
            self.half.seen[name] = "yes" if came() else "no"

    # -- behind ipr only

    def inner_pid(self) -> int:
        """:return: the pid of the inner kernel, as the system has it.

        After a restart the old one may end beside the new one; it is waited for.
        """

        def found() -> int | None:
            # The daemon, a guardian, the kernel in a session of its own.
            pids = [
                kernel.pid
                for guardian in psutil.Process(self.kernel.pid).children()
                for kernel in guardian.children()
                if harness.is_alive(kernel.pid) and os.getsid(kernel.pid) == kernel.pid
            ]
            return pids[0] if len(pids) == 1 else None

        return int(
            harness.until(
                found,
                f"one inner kernel below the daemon: "
                f"{self.place.described_processes()}",
                GONE,
            )
        )

    def tree(self) -> set[int]:
        """:return: everything below the daemon."""
        below = psutil.Process(self.kernel.pid).children(recursive=True)
        return {process.pid for process in below}

    def expect_new(self, old: int, tree: set[int]) -> int:
        """The kernel is another one, and the old one's processes and names are gone."""
        new = self.inner_pid()
        assert new != old
        self.settle()
        harness.until(
            lambda: not any(map(harness.is_alive, tree)),
            f"the old kernel's processes to go: {self.place.described_processes()}",
            GONE,
        )
        cell = self.client.execute(self.cells.recall)
        self.client.finish(cell, within=CELL)
        assert "secret41" not in self.printed(cell), "the state is still there"
        self.expect_42()
        folders = [path for path in self.private() if os.path.isdir(path)]
        assert len(folders) == 1, folders
        return new

    def private(self) -> list[str]:
        """:return: where ipr keeps the inner connection files, and what is in there."""
        return [
            path
            for path in self.place.leftovers()
            if "/ipr-" in path.removeprefix(self.place.root)
        ]

    def inner_files(self) -> list[str]:
        """:return: sockets, and every connection file, wherever it may lie."""
        return [
            path
            for path in self.place.leftovers()
            if path.startswith("socket ")
            or os.path.basename(path).startswith("kernel-")
        ]

    def restart(self) -> None:
        self.run_until_ok(self.cells.keep)
        old, tree = self.inner_pid(), self.tree()
        began = time.monotonic()
        cell = self.client.execute("%restart")
        reply = self.client.finish(cell, within=START)
        self.half.seconds["restart"] = time.monotonic() - began
        assert reply["status"] == "ok", reply
        assert _RESTARTED.search(self.printed(cell)), self.client.story(15)
        self.client.assert_once(cell)
        self.expect_new(old, tree)
        # A connection that was accepted has its listener's name.
        names = {os.path.basename(path) for path in self.inner_files()}
        self.half.sockets = len(names & {f"c-{number}" for number in range(1, 6)})
        self.half.seen["restart"] = "yes"

    def restart_now(self) -> None:
        """One cell runs, one waits behind it, and somebody has had enough."""
        self.run_until_ok(self.cells.keep)
        old, tree = self.inner_pid(), self.tree()
        running = self.loop()
        queued = self.client.execute(self.cells.print)
        restart = self.client.execute("%restart now")
        following = self.client.execute(self.cells.print)
        self.client.finish(running, queued, restart, following, within=START)
        self.client.assert_once(running, queued, restart, following)
        (reply,) = self.client.replies(restart)
        assert reply.content["status"] == "ok", reply
        assert self.shows(following, "42") or self.subject.settling, self.client.story(
            15
        )
        self.expect_new(old, tree)
        (reply,) = self.client.replies(queued)
        began = "42" in self.printed(queued)
        self.half.shapes["restart_now"] = [reply.content["status"], began]
        self.half.seen["restart_now"] = "yes"

    def death(self) -> None:
        reply = self.die(self.inner_pid())
        assert "SIGKILL" in reply["evalue"], reply
        if self.subject.pid:
            # Not the process that was started, but the one that it started.
            below = self.client.text(self.run_until_ok(self.subject.pid))
            assert int(below) in self.tree()
            self.die(int(below))
        self.half.seen["death"] = "yes"

    def die(self, victim: int) -> Json:
        """Kill a process of a kernel that is busy; :return: the reply to its cell."""
        self.run_until_ok(self.cells.keep)
        old, tree = self.inner_pid(), self.tree()
        cell = self.loop()
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        reply = self.client.finish(cell, within=CELL)
        assert (reply["status"], reply["ename"]) == ("error", "DeadKernelError"), reply
        # The very next cell, at once.
        self.settle()
        following = self.client.execute(self.cells.print)
        answer = self.client.finish(following, within=START)
        self.half.seconds["death"] = time.monotonic() - began
        assert answer["status"] == "ok", answer
        assert self.shows(following, "42"), self.client.story(15)
        self.client.assert_once(cell, following)
        self.expect_new(old, tree)
        return reply

    # -- the end

    def shutdown(self) -> None:
        began = time.monotonic()
        asked = self.client.send("shutdown_request", {"restart": False}, "control")
        process = self.kernel.process
        with contextlib.suppress(Waited):
            self.client.wait(
                lambda: self.client.replies(asked) or process.poll() is not None,
                "the shutdown_reply",
                PATIENCE,
            )
            # What it sent before it went may still be on its way.
            self.client.wait(lambda: self.client.replies(asked), "the reply", 0.3)
        answered = bool(self.client.replies(asked))
        self.half.seen["shutdown_reply"] = "yes" if answered else "no"
        left = max(0.1, began + PATIENCE - time.monotonic())
        try:
            code = self.kernel.exit_code(left)
            self.half.seen["shutdown"] = "exits"
        except Waited:
            # As a manager does, before it kills.
            process.send_signal(signal.SIGTERM)
            try:
                code = self.kernel.exit_code(GONE)
            except Waited:
                self.half.seen["shutdown"] = "must be killed"
                self.kernel.manager.shutdown_kernel(now=True)
                return
            self.half.seen["shutdown"] = "at SIGTERM"
        self.half.seconds["shutdown"] = time.monotonic() - began
        self.half.shapes["shutdown"] = code

    def leftovers(self) -> None:
        with contextlib.suppress(Waited):
            harness.until(lambda: not self.place.processes(), "the processes", GONE)
        left = self.place.described_processes()
        self.half.seen["leftovers"] = "; ".join(left) or "none"
        # The outer connection files are the manager's own.
        outer = {kernel.connection_file for kernel in self.place.kernels}
        left_files = set(self.place.leftovers()) - outer
        ours = left_files & {*self.private(), *self.inner_files()}
        self.half.files = sorted(ours)
        self.half.own_files = sorted(left_files - ours)
