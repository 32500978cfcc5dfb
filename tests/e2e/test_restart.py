"""``%restart`` from end to end, on a wrapped ipykernel: what every client sees, what
becomes of the cells before and after it, and what is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Any

import psutil
import pytest

from ipr.daemon.tidying import TIDY_TIME
from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place

HISTORY = {"hist_access_type": "tail", "n": 1, "raw": True, "output": False}
SLEEP = "import time\nprint('on', flush=True)\ntime.sleep(60)"
DEAF = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "print('on', flush=True)\n"
    "time.sleep(60)"
)
#: What may stand in the cell of a %restart while it waits, and after it.
OUTPUT = {"stream", "display_data", "update_display_data", "clear_output"}
OK = {"status": "ok", "user_expressions": {}, "payload": []}


@pytest.fixture
def client(kernel: Kernel) -> Iterator[Client]:
    client = kernel.client()
    yield client
    if kernel.process.poll() is None:
        # Whatever the test did: nothing unanswered, nothing answered twice, and no
        # status that makes a front end give the kernel up.
        client.fence()
        client.assert_once()
        states = {m.state for m in client.received}
        assert not states & {"dead", "restarting"}
        assert_sessions_follow(client)


def is_ok(content: dict[str, Any]) -> bool:
    """Whether it is the reply of a %restart that went well."""
    count = content["execution_count"]
    return content == {**OK, "execution_count": count} and isinstance(count, int)


def assert_sessions_follow(client: Client) -> None:
    """On each channel the session ids follow each other and never come back."""
    for channel in harness.CHANNELS:
        sessions = [
            session
            for session, _ in groupby(
                m.header["session"]
                for m in client.received
                if m.channel == channel and m.type != "iopub_welcome"
            )
        ]
        assert len(sessions) == len(set(sessions)), (channel, sessions, client.story())


def id_of(message: harness.Received) -> str:
    return str(message.header["msg_id"])


def statuses(client: Client, msg_id: str) -> list[str]:
    return [m.state for m in client.iopub(msg_id) if m.state is not None]


def error_of(client: Client, msg_id: str) -> harness.Json:
    """The error that ended a cell; it comes as iopub message and as reply, equal."""
    (reply,) = client.replies(msg_id)
    (shown,) = [m for m in client.iopub(msg_id) if m.type == "error"]
    assert reply.content["status"] == "error"
    for name in ("ename", "evalue", "traceback"):
        assert reply.content[name] == shown.content[name]
    assert isinstance(reply.content["execution_count"], int)
    assert isinstance(reply.content["traceback"], list)
    assert client.types(msg_id)[-2:] == ["error", "idle"]
    return reply.content


# --------------------------------------------------------------------------------
# The old kernel may end beside the new one

#: Takes its time at the end of its interpreter, after its sockets have closed.
_SLOW = """
import time
class Slow:
    def __del__(self, sleep=time.sleep, time=time.time, open=open):
        sleep(0.5)
        with open("ended.txt", "w") as file:
            file.write(repr(time()))
