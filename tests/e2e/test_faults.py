"""Fault injection: a kernel that dies, hangs, stays silent, answers late or twice, or
closes a socket, at a named moment of a named request, while two clients have further
requests under way.  Whatever happens, each request gets exactly one reply and exactly
one idle, and the next cell works.

The scriptable kernel goes through every moment, every way and every type of request;
each pair of them is taken at least once, and with IPR_TEST_LONG=1 every combination,
which takes some ten minutes.  A real ipykernel goes wrong in the ways that only a real
one knows.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from ipr.lifecycle.causes import IMPOSTOR
from tests.e2e import harness
from tests.e2e.harness import REPLYLESS, Client, Json, Kernel, Place, Waited

SCRIPTED = os.path.join(os.path.dirname(__file__), "scripted_kernel.py")

#: Daemons at work at the same time: what they wait for is mostly the clock.
WORKERS = 6
#: Bound for one combination, in seconds; a good one takes half a second.
WITHIN = harness.PATIENCE

DEATHS = ("exit:0", "exit:3", "kill:9", "kill:11", "kill:15")
HANGS = ("hang", "deaf")
#: The kernel lives and serves others, but something about this request is wrong.
ODDITIES = ("silent", "late", "last", "twice", "garbage")
CLOSES = ("close:shell", "close:control", "close:iopub", "close:stdin", "close:hb")
WAYS = DEATHS + HANGS + ODDITIES + CLOSES

#: Ways after which only a person can say that it will not come any more.
NEEDS_RESTART = (*HANGS, "silent", "last", "close:hb")

MOMENTS = ("on_request", "after_busy", "after_reply", "after_idle")
EXECUTE_MOMENTS = ("after_execute_input", "while_printing", "while_input")


@dataclass(frozen=True)
class Asked:
    """A type of request as a client sends it.

    :ivar channel: the channel it goes to.
    """

    type: str
    channel: str = "shell"

    def content(self) -> Json:
        content = dict(CONTENTS.get(self.type, {}))
        if self.type == "debug_request":
            content.update(type="request", seq=7, command="debugInfo", arguments={})
        return content

    def __str__(self) -> str:
        return f"{self.type}@{self.channel}"


CONTENTS: dict[str, Json] = {
    "execute_request": {
        "code": "print",
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": True,
        "stop_on_error": True,
    },
    "complete_request": {"code": "a", "cursor_pos": 1},
    "inspect_request": {"code": "a", "cursor_pos": 1, "detail_level": 0},
    "history_request": {
        "hist_access_type": "tail",
        "n": 1,
        "raw": True,
        "output": False,
    },
    "is_complete_request": {"code": "a"},
    "comm_open": {"comm_id": "c", "target_name": "t", "data": {}},
    "comm_msg": {"comm_id": "c", "data": {}},
    "comm_close": {"comm_id": "c", "data": {}},
    "delete_subshell_request": {"subshell_id": "s"},
}

SHELL = [
    Asked(name)
    for name in (
        "execute_request",
        "complete_request",
        "inspect_request",
        "history_request",
        "is_complete_request",
        "comm_info_request",
        "kernel_info_request",
        "connect_request",
        "comm_open",
        "comm_msg",
        "comm_close",
        "unheard_of_request",
    )
]
# kernel_info on control is not among them: ipr answers it by itself.
CONTROL = [
    Asked(name, "control")
    for name in (
        "execute_request",
        "debug_request",
        "create_subshell_request",
        "delete_subshell_request",
        "list_subshell_request",
        "interrupt_request",
        "usage_request",
        "unheard_of_request",
    )
]
REQUESTS = SHELL + CONTROL
EXECUTE = REQUESTS[0]


@dataclass(frozen=True)
class Combination:
    """One fault: when, how, and in which request."""

    moment: str
    way: str
    request: Asked

    def __str__(self) -> str:
        return f"{self.way} {self.moment} of {self.request}"


def all_combinations() -> list[Combination]:
    every = [
        Combination(moment, way, request)
        for moment in MOMENTS
        for way in WAYS
        for request in REQUESTS
    ]
    every += [
        Combination(moment, way, request)
        for moment in EXECUTE_MOMENTS
        for way in WAYS
        for request in REQUESTS
        if request.type == "execute_request"
        and not (moment == "while_input" and request.channel == "control")
    ]
    return every


def pairs(combination: Combination) -> set[tuple[str, str]]:
    """:return: the pairs of values that a combination holds.

    By which of the signals a kernel died makes no difference to a request, so that a
    request meets death once; a moment meets each of them.
    """
    moment, way = combination.moment, combination.way
    request = str(combination.request)
    kind = "death" if way in DEATHS else "hang" if way in HANGS else way
    return {(moment, way), (moment, request), (kind, request)}


def pairwise(every: Sequence[Combination]) -> list[Combination]:
    """Choose combinations that hold each pair of values at least once.

    The order of the choice is fixed, so that a failure can be repeated.
    """
    missing = set().union(*map(pairs, every))
    chosen = []
    # Three new pairs first, then two, then one: not the fewest, but few.
    for news in (3, 2, 1):
        for combination in every:
            if len(pairs(combination) & missing) >= news:
                chosen.append(combination)
                missing -= pairs(combination)
    assert not missing
    return chosen


# --------------------------------------------------------------------------------
# One daemon and its two clients


class Worker:
    """A daemon in front of a scripted kernel, and two clients of it.

    :param options: further options of the daemon.
    """

    def __init__(self, place: Place, number: int, options: Sequence[str] = ()) -> None:
        self.place = place
        self.fault_file = os.path.join(place.root, f"fault-{number}")
        name = place.wrapped_spec(
            [sys.executable, "-E", "-s", SCRIPTED, "{connection_file}"],
            # Deaths are what this is about; they must not add up.
            ["--restart-limit", "100000", "--stable-start-time", "0", *options],
            name=f"scripted-{number}-{len(place.kernels)}",
            # No encryption: the scripted kernel knows none.
            metadata={},
            # Nobody asks it what it has loaded.
            language="scripted",
            # So that interrupt_requests reach the kernel and can go wrong.
            restarter_original_interrupt_mode="message",
        )
        self.kernel = Kernel(place, name, {"SCRIPTED_KERNEL_FAULT": self.fault_file})
        self.one = self.kernel.client(tolerant=True)
        self.two = self.kernel.client(tolerant=True)
        self.clients = (self.one, self.two)
        self.turn = itertools.cycle(REQUESTS)
        self.port_races = 0
        self.standby = "--standby=full" in options
        self.handed_over = 0

    def close(self) -> None:
        self.kernel.close()

    def wait(self, asked: Iterable[tuple[Client, str]], what: str) -> None:
        pending = list(asked)

        def finished() -> bool:
            pending[:] = [(c, i) for c, i in pending if not c.is_finished(i)]
            return not pending

        try:
            harness.receive(self.clients, finished, what, WITHIN)
        except Waited as waited:
            left = [f"{c.name}: {c.sent[i].type}" for c, i in pending]
            raise Waited(f"never finished: {left}; {waited}") from None

    def send(
        self, client: Client, request: Asked, fault: Json | None = None
    ) -> tuple[Client, str]:
        content = request.content()
        if fault and fault["moment"] == "while_input":
            content["code"] = "ask"
        msg_id = client.send(
            request.type,
            content,
            request.channel,
            metadata={"fault": fault} if fault else {},
        )
        return client, msg_id

    def others(self) -> list[tuple[Client, str]]:
        """Requests of both clients that are to be under way as well."""
        asked = [self.send(self.two, EXECUTE), self.send(self.one, next(self.turn))]
        tolerant = {**EXECUTE.content(), "stop_on_error": False}
        asked.append((self.two, self.two.send("execute_request", tolerant)))
        asked.append(self.send(self.two, next(self.turn)))
        asked.append((self.one, self.one.send("kernel_info_request", {}, "control")))
        return asked

    def inject(self, fault: Combination) -> None:
        """Let one thing go wrong, and see that everything is answered."""
        told = {"moment": fault.moment, "way": fault.way}
        pid = self.inner_pid()
        waits = self.waiting() if self.standby else 0
        first = self.send(self.one, fault.request, told)
        asked = [first, *self.others()]
        if fault.way in NEEDS_RESTART:
            # Long enough that it has happened; a kernel that hangs cannot say so.
            self.settle(0.1)
            asked.append((self.two, self.two.execute("%restart now")))
        elif fault.moment == "while_input" and fault.way in ODDITIES:
            request = harness.receive(
                self.clients,
                lambda: self.one.of(first[1], "stdin"),
                "the input_request",
                WITHIN,
            )[0]
            self.one.answer(request, "an answer")
        if fault.way in DEATHS or fault.way in CLOSES or fault.way in NEEDS_RESTART:
            # It did happen, and is over: what follows goes to the next kernel.
            self.wait_for_another(pid, str(fault))
        self.finish(asked, str(fault))
        if waits and self.inner_pid() == waits:
            self.handed_over += 1

    def waiting(self) -> int:
        """Wait until there is a standby; :return: its pid."""
        end = time.monotonic() + WITHIN
        while True:
            cell = self.two.execute("%ipr status")
            self.wait([(self.two, cell)], "the status")
            said = self.two.shown(cell)
            found = re.search(r"^standby +ready.* pid (\d+)", said, re.MULTILINE)
            if found:
                return int(found[1])
            if time.monotonic() > end:
                raise Waited(f"no standby: {said}")
            self.settle(0.5)

    def inner_pid(self) -> int:
        """:return: the pid of the kernel; 0 when this cell died with it."""
        cell = self.two.execute("pid")
        self.wait([(self.two, cell)], "the pid")
        text = self.two.text(cell)
        return int(text.removesuffix("two\n")) if text.endswith("two\n") else 0

    def wait_for_another(self, pid: int, what: str) -> None:
        """Wait until another kernel answers; what is asked until then may be lost.

        :param pid: of the one that went wrong.
        """
        end = time.monotonic() + WITHIN
        while self.inner_pid() in (0, pid):
            if time.monotonic() > end:
                raise Waited(f"the kernel never ended: {what}{self.one.story()}")
            self.settle(0.02)

    def settle(self, seconds: float) -> None:
        """Receive for a while."""
        end = time.monotonic() + seconds
        harness.receive(
            self.clients, lambda: time.monotonic() >= end, "time to pass", seconds + 5
        )

    def finish(self, asked: list[tuple[Client, str]], what: str) -> None:
        """Wait for all answers, run the next cell, and look for doubled ones."""
        self.wait(asked, f"all answers after {what}")
        cell = self.send(self.two, EXECUTE)
        self.wait([cell], f"the next cell after {what}")
        reply = self.two.replies(cell[1])[0].content
        said = str(reply.get("traceback"))
        if "Address already in use" in said or IMPOSTOR in said:
            # Another of our daemons' kernels took the port first, or listens there, and
            # a fault had already used up the one other try: nothing that this test is
            # about. These kernels sign as they should.
            self.port_races += 1
            self.wait([(self.two, self.two.execute("%restart"))], "the way out of it")
            cell = self.send(self.two, EXECUTE)
            self.wait([cell], f"the next cell after {what}")
            reply = self.two.replies(cell[1])[0].content
        assert reply["status"] == "ok", (what, reply, self.two.story())
        assert self.two.text(cell[1]) == "one,two\n", (what, self.two.story())
        harness.fence(self.clients)
        for client in self.clients:
            client.assert_once()

    def fault_at_start(self, moment: str, way: str, request: Asked) -> None:
        """Let the next kernel fail while it starts."""
        with open(self.fault_file + ".new", "w") as file:
            json.dump({"moment": moment, "way": way}, file)
        os.rename(self.fault_file + ".new", self.fault_file)
        asked = [
            self.send(self.one, request),
            (self.one, self.one.execute("%restart now")),
            self.send(self.one, request),
            *self.others(),
        ]
        what = f"{way} {moment}"
        self.wait(asked, f"all answers after {what}")
        if os.path.exists(self.fault_file):
            raise AssertionError(f"{what}: no kernel was started{self.one.story()}")
        self.finish([], what)

    def fault_at_shutdown(self, way: str, request: Asked) -> None:
        """Let the kernel go wrong when it is told to go."""
        self.wait([(self.one, self.one.execute(f"on_shutdown {way}"))], "the telling")
        asked = [
            self.send(self.one, request),
            (self.two, self.two.execute("%restart now")),
            self.send(self.one, request),
            *self.others(),
        ]
        self.finish(asked, f"{way} on_shutdown with {request}")


def work_off(
    place: Place,
    jobs: Sequence[tuple[str, tuple[str, ...], Combination]],
    options: Sequence[str] = (),
) -> None:
    """Share jobs out among daemons, and tell what went wrong with which.

    :param jobs: (kind, arguments, combination), see :func:`perform`.
    :raises AssertionError: with every job that failed.
    """
    begin = time.monotonic()
    queue = iter(list(jobs))
    failures: list[str] = []
    done: list[str] = []
    workers = [Worker(place, number, options) for number in range(WORKERS)]

    def work(number: int) -> None:
        worker = workers[number]
        # An iterator of a list may be shared: next() is one step.
        for kind, _, combination in queue:
            try:
                perform(worker, kind, combination)
                done.append(str(combination))
            except AssertionError as error:
                failures.append(f"### {kind}: {combination}\n{error}")
                if len(failures) >= 8:
                    return
                # What state it left its daemon in does not concern the next one.
                worker.close()
                workers[number] = worker = Worker(place, number, options)

    with ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(work, number) for number in range(WORKERS)]:
            future.result()
    for worker in workers:
        # Anything that came late comes before these answers.
        harness.fence(worker.clients)
        for client in worker.clients:
            client.assert_once()
        worker.close()
    if workers[0].standby:
        taken = sum(worker.handed_over for worker in workers)
        print(f"\n{taken} times a standby took over")
        assert taken > len(jobs) / 3
    seconds = time.monotonic() - begin
    print(
        f"\n{len(done)} of {len(jobs)} combinations went well,"
        f" {sum(len(c.sent) for w in workers for c in w.clients)} requests"
        f" at the last daemons, {sum(w.port_races for w in workers)} lost ports,"
        f" {seconds:.1f} s"
    )
    assert not failures, "\n\n".join(failures)
    assert len(done) == len(jobs)


def perform(worker: Worker, kind: str, combination: Combination) -> None:
    if kind == "request":
        worker.inject(combination)
    elif kind == "start":
        worker.fault_at_start(combination.moment, combination.way, combination.request)
    else:
        worker.fault_at_shutdown(combination.way, combination.request)


def jobs(
    kind: str, combinations: Iterable[Combination]
) -> list[tuple[str, tuple[str, ...], Combination]]:
    return [(kind, (), combination) for combination in combinations]


# --------------------------------------------------------------------------------
# The scripted kernel


@pytest.mark.slow
def test_faults_while_it_serves(place: Place) -> None:
    every = all_combinations()
    chosen = every if os.environ.get("IPR_TEST_LONG") else pairwise(every)
    print(f"\n{len(chosen)} of {len(every)} combinations of moment, way and request")
    work_off(place, jobs("request", chosen))


@pytest.mark.slow
def test_idle_that_is_lost_comes_all_the_same(place: Place) -> None:
    """The reply came; the kernel goes on, and says no more of that request."""
    worker = Worker(place, 0)
    fault = {"moment": "after_reply", "way": "silent"}
    # Of the same shell one alone, and several at once.
    for asked in ([EXECUTE], [r for r in REQUESTS if r.type not in REPLYLESS]):
        sent = [worker.send(worker.one, request, fault) for request in asked]
        worker.wait(sent, "the idle of each")
        worker.finish([], "lost idles")
    worker.close()


@pytest.mark.nightly
@pytest.mark.slow
def test_faults_while_a_standby_waits(place: Place) -> None:
    """As without one: what hands it over may happen at any moment of any request."""
    ends = [one for one in all_combinations() if one.way not in ODDITIES]
    work_off(place, jobs("request", pairwise(ends)), ["--standby=full"])


START_MOMENTS = ("before_bind", "before_info", "before_iopub")
START_WAYS = ("exit:0", "exit:3", "kill:9", "kill:11")


@pytest.mark.slow
def test_faults_while_it_starts(place: Place) -> None:
    """One start fails; the next one, which ipr makes by itself, does not."""
    turn = itertools.cycle(REQUESTS)
    work_off(
        place,
        jobs(
            "start",
            [
                Combination(moment, way, next(turn))
                for moment in START_MOMENTS
                for way in (*START_WAYS, *(CLOSES if moment != "before_bind" else ()))
                # Without a heartbeat a kernel is as good as any other.
                if way != "close:hb" and way != "close:stdin"
            ],
        ),
        # A socket that was closed before ipr had connected to it is never missed:
        # such a kernel is one that does not get ready in time.
        ["--start-timeout", "8"],
    )


@pytest.mark.slow
def test_hangs_while_it_starts(place: Place) -> None:
    """A kernel that is not ready in time is killed, and that counts as a death."""
    work_off(
        place,
        jobs(
            "start",
            [
                # Not before_iopub: a kernel that has answered is ready, and whether
                # it hangs is for a person to say.
                Combination(moment, way, request)
                for moment in ("before_bind", "before_info")
                for way in HANGS
                for request in (EXECUTE, SHELL[1], CONTROL[1])
            ],
        ),
        # Long enough for the start that does not hang, on a busy machine.
        ["--start-timeout", "5"],
    )


@pytest.mark.slow
def test_faults_at_the_shutdown(place: Place) -> None:
    turn = itertools.cycle(REQUESTS)
    ways = (*DEATHS, *HANGS, "silent", "twice", "stay")
    work_off(
        place,
        jobs(
            "shutdown",
            [
                Combination("on_shutdown", way, next(turn))
                for way in ways
                for _ in range(2)
            ],
        ),
    )


# --------------------------------------------------------------------------------
# A real ipykernel

#: How a real kernel goes wrong while it serves a request: the request, and what has to
#: be run first.
DIE = "__import__('os').kill(__import__('os').getpid(), {})"
REAL: dict[str, str] = {
    "os._exit": "import os; print('x', flush=True); os._exit(7)",
    "SIGKILL": DIE.format(9),
    "SIGSEGV": "import ctypes; ctypes.string_at(0)",
    "SIGABRT": "import os; os.abort()",
    "SIGTERM": DIE.format(15),
    "while printing": (
        "import os, threading\n"
        "threading.Timer(0.3, os._exit, [1]).start()\n"
        "while True: print('x' * 100)"
    ),
    "in a thread, later": (
        "import os, threading; threading.Timer(0.3, os._exit, [1]).start()"
    ),
    "while input waits": (
        "import os, threading\nthreading.Timer(0.5, os._exit, [1]).start()\ninput('? ')"
    ),
    "in a display hook": (
        "class Deadly:\n    def __repr__(self): import os; os._exit(1)\nDeadly()"
    ),
    "with open files and children": (
        "import os, subprocess\n"
        "subprocess.Popen(['sleep', '600'])\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "os._exit(1)"
    ),
    "its parent's end of the sockets": (
        "import os\n"
        "for fd in range(3, 100):\n"
        "    try: os.close(fd)\n"
        "    except OSError: pass"
    ),
}


#: Of them, a death of each kind: by itself, by a signal, in the middle of output, of a
#: question, and one that the sockets show before the process does.
CORE = (
    "os._exit",
    "SIGSEGV",
    "while printing",
    "while input waits",
    "its parent's end of the sockets",
)


@pytest.fixture(scope="module")
def real(shared_place: Place) -> Kernel:
    return shared_place.start(
        "wrapped", ["--restart-limit", "1000", "--stable-start-time", "0"]
    )


Clients = tuple[Client, Client]


@pytest.fixture
def clients(real: Kernel) -> Iterator[Clients]:
    one, two = real.client(), real.client()
    yield one, two
    for client in (one, two):
        client.close()
        real.clients.remove(client)


def see_it_through(one: Client, two: Client, asked: list[tuple[Client, str]]) -> None:
    """Everything is answered once, and the next cell works for both."""
    clients = (one, two)
    harness.receive(
        clients, lambda: all(c.is_finished(i) for c, i in asked), "all answers"
    )
    for client in clients:
        assert client.value("6 * 7") == "42"
    harness.fence(clients)
    for client in clients:
        client.assert_once()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.core) if name in CORE else name
        for name in REAL
    ],
)
def test_real_kernel_dies(clients: Clients, name: str) -> None:
    one, two = clients
    cell = lost = one.execute(REAL[name])
    if name == "in a thread, later":
        one.finish(cell)
        lost = one.execute("import time; time.sleep(60)")
    queued = two.execute("print('queued')")
    question = two.send("complete_request", {"code": "zi", "cursor_pos": 2})
    see_it_through(one, two, [(one, cell), (one, lost), (two, queued), (two, question)])
    reply = one.replies(lost)[0].content
    assert reply["status"] == "error"
    assert reply["ename"] == "DeadKernelError", reply
    # In words, with what is known of the cause.
    cause = {
        "os._exit": "7",
        "SIGKILL": "SIGKILL",
        "SIGSEGV": "SIGSEGV",
        "SIGABRT": "SIGABRT",
        "SIGTERM": "SIGTERM",
    }.get(name, "")
    assert cause in reply["evalue"], reply
    errors = [m for m in one.iopub(lost) if m.type == "error"]
    assert [m.content["ename"] for m in errors] == ["DeadKernelError"]
    assert two.replies(queued)[0].content["status"] in ("aborted", "ok")


@pytest.mark.core
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_real_kernel_is_killed_while_idle(clients: Clients, number: int) -> None:
    one, two = clients
    pid = one.inner_pid()
    harness.kill(pid, number)
    # Sent into the gap: either it is noticed already, or the request is lost with it
    # and answered all the same.
    asked = [
        (one, one.execute("1")),
        (two, two.send("is_complete_request", {"code": "1"})),
        (two, two.send("list_subshell_request", {}, "control")),
        (one, one.send("comm_msg", {"comm_id": "c", "data": {}})),
    ]
    see_it_through(one, two, asked)
    assert one.inner_pid() != pid


def test_real_kernel_dies_in_a_subshell(clients: Clients) -> None:
    one, two = clients
    made = one.finish(one.send("create_subshell_request", {}, "control"))
    head = {"subshell_id": made["subshell_id"]}
    main = two.execute("import time; time.sleep(60)")
    two.wait_for(main, "execute_input")
    cell = one.execute("import os; os._exit(5)", header=head)
    see_it_through(one, two, [(one, cell), (two, main)])
    for client, msg_id in ((one, cell), (two, main)):
        assert client.replies(msg_id)[0].content["status"] == "error"


def test_real_kernel_dies_in_other_requests(clients: Clients) -> None:
    """In a completer, in an inspection, in a comm, in the debugger's helper."""
    one, two = clients
    deadly = (
        "import os\n"
        "class Deadly:\n"
        "    def __dir__(self): os._exit(1)\n"
        "    def __getattr__(self, name): os._exit(1)\n"
        "deadly = Deadly()\n"
        "get_ipython().kernel.comm_manager.register_target(\n"
        "    'deadly', lambda comm, message: os._exit(1))\n"
        "get_ipython().kernel.do_is_complete = lambda code: os._exit(1)\n"
        "get_ipython().kernel.do_history = lambda *a, **k: os._exit(1)\n"
    )
    deaths: list[tuple[str, Json]] = [
        ("inspect_request", {"code": "deadly", "cursor_pos": 6, "detail_level": 0}),
        ("comm_open", {"comm_id": "c", "target_name": "deadly", "data": {}}),
        ("is_complete_request", {"code": "1"}),
        ("history_request", CONTENTS["history_request"]),
    ]
    for kind, content in deaths:
        one.run(deadly)
        pid = one.inner_pid()
        asked = [
            (one, one.send(kind, content)),
            (two, two.execute("print('queued')")),
            (two, two.send("kernel_info_request")),
        ]
        see_it_through(one, two, asked)
        assert one.inner_pid() != pid, kind


def test_nothing_is_left_of_them(shared_place: Place, real: Kernel) -> None:
    """After all of the above: the daemon, its helper and one kernel."""
    client = real.client()
    inner = client.inner_pid()
    alive = {process.pid for process in shared_place.processes()}
    assert {real.pid, inner} <= alive
    names = shared_place.described_processes()
    assert len(alive) <= 3, names
    assert not [name for name in names if "sleep" in name]