slow = Slow()
"""


def test_file_that_was_not_closed_is_written_before_the_new_kernel_runs(
    client: Client,
) -> None:
    """An interpreter writes it at its very end."""
    client.run(_SLOW)
    client.run("f = open('late.txt', 'w'); f.write('unwritten')")
    assert client.value("open('late.txt').read()") == ""
    client.finish(client.execute("%restart"))
    assert client.value("open('late.txt').read()") == "unwritten"


def test_port_of_the_old_kernel_is_free_when_the_new_one_runs(client: Client) -> None:
    client.run(_SLOW)
    client.run("import socket; s = socket.create_server(('127.0.0.1', 0))")
    port = client.value("s.getsockname()[1]")
    client.finish(client.execute("%restart"))
    code = f"import socket; s = socket.create_server(('127.0.0.1', {port}))"
    msg_id = client.execute(code)
    assert client.finish(msg_id)["status"] == "ok", client.story()


def test_kernel_that_holds_nothing_ends_beside_the_new_one(client: Client) -> None:
    """And it ends by itself: what it does at its end is not cut short."""
    client.run(_SLOW)
    folder = client.value("__import__('os').getcwd()")
    old = client.inner_pid()
    client.finish(client.execute("%restart"))
    began = psutil.Process(client.inner_pid()).create_time()
    harness.until(lambda: not harness.is_alive(old), "the end of the old kernel")
    with open(os.path.join(folder, "ended.txt")) as file:
        assert began < float(file.read())


# --------------------------------------------------------------------------------
# While nothing runs


@pytest.mark.core
def test_in_place(kernel: Kernel, client: Client) -> None:
    client.run("x = 1")
    old = client.inner_pid()
    assert old != kernel.pid
    with open(kernel.connection_file) as file:
        connection = file.read()

    restart = client.execute("%restart")
    assert is_ok(client.finish(restart))

    types = client.types(restart)
    assert types[:2] == ["busy", "execute_input"]
    assert types[-1] == "idle"
    assert set(types[2:-1]) <= OUTPUT, types
    echo = client.iopub(restart)[1].content
    assert echo == {"code": "%restart", "execution_count": 3}
    # Frees the input prompt of JupyterLab, and resets a qtconsole quietly.
    (told,) = [m for m in client.received if m.type == "shutdown_reply"]
    assert told.channel == "iopub"
    assert told.content == {"status": "ok", "restart": True}
    assert told.parent["msg_type"] == "shutdown_request"
    assert told.parent["msg_id"] != restart

    new = client.inner_pid()
    assert new != old
    assert kernel.process.poll() is None
    # It may end beside the new one.
    harness.until(lambda: not harness.is_alive(old), "the end of the old kernel")
    text = client.shown(restart)
    assert re.search(r"restarted in place, \d+\.\d\d s", text), text
    with open(kernel.connection_file) as file:
        assert file.read() == connection

    cell = client.run("x")
    assert error_of(client, cell)["ename"] == "NameError"
    # The count begins again: inner_pid() stored no history.
    assert client.replies(cell)[0].content["execution_count"] == 1


@pytest.mark.parametrize(
    "code",
    [
        "  %restart  \n",
        "\n\n\t\n%restart\n\n",
        "# why not\n\n# another one\n%restart",
        "%restart  # with a reason",
    ],
)
def test_white_space_and_comments(client: Client, code: str) -> None:
    old = client.inner_pid()
    restart = client.execute(code)
    assert is_ok(client.finish(restart))
    (echo,) = [m for m in client.iopub(restart) if m.type == "execute_input"]
    assert echo.content["code"] == code
    assert client.inner_pid() != old


@pytest.mark.core
def test_silent(client: Client) -> None:
    old = client.inner_pid()
    restart = client.execute("%restart", silent=True)
    assert is_ok(client.finish(restart))
    assert "execute_input" not in client.types(restart)
    assert statuses(client, restart) == ["busy", "idle"]
    assert client.inner_pid() != old


@pytest.mark.core
def test_wrong_usage_is_told(client: Client) -> None:
    old = client.inner_pid()
    cell = client.run("%restart tomorrow")
    assert "tomorrow" in error_of(client, cell)["evalue"]
    assert client.inner_pid() == old


def test_on_control(client: Client) -> None:
    """ipykernel executes cells on control as well."""
    old = client.inner_pid()
    restart = client.execute("%restart", channel="control")
    assert is_ok(client.finish(restart))
    assert client.inner_pid() != old


# --------------------------------------------------------------------------------
# With cells before and after


@pytest.mark.core
def test_takes_its_turn(client: Client) -> None:
    pid = "__import__('os').getpid()"
    before = [
        client.execute(f"import time; time.sleep(0.5); x = 1; print('first', {pid})"),
        client.execute(f"print('second', x, {pid})"),
    ]
    restart = client.execute("%restart")
    after = [
        client.execute(f"print('third', 'x' in dir(), {pid})"),
        client.execute(f"x = 2; print('fourth', {pid})"),
        client.execute(f"print('fifth', x, {pid})"),
    ]
    order = [*before, restart, *after]
    client.finish(*order)

    replied = [m.parent["msg_id"] for m in client.received if m.channel == "shell"]
    assert replied == order
    idle = [m.parent["msg_id"] for m in client.received if m.state == "idle"]
    assert [msg_id for msg_id in idle if msg_id in order] == order
    said = [client.text(msg_id).split() for msg_id in order if msg_id != restart]
    assert [words[:-1] for words in said] == [
        ["first"],
        ["second", "1"],
        ["third", "False"],
        ["fourth"],
        ["fifth", "2"],
    ]
    pids = [words[-1] for words in said]
    assert pids == [pids[0]] * 2 + [pids[-1]] * 3
    assert pids[0] != pids[-1]
    assert is_ok(client.replies(restart)[0].content)
    counts = [client.replies(i)[0].content["execution_count"] for i in order]
    # That of the %restart depends on what had begun when it came.
    assert counts[:2] + counts[3:] == [1, 2, 1, 2, 3]


@pytest.mark.core
def test_waiting_says_so(client: Client) -> None:
    busy = client.execute("import time; time.sleep(1.5)")
    restart = client.execute("%restart")
    # What it waits for, and the way out.
    client.wait(
        lambda: "%restart now" in client.shown(restart), "what it says of the way out"
    )
    assert not client.replies(busy)
    client.finish(busy, restart)
    assert client.replies(busy)[0].content["status"] == "ok"
    assert is_ok(client.replies(restart)[0].content)


@pytest.mark.core
def test_rest_of_the_cell(client: Client) -> None:
    client.run("x = 1")
    old = client.inner_pid()
    cell = client.execute(
        "%restart\n\nimport os\nprint('rest', 'x' in dir(), os.getpid())\n6 * 7"
    )
    after = client.execute("print('after')")
    reply = client.finish(cell, after)
    reply = client.replies(cell)[0].content
    assert (reply["status"], reply["execution_count"]) == ("ok", 1)
    words = client.text(cell).split()
    assert words[:2] == ["rest", "False"]
    assert int(words[2]) != old
    (result,) = [m for m in client.iopub(cell) if m.type == "execute_result"]
    assert result.content["data"]["text/plain"] == "42"
    assert statuses(client, cell) == ["busy", "idle"]
    assert client.replies(after)[0].content["execution_count"] == 2


def test_rest_of_the_cell_that_fails(client: Client) -> None:
    cell = client.run("%restart\n1 / 0")
    assert error_of(client, cell)["ename"] == "ZeroDivisionError"
    assert client.finish(client.run("2"))["status"] == "ok"


def test_rest_of_the_cell_may_ask(client: Client) -> None:
    cell = client.execute("%restart\nprint(input('who? '))")
    client.answer(client.input_request(cell), "me")
    client.finish(cell)
    assert client.text(cell).endswith("me\n")


@pytest.mark.core
def test_now(client: Client) -> None:
    old = client.inner_pid()
    # It does not hear SIGINT: so nothing of the answers is the old kernel's.
    running = client.execute(DEAF)
    queued = client.execute("print('never')")
    tolerant = client.execute("print('never either')", stop_on_error=False)
    question = client.send("complete_request", {"code": "zi", "cursor_pos": 2})
    client.wait_for(running, "text:on")
    restart = client.execute("%restart now")
    after = client.execute("import os; print('after', os.getpid())")
    client.finish(running, queued, tolerant, question, restart, after)

    lost = error_of(client, running)
    assert lost["execution_count"] == 1
    assert "restart" in (lost["ename"] + lost["evalue"]).lower()
    (reply,) = client.replies(queued)
    assert reply.content["status"] == "aborted"
    assert statuses(client, queued) == ["busy", "idle"]
    assert error_of(client, tolerant)["ename"] == lost["ename"]
    assert client.replies(question)[0].content["status"] == "ok"
    assert is_ok(client.replies(restart)[0].content)
    words = client.text(after).split()
    assert words[0] == "after"
    assert int(words[1]) != old
    assert not harness.is_alive(old)


def test_now_with_an_ordinary_cell(client: Client, place: Place) -> None:
    """It is interrupted and says so, and those behind it do not begin any more.

    On a busy machine its traceback may come too late: it has 0.6 s.
    """
    mark = os.path.join(place.work, "began")
    for _ in range(5):
        # What a first traceback imports is there.
        client.run("1 / 0")
        running = client.execute(SLEEP)
        queued = client.execute(f"open({mark!r}, 'w')")
        client.wait_for(running, "text:on")
        restart = client.execute("%restart now")
        after = client.execute("print('after')")
        client.finish(running, queued, restart, after)
        late = ["KernelRestarted"] if harness.allowing_for_load(1.0) > 1.0 else []
        assert error_of(client, running)["ename"] in ["KeyboardInterrupt", *late]
        assert client.types(running)[-1] == "idle"
        assert client.replies(queued)[0].content["status"] == "aborted"
        assert is_ok(client.replies(restart)[0].content)
        assert client.text(after) == "after\n"
        assert not os.path.exists(mark)


def test_now_when_the_cell_ignores_everything(client: Client) -> None:
    old = client.inner_pid()
    running = client.execute(
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "print('on', flush=True)\n"
        "while True: time.sleep(60)"
    )
    client.wait_for(running, "text:on")
    restart = client.execute("%restart now")
    client.finish(running, restart, within=10)
    error_of(client, running)
    assert client.inner_pid() != old
    assert not harness.is_alive(old)


@pytest.mark.parametrize("who", ["guardian", "kernel"])
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.25, 0.35, 0.6])
def test_now_and_a_kill(client: Client, who: str, delay: float) -> None:
    """Whoever is killed on the way out, before, in and after the 0.3 s of notice."""
    old = client.inner_pid()
    guardian = psutil.Process(old).ppid()
    running = client.execute(DEAF)
    queued = client.execute("print('never')")
    client.wait_for(running, "text:on")
    restart = client.execute("%restart now")
    after = client.execute("print('after')")
    if delay:
        time.sleep(delay)
    with suppress(ProcessLookupError):
        os.kill(guardian if who == "guardian" else old, signal.SIGKILL)
    client.finish(running, queued, restart, after)
    assert error_of(client, running)["ename"] == "KernelRestarted"
    assert client.replies(queued)[0].content["status"] == "aborted"
    assert is_ok(client.replies(restart)[0].content)
    assert client.text(after) == "after\n"
    client.assert_once(running, queued, restart, after)
    assert client.inner_pid() != old
    assert not harness.is_alive(old)
    assert not harness.is_alive(guardian)


def test_a_guardian_that_was_stopped(client: Client) -> None:
    """It is woken to kill its kernel, and ends with it; the new one goes on."""
    old = client.inner_pid()
    guardian = psutil.Process(old).ppid()
    os.kill(guardian, signal.SIGSTOP)
    client.run("%restart now")
    new = client.inner_pid()
    client.run("x = 42")
    harness.until(
        lambda: not (harness.is_alive(guardian) or harness.is_alive(old)),
        "the end of the old kernel and its guardian",
    )
    assert client.value("x") == "42"
    assert client.inner_pid() == new


def test_a_death_that_nobody_reports(client: Client) -> None:
    """The kernel has ended, and its guardian, which would say so, was stopped."""
    guardian = psutil.Process(client.inner_pid()).ppid()
    os.kill(guardian, signal.SIGSTOP)
    try:
        cell = client.execute("import os; os._exit(1)")
        client.finish(cell, within=20)
        assert error_of(client, cell)["ename"] == "DeadKernelError"
        assert client.value("1 + 1") == "2"
    finally:
        # The daemon woke it, and it has ended.
        with contextlib.suppress(ProcessLookupError):
            os.kill(guardian, signal.SIGCONT)


def test_a_folder_that_was_removed(client: Client, place: Place) -> None:
    """``--cwd`` is the way out, and until then a cell says what is wrong."""
    folder = os.path.join(place.work, "scratch")
    os.mkdir(folder)
    client.run(f"%restart --cwd {folder}")
    os.rmdir(folder)
    pid = client.inner_pid()
    restart = client.execute("%restart")
    client.finish(restart)
    assert "run %restart --reset" in error_of(client, restart)["evalue"]
    # It was found out before: the kernel is the one that it was.
    assert client.inner_pid() == pid
    client.run(f"%restart --cwd {place.work}")
    assert client.value("__import__('os').getcwd()") == place.work


def test_what_the_daemon_did_not_start(place: Place) -> None:
    """A wrapper's tunnel or monitor is its child by exec, and not its to kill."""
    inner = place.wrapped_spec()
    with open(os.path.join(place.specs, inner, "kernel.json")) as file:
        spec = json.load(file)
    pid_file = os.path.join(place.work, "helper")
    script = f"sleep 600 & echo $! > {pid_file}; exec " + shlex.join(spec["argv"])
    spec["argv"] = ["sh", "-c", script.replace("{resource_dir}", place.specs_of(inner))]
    client = Kernel(place, place.spec(spec)).client()
    with open(pid_file) as file:
        helper = int(file.read())
    # Nobody can tell before it is executed.
    program = os.path.join(place.work, "kernel")
    with open(program, "w") as file:
        file.write("#!/no/such/interpreter\n")
    os.chmod(program, 0o755)
    broken = place.plain_spec([program])
    restart = client.execute(f"%restart --kernel {broken}")
    client.finish(restart)
    assert error_of(client, restart)["ename"] == "KernelStartError"
    client.run("%restart --reset")
    os.kill(psutil.Process(client.inner_pid()).ppid(), signal.SIGKILL)
    client.wait_until_ready()
    assert harness.is_alive(helper)
    os.kill(helper, signal.SIGKILL)


def test_twice_in_a_row(client: Client) -> None:
    old = client.inner_pid()
    first = client.execute("%restart")
    second = client.execute("%restart")
    after = client.execute("print(__import__('os').getpid())")
    client.finish(first, second, after)
    assert is_ok(client.replies(first)[0].content)
    assert is_ok(client.replies(second)[0].content)
    assert int(client.text(after)) != old


def test_now_during_a_restart(client: Client) -> None:
    old = client.inner_pid()
    first = client.execute("%restart")
    second = client.execute("%restart now")
    after = client.execute("print(__import__('os').getpid())")
    client.finish(first, second, after)
    assert int(client.text(after)) != old


def test_cells_pipelined_from_two_clients(kernel: Kernel, client: Client) -> None:
    other = kernel.client()
    mine = []
    theirs = []
    restart = ""
    for number in range(5):
        mine.append(client.execute(f"print('mine', {number})"))
        theirs.append(other.execute(f"print('theirs', {number})"))
        if number == 2:
            restart = client.execute("%restart")
    harness.receive(
        [client, other],
        lambda: (
            all(map(client.is_finished, mine)) and all(map(other.is_finished, theirs))
        ),
        "all cells of both clients",
    )
    client.finish(restart)
    assert [client.text(i) for i in mine] == [f"mine {n}\n" for n in range(5)]
    assert [other.text(i) for i in theirs] == [f"theirs {n}\n" for n in range(5)]
    other.fence()
    other.assert_once()


# --------------------------------------------------------------------------------
# Interrupted while it waits


@pytest.mark.core
def test_interrupt_while_waiting(client: Client) -> None:
    running = client.execute(SLEEP)
    client.wait_for(running, "text:on")
    restart = client.execute("%restart")
    client.wait(lambda: client.shown(restart), "that it says that it waits")
    interrupt = harness.interrupt_by_message(client)
    client.finish(running, interrupt, restart, within=10)
    # By the kernel itself, before the restart went on.
    assert error_of(client, running)["ename"] == "KeyboardInterrupt"
    assert client.replies(interrupt)[0].content["status"] == "ok"
    assert is_ok(client.replies(restart)[0].content)
    assert client.finish(client.run("1"))["execution_count"] == 1


def test_interrupt_that_the_cell_ignores(client: Client) -> None:
    running = client.execute(DEAF)
    client.wait_for(running, "text:on")
    restart = client.execute("%restart")
    client.wait(lambda: client.shown(restart), "that it says that it waits")
    begin = time.monotonic()
    interrupt = harness.interrupt_by_message(client)
    client.finish(interrupt)
    client.finish(running, restart, within=15)
    (ended,) = client.replies(running)
    # Two seconds of grace, then the restart goes ahead; stopping takes its time.
    assert 1.9 < ended.at - begin < 6, ended.at - begin
    error_of(client, running)
    assert is_ok(client.replies(restart)[0].content)


def test_interrupt_during_a_restart_is_harmless(client: Client) -> None:
    restart = client.execute("%restart")
    client.wait_for(restart, "execute_input")
    interrupts = [harness.interrupt_by_message(client) for _ in range(3)]
    after = client.execute("print('here')")
    client.finish(restart, *interrupts, after)
    assert client.replies(restart)[0].content["status"] == "ok"
    assert client.text(after) == "here\n"


# --------------------------------------------------------------------------------
# What clients see


@pytest.mark.core
def test_every_client_sees_the_same(kernel: Kernel, client: Client) -> None:
    watchers = [kernel.client() for _ in range(3)]
    harness.fence([client, *watchers])
    for seen in (client, *watchers):
        seen.forget()
    begin = client.execute("print('begin')")
    for round_ in range(2):
        client.execute(f"print('before', {round_})")
        client.execute("%restart")
        client.execute(f"print('after', {round_})")
    client.finish(*client.sent)
    end = client.run("print('end')")

    def stream(seen: Client) -> list[str]:
        ids = [m.header["msg_id"] for m in seen.received if m.channel == "iopub"]
        first, last = client.iopub(begin)[0], client.idles(end)[0]
        return ids[
            ids.index(first.header["msg_id"]) : ids.index(last.header["msg_id"]) + 1
        ]

    last = client.idles(end)[0].header["msg_id"]
    harness.receive(
        watchers,
        lambda: all(last in map(id_of, w.received) for w in watchers),
        "the watchers to see the last idle",
    )
    expected = stream(client)
    assert len(expected) == len(set(expected))
    for watcher in watchers:
        assert stream(watcher) == expected
        assert not [m for m in watcher.received if m.channel in ("shell", "stdin")]
    assert_sessions_follow(watchers[0])


@pytest.mark.slow
def test_first_output_is_never_lost(kernel: Kernel, client: Client) -> None:
    """The first cell after a restart prints at once; twenty times."""
    watcher = kernel.client()
    cells = []
    for number in range(20):
        restart = client.execute("%restart")
        cells.append(client.execute(f"print('output', {number})\n{number}"))
        if number % 2:
            # Also when the front end waits for the restart, as nbclient does.
            client.finish(restart, cells[-1])
    client.finish(*client.sent)
    harness.receive(
        [watcher],
        lambda: any(m.state == "idle" for m in watcher.of(cells[-1])),
        "the watcher to see the last idle",
    )
    for seen in (client, watcher):
        assert [seen.text(cell) for cell in cells] == [
            f"output {number}\n" for number in range(20)
        ]
        assert {tuple(seen.types(cell)) for cell in cells} == {
            ("busy", "execute_input", "stream", "execute_result", "idle")
        }


def test_output_just_before_is_not_lost(client: Client) -> None:
    """What a cell printed last comes, although the kernel is stopped right after."""
    for number in range(5):
        cell = client.execute(f"print('x' * 100_000); print('last', {number})")
        restart = client.execute("%restart")
        client.finish(cell, restart)
        assert client.text(cell).endswith(f"last {number}\n")
        assert len(client.text(cell)) > 100_000


def test_starting_is_forwarded(client: Client) -> None:
    """The new kernel says ``starting``, as any kernel does, and ends idle."""
    client.run("%restart")
    client.fence()
    states = [m.state for m in client.received if m.state is not None]
    assert states.count("starting") == 1
    assert states[-1] == "idle"


# --------------------------------------------------------------------------------
# Input


@pytest.mark.core
def test_input_pending_at_a_restart(client: Client) -> None:
    asking = client.execute("input('old? ')")
    request = client.input_request(asking)
    restart = client.execute("%restart now")
    client.finish(asking, restart)
    assert client.replies(asking)[0].content["status"] == "error"
    assert len([m for m in client.iopub(asking) if m.type == "error"]) == 1
    assert client.types(asking)[-1] == "idle"
    assert [m for m in client.received if m.type == "shutdown_reply"]
    # The answer comes too late, and must not answer the next question.
    client.answer(request, "too late")
    again = client.execute("print(input('new? '))")
    client.answer(client.input_request(again), "in time")
    client.finish(again)
    assert client.text(again) == "in time\n"


@pytest.mark.core
def test_question_to_a_client_on_its_way(kernel: Kernel, client: Client) -> None:
    """Its stdin is not connected yet: it is asked as soon as it is."""
    stdin = client.kc.stdin_channel.socket
    assert stdin is not None
    address = stdin.last_endpoint.rstrip(b"\0").decode()
    port = int(address.rpartition(":")[2])
    stdin.disconnect(address)
    daemon = psutil.Process(kernel.pid)

    def closed() -> bool:
        """Whether the daemon has closed its end; what it sends before that is lost."""
        return not any(
            connection.laddr.port == port and connection.status != psutil.CONN_LISTEN
            for connection in daemon.net_connections("tcp")
        )

    # By receiving: a socket of ZeroMQ that nobody looks at does not disconnect.
    client.wait(closed, "the daemon to close its end of stdin")
    cell = client.execute(
        "session = get_ipython().kernel.session\n"
        "def send(stream, message, *more, send=session.send, **others):\n"
        "    sent = send(stream, message, *more, **others)\n"
        "    if message == 'input_request': print('asked', flush=True)\n"
        "    return sent\n"
        "session.send = send\n"
        "print(input('name? '))"
    )
    client.wait_for(cell, "text:asked")
    stdin.connect(address)
    client.answer(client.input_request(cell), "Zoë")
    client.finish(cell)
    assert client.text(cell) == "asked\nZoë\n"


def test_restart_waits_for_an_answer(client: Client) -> None:
    asking = client.execute("print(input('name? '))")
    request = client.input_request(asking)
    restart = client.execute("%restart")
    client.wait(lambda: client.shown(restart), "that it says that it waits")
    client.answer(request, "Zoë")
    client.finish(asking, restart)
    assert client.replies(asking)[0].content["status"] == "ok"
    assert client.text(asking) == "Zoë\n"
    assert is_ok(client.replies(restart)[0].content)


# --------------------------------------------------------------------------------
# Comms, kernel_info, subshells


@pytest.mark.core
def test_open_comm(client: Client) -> None:
    register = (
        "get_ipython().kernel.comm_manager.register_target(\n"
        "    'echo', lambda comm, _: comm.on_msg(lambda m: comm.send(m['content'])))"
    )
    client.run(register)
    comm = {"comm_id": "c1"}
    client.finish(
        client.send("comm_open", {**comm, "target_name": "echo", "data": {}}),
        client.send("comm_msg", {**comm, "data": {}}),
    )
    client.run("%restart")
    # ipywidgets waits for the idle of each message, whoever is there to hear it.
    client.finish(
        client.send("comm_msg", {**comm, "data": {}}),
        client.send("comm_close", {**comm, "data": {}}),
    )
    assert client.finish(client.send("comm_info_request"))["comms"] == {}
    client.run(register)
    msg_id = client.send("comm_msg", {"comm_id": "c2", "data": {"n": 1}})
    client.finish(
        client.send("comm_open", {"comm_id": "c2", "target_name": "echo", "data": {}}),
        msg_id,
    )
    msg_id = client.send("comm_msg", {"comm_id": "c2", "data": {"n": 1}})
    client.finish(msg_id)
    assert "comm_msg" in client.types(msg_id)


@pytest.fixture
def completed() -> None:
    harness.complete_once()


@pytest.mark.usefixtures("completed")
def test_comm_messages_during_a_restart(client: Client) -> None:
    restart = client.execute("%restart")
    client.wait_for(restart, "busy")
    asked = [
        client.send("comm_open", {"comm_id": "c", "target_name": "no", "data": {}}),
        client.send("comm_msg", {"comm_id": "c", "data": {}}),
        client.send("comm_info_request"),
        client.send("complete_request", {"code": "zi", "cursor_pos": 2}),
        client.send("is_complete_request", {"code": "1"}),
        client.send("history_request", HISTORY),
        client.send("inspect_request", {"code": "zip", "cursor_pos": 3}),
    ]
    client.finish(restart, *asked)
    # They waited for the new kernel, which is there to answer them.
    assert client.replies(asked[3])[0].content["matches"] == ["zip"]
    assert client.replies(asked[6])[0].content["found"] is True


@pytest.mark.usefixtures("completed")
def test_completion_under_way_is_not_interrupted_by_a_restart(
    client: Client, place: Place
) -> None:
    """An IPython whose completion is interrupted says that there is none."""
    began, mark = (os.path.join(place.work, name) for name in ("began", "mark"))
    client.run(
        "import time\n"
        "completer = get_ipython().Completer\n"
        "quick = completer.completions\n"
        "def slow(*about):\n"
        f"    open({began!r}, 'w').close()\n"
        "    try:\n"
        "        time.sleep(0.3)\n"
        "        yield from quick(*about)\n"
        "    except KeyboardInterrupt:\n"
        f"        open({mark!r}, 'w').close()\n"
        "completer.completions = slow"
    )
    asked = client.send("complete_request", {"code": "zi", "cursor_pos": 2})
    harness.until(lambda: os.path.exists(began), "the completion to begin")
    client.finish(client.execute("%restart"), asked)
    assert not os.path.exists(mark)


@pytest.mark.usefixtures("completed")
def test_completion_that_takes_too_long_is_asked_of_the_new_kernel(
    client: Client, place: Place
) -> None:
    """An empty answer would not be true. After "%restart now" it is what is left."""
    for line, found in (("%restart", ["zip"]), ("%restart now", [])):
        began = os.path.join(place.work, line)
        client.run(
            "import time\n"
            "def slow(*about):\n"
            f"    open({began!r}, 'w').close()\n"
            "    time.sleep(600)\n"
            "get_ipython().Completer.completions = slow"
        )
        asked = client.send("complete_request", {"code": "zi", "cursor_pos": 2})
        harness.until(partial(os.path.exists, began), "it to begin")
        client.finish(client.execute(line), asked)
        assert client.replies(asked)[0].content["matches"] == found
        client.assert_once(asked)


def test_kernel_info_during_a_restart(client: Client) -> None:
    expected = client.finish(client.send("kernel_info_request"))
    restart = client.execute("%restart")
    client.wait_for(restart, "busy")
    begin = time.monotonic()
    on_control = client.send("kernel_info_request", channel="control")
    on_shell = client.send("kernel_info_request")
    client.wait(lambda: client.is_finished(on_control), "kernel_info on control", 5)
    assert not client.replies(restart), "came too late to show anything"
    client.finish(restart, on_shell)
    assert client.replies(on_control)[0].at - begin < 0.5
    for msg_id in (on_control, on_shell):
        content = client.replies(msg_id)[0].content
        # The tip of the day in its banner is another one each time.
        assert {**content, "banner": ""} == {**expected, "banner": ""}


def test_the_heart_beats_on(kernel: Kernel, client: Client) -> None:
    """Clients give a kernel up after one second without a beat."""
    beat = client.kc.hb_channel
    beat.start()
    beat.unpause()
    harness.until(beat.is_beating, "the first heartbeat")
    for _ in range(3):
        restart = client.execute("%restart")

        def finished(restart: str = restart) -> bool:
            assert beat.is_beating(), "it stopped beating"
            return client.is_finished(restart)

        client.wait(finished, "the restart")


@pytest.mark.core
def test_stale_subshell(client: Client) -> None:
    """JupyterLab goes on sending the messages of its widgets with the old id."""
    made = client.finish(client.send("create_subshell_request", channel="control"))
    head = {"subshell_id": made["subshell_id"]}
    client.finish(client.execute("print('in it')", header=head))
    client.run("%restart")

    cell = client.execute("print('still heard')", header=head)
    comm = client.send(
        "comm_open", {"comm_id": "c", "target_name": "no", "data": {}}, header=head
    )
    client.finish(cell, comm)
    assert client.replies(cell)[0].content["status"] == "ok"
    assert client.text(cell) == "still heard\n"
    assert "comm_close" in client.types(comm)

    # As before the restart it does not wait for the main shell: a widget moves while
    # a cell runs.
    running = client.execute(SLEEP)
    client.wait_for(running, "text:on")
    cell = client.execute("print('beside it')", header=head)
    client.finish(cell, within=10)
    assert not client.replies(running)
    client.finish(harness.interrupt_by_message(client), running)

    # A subshell of the new kernel is one, and the old one can be deleted.
    new = client.finish(client.send("create_subshell_request", channel="control"))
    assert new["subshell_id"] != made["subshell_id"]
    cell = client.execute(
        "import threading; print(threading.current_thread() is "
        "threading.main_thread())",
        header={"subshell_id": new["subshell_id"]},
    )
    client.finish(cell)
    assert client.text(cell) == "False\n"
    for content in (head, {"subshell_id": new["subshell_id"]}):
        deleted = client.send("delete_subshell_request", content, "control")
        assert client.finish(deleted)["status"] == "ok"
    listed = client.finish(client.send("list_subshell_request", channel="control"))
    assert listed["subshell_id"] == []


def test_cell_in_a_subshell_at_a_restart(client: Client) -> None:
    made = client.finish(client.send("create_subshell_request", channel="control"))
    head = {"subshell_id": made["subshell_id"]}
    cell = client.execute(SLEEP, header=head)
    client.wait_for(cell, "text:on")
    restart = client.execute("%restart now")
    client.finish(cell, restart, within=10)
    assert client.replies(cell)[0].content["status"] == "error"
    assert client.types(cell)[-1] == "idle"


def test_debugger_at_a_restart(client: Client) -> None:
    """The debugger of the old kernel is gone; the new kernel's can be started."""

    def debug(seq: int, command: str, **arguments: Any) -> harness.Json:
        return client.finish(
            client.send(
                "debug_request",
                {
                    "type": "request",
                    "seq": seq,
                    "command": command,
                    "arguments": arguments,
                },
                "control",
            )
        )

    assert debug(1, "initialize", adapterID="")["success"]
    assert debug(2, "attach")["success"]
    client.run("%restart")
    assert debug(3, "debugInfo")["body"]["isStarted"] is False
    assert debug(4, "initialize", adapterID="")["success"]
    assert debug(5, "attach")["success"]
    client.run("1")


# --------------------------------------------------------------------------------
# What is left over


@pytest.mark.core
def test_children_of_the_old_kernel_are_gone(place: Place, client: Client) -> None:
    """In its process group, out of it, and daemonised."""
    cell = client.run(
        "import subprocess, sys\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "a = subprocess.Popen(sleep)\n"
        "b = subprocess.Popen(sleep, start_new_session=True)\n"
        "c = subprocess.Popen(sleep, start_new_session=True, env={}, cwd='/')\n"
        "print(a.pid, b.pid, c.pid)"
    )
    pids = [int(word) for word in client.text(cell).split()]
    client.run("%restart")
    harness.until(
        lambda: not any(map(harness.is_alive, pids)),
        f"the end of the old kernel's children {pids}",
        5,
    )


@pytest.mark.slow
def test_restarts_leave_nothing(place: Place, kernel: Kernel, client: Client) -> None:
    """Processes, descriptors, threads and files are the same after six of them."""
    old = client.inner_pid()
    client.run("%restart")
    # It may end beside the new one.
    harness.until(lambda: not harness.is_alive(old), "the end of the old kernel")

    def counted() -> tuple[int, int, int, int]:
        daemon = psutil.Process(kernel.pid)
        return (
            len(place.processes()),
            daemon.num_fds(),
            daemon.num_threads(),
            len(place.leftovers()),
        )

    client.fence()
    before = counted()
    for _ in range(6):
        client.run("%restart")
    # The last one's sockets may still be on their way out.
    harness.until(
        lambda: counted() == before, f"{before}, and it stays at {counted()}", 5
    )


@pytest.mark.slow
def test_restarts_leave_no_objects(place: Place) -> None:
    """The daemon's memory: of a restart one line of %ipr's history stays, no more.

    What ipr has for one kernel alone, its conversation, is some hundred objects. What
    it keeps of each cell has bounds of its own, and is switched off here.
    """
    kept = ["--replay-limit", "0", "--output-limit", "0"]
    client = place.start("wrapped", options=kept).client()

    def objects() -> int:
        counted = client.run(
            "%ipr exec import gc; gc.collect();"
            " print(len(gc.get_objects()) + gc.get_freeze_count())"
        )
        return int(client.text(counted))

    def restart(times: int) -> None:
        for _ in range(times):
            client.run("%restart")
            client.run("1")

    restart(2)
    # A moment after the start the garbage collector is told to pass over what is there:
    # the objects of that one kernel, some 200, are never collected.
    time.sleep(TIDY_TIME + 1)
    restart(3)
    before = objects()
    restart(30)
    assert objects() - before <= 3 * 30


# --------------------------------------------------------------------------------
# Real front ends

CELLS = [
    "import os\nfirst = os.getpid()\nprint('first', first)",
    "%restart",
    "import os\nprint('second', os.getpid(), 'first' in dir())",
    "# once more\n%restart\nimport os\nprint('third', os.getpid())",
    "%restart now",
    "print('fourth', __import__('os').getpid())",
]


def notebook(place: Place, kernel_name: str) -> str:
    book = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {
                "name": kernel_name,
                "display_name": "x",
                "language": "python",
            }
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell{number}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(CELLS)
        ],
    }
    path = os.path.join(place.work, "notebook.ipynb")
    with open(path, "w") as file:
        json.dump(book, file)
    return path


@pytest.mark.parametrize("program", ["nbclient", "papermill"])
def test_a_notebook_runs_through(place: Place, program: str) -> None:
    name = place.wrapped_spec()
    source = notebook(place, name)
    result = os.path.join(place.work, "result.ipynb")
    command = {
        "nbclient": [
            sys.executable,
            "-c",
            "from nbclient.cli import main; main()",
            f"--output={result}",
            source,
        ],
        "papermill": [sys.executable, "-m", "papermill", source, result],
    }[program]
    done = subprocess.run(
        command,
        env=place.environment(),
        cwd=place.work,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    with open(result) as file:
        cells = json.load(file)["cells"]
    # papermill puts a cell of its own first when there are parameters.
    outputs = [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]
    texts = [
        "".join(
            "".join(output["text"])
            for output in of_cell
            if output["output_type"] == "stream" and output["name"] == "stdout"
        )
        for of_cell in outputs
    ]
    words = [texts[i].split() for i in (0, 2, 3, 5)]
    assert [w[0] for w in words] == ["first", "second", "third", "fourth"], texts
    assert len({w[1] for w in words}) == 4, "four kernels"
    assert words[1][2] == "False"
    assert not [o for of in outputs for o in of if o["output_type"] == "error"]
    harness.until(
        lambda: not place.processes(),
        f"no process to be left: {place.described_processes()}",
        5,
    )


def test_run_all_in_one_go(client: Client) -> None:
    """JupyterLab sends all cells of a notebook at once."""
    sent = [client.execute(source) for source in CELLS[:4]]
    client.finish(*sent)
    words = [client.text(sent[i]).split() for i in (0, 2, 3)]
    assert [w[0] for w in words] == ["first", "second", "third"]
    assert len({w[1] for w in words}) == 3
    assert all(client.replies(i)[0].content["status"] == "ok" for i in sent)


def test_connection_info_is_what_the_file_says(kernel: Kernel) -> None:
    """The daemon listens where the manager wanted it, before and after."""
    with open(kernel.connection_file) as file:
        info = json.load(file)
    assert kernel.manager.get_connection_info()["shell_port"] == info["shell_port"]
    client = kernel.client()
    client.run("%restart")
    late = kernel.client()
    assert late.value("1 + 1") == "2"
    assert kernel.manager.is_alive()
