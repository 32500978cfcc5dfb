"""One script of requests, run against a plain and a wrapped ipykernel: every reply,
every iopub message and every input_request has to be the same, in the same order on
its channel; ids, times, process numbers and addresses aside.

That the comparison sees what it should and nothing else is shown by running the script
against two plain kernels, and by the last test.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e import harness
from tests.e2e.harness import Json

#: Bound of one wait in the script, in seconds.
WITHIN = 15.0

STEPS: list[Callable[[Script], None]] = []


def step(function: Callable[[Script], None]) -> Callable[[Script], None]:
    """Make a function a step of the script; they run in the order of this file."""
    STEPS.append(function)
    return function


class Script:
    """What a step uses to send its requests.

    :param client: sends them.
    :ivar asked: the requests of the step that runs, as (msg_id, name).
    """

    def __init__(self, client: harness.Client) -> None:
        self.client = client
        self.asked: list[tuple[str, str]] = []
        #: Comms have ids that the script chooses, so that they need no translation.
        self.debug_seq = 0

    def send(self, *args: Any, **options: Any) -> str:
        """Send a request and do not wait."""
        msg_id = self.client.send(*args, **options)
        self.asked.append((msg_id, args[0]))
        return msg_id

    def cell(self, code: str, **options: Any) -> str:
        """Send an execute_request and do not wait."""
        msg_id = self.client.execute(code, **options)
        self.asked.append((msg_id, code.splitlines()[0] if code else "(empty)"))
        return msg_id

    def run(self, code: str, **options: Any) -> str:
        """Execute a cell to its end."""
        msg_id = self.cell(code, **options)
        self.client.finish(msg_id, within=WITHIN)
        return msg_id

    def ask(self, *args: Any, **options: Any) -> Json:
        """Send a request to its end; :return: the content of the reply."""
        return self.client.finish(self.send(*args, **options), within=WITHIN)

    def idle(self, *args: Any, **options: Any) -> str:
        """Send a request that ipykernel gives no reply, only an idle."""
        msg_id = self.send(*args, **options)
        self.client.wait_for(msg_id, "idle", within=WITHIN)
        return msg_id

    def debug(self, command: str, **arguments: Any) -> Json:
        """Send one command to the debugger; :return: the content of its reply."""
        self.debug_seq += 1
        return self.ask(
            "debug_request",
            {
                "type": "request",
                "seq": self.debug_seq,
                "command": command,
                "arguments": arguments,
            },
            "control",
        )

    def event(self, name: str) -> Json:
        """Wait for an event of the debugger; :return: its content."""
        found = self.client.wait(
            lambda: [
                m.content
                for m in self.client.received
                if m.type == "debug_event" and m.content.get("event") == name
            ],
            f"the debugger's event {name!r}",
            WITHIN,
        )
        content = found[0]
        assert isinstance(content, dict)
        return content


# --------------------------------------------------------------------------------
# The script


@step
def kernel_info(script: Script) -> None:
    assert script.ask("kernel_info_request")["status"] == "ok"
    assert script.ask("kernel_info_request", {}, "control")["status"] == "ok"
    script.ask("connect_request")


@step
def output(script: Script) -> None:
    script.run("print('to stdout')")
    script.run("import sys; print('to stderr', file=sys.stderr)")
    script.run(
        "for i in range(3):\n"
        "    print('out', i, flush=True)\n"
        "    print('err', i, file=sys.stderr, flush=True)"
    )
    script.run("print('x' * 200_000)")
    script.run("6 * 7")
    script.run("None")
    script.run("")
    script.run("  \n# only a comment\n")
    # Not os.system: ipykernel reads a child's output in a thread of its own, which may
    # come too late for the cell's idle.
    script.run("import os; print(os.popen('echo from a child process').read())")
    script.run("print('ünï ☃ \U0001f40d \\x00 \\x7f')")


@step
def display(script: Script) -> None:
    script.run(
        "from IPython.display import *\n"
        "display(HTML('<b>b</b>'), metadata={'k': {'é': 1}})\n"
        "handle = display(1, display_id='one')\n"
        "handle.update(2)\n"
        "clear_output(wait=True)\n"
        "publish_display_data({'application/x-unknown+json': {'a': [1, None]}})"
    )
    script.run("Image(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(5000), format='png')")
    script.run("get_ipython().set_next_input('next')")
    script.run("zip?")


@step
def errors(script: Script) -> None:
    script.run("1 / 0")
    script.run("def f(:")
    script.run("raise SystemExit('not really')")
    script.run("class Ünï(Exception): pass\nraise Ünï('☃') from KeyError(1)")
    script.run("%no_such_magic")
    script.run("get_ipython().showtraceback((KeyError, KeyError('x'), None))")


@step
def execute_options(script: Script) -> None:
    script.run(
        "a = 1",
        user_expressions={"sum": "a + 1", "wrong": "nothing_here", "é": "'é'"},
    )
    script.run("print('silent'); a", silent=True)
    script.run("1 / 0", silent=True, stop_on_error=False)
    script.run("a", store_history=False)
    script.run("1 / 0", store_history=False)
    script.run("a")
    script.run("print('on control')", channel="control")


@step
def not_our_magics(script: Script) -> None:
    """Cells that only look like ipr's."""
    script.run("a = '''\n%restart\n'''; a")
    script.run("%restarted")
    script.run("print('%restart now')")
    script.run("%iprx status")
    script.run("# %restart")


@step
def stop_on_error(script: Script) -> None:
    slow = "import time; time.sleep(0.4); 1 / 0"
    cells = [
        script.cell(slow),
        script.cell("print('aborted')"),
        script.cell("print('aborted too')", silent=True),
        script.send("is_complete_request", {"code": "1"}),
        script.cell("print('and this')", stop_on_error=False),
    ]
    script.client.finish(*cells, within=WITHIN)
    script.run("print('runs again')")
    cells = [script.cell(slow, stop_on_error=False), script.cell("print('runs')")]
    script.client.finish(*cells, within=WITHIN)


@step
def questions(script: Script) -> None:
    script.run("value = 12\ndef function(x):\n    'Its docstring.'\n")
    for code in ("val", "import colle", "value.re", "'☃'.capit", "nothing_like_it"):
        script.ask("complete_request", {"code": code, "cursor_pos": len(code)})
    for code, detail in (("function", 0), ("function", 1), ("value", 0), ("nope", 0)):
        script.ask(
            "inspect_request",
            {"code": code, "cursor_pos": len(code), "detail_level": detail},
        )
    for code in ("1", "def f():", "1 +* 2", "print('''", "%%cell\n", ""):
        script.ask("is_complete_request", {"code": code})
    for query in (
        {"hist_access_type": "tail", "n": 4},
        {"hist_access_type": "search", "pattern": "*value*", "n": 5, "unique": True},
        {"hist_access_type": "range", "session": 0, "start": 1, "stop": 3},
    ):
        script.ask("history_request", {"raw": True, "output": True, **query})


@step
def comms(script: Script) -> None:
    script.run(
        "def opened(comm, message):\n"
        "    bare = [bytes(b) for b in message['buffers']]\n"
        "    print(comm.comm_id, message['content'], message['metadata'],\n"
        "          [len(b) for b in bare])\n"
        "    comm.send({'opened': True}, {'m': 1}, buffers=bare[::-1])\n"
        "    @comm.on_msg\n"
        "    def told(message):\n"
        "        bare = [bytes(b) for b in message['buffers']]\n"
        "        print('told', message['content']['data'], len(bare))\n"
        "        comm.send(message['content']['data'], buffers=bare)\n"
        "get_ipython().kernel.comm_manager.register_target('echo', opened)"
    )
    comm = {"comm_id": "comm-of-the-script"}
    buffers = [bytes(range(256)), b"", b"\x00" * 1_000_000, b"<IDS|MSG>", b"last"]
    script.idle(
        "comm_open",
        {**comm, "target_name": "echo", "data": {"é": 1}},
        metadata={"version": "2.1.0"},
        buffers=buffers,
    )
    script.idle("comm_msg", {**comm, "data": {"n": [1, 2]}}, buffers=buffers)
    script.idle("comm_msg", {**comm, "data": {}})
    script.ask("comm_info_request", {})
    script.ask("comm_info_request", {"target_name": "echo"})
    script.ask("comm_info_request", {"target_name": "other"})
    script.idle("comm_close", {**comm, "data": {}})
    script.idle("comm_open", {**comm, "target_name": "nobody", "data": {}})
    script.idle("comm_msg", {"comm_id": "unheard-of", "data": {}})
    script.idle("comm_close", {"comm_id": "unheard-of", "data": {}})
    script.run(
        "from comm import create_comm\n"
        "c = create_comm(target_name='front', comm_id='from-the-kernel',\n"
        "    data={'é': None}, metadata={'m': 2}, buffers=[b'one', b'', b'three'])\n"
        "c.send({'x': 1}, buffers=[bytes(300_000)])\n"
        "c.close({'bye': True})"
    )


@step
def stdin(script: Script) -> None:
    for code in (
        "print(input('name? '))",
        "import getpass; print(len(getpass.getpass('secret ☃? ')))",
    ):
        cell = script.cell(code)
        script.client.answer(script.client.input_request(cell), "Zoë ☃")
        script.client.finish(cell, within=WITHIN)
    cell = script.cell("print([input(), input('again')])")
    script.client.answer(script.client.input_request(cell), "1")
    script.client.answer(script.client.input_request(cell, 2), "")
    script.client.finish(cell, within=WITHIN)
    script.run("input('nobody is asked')", allow_stdin=False)
    # What ends a prompt that nobody answers.
    cell = script.cell("input('interrupted')")
    script.client.input_request(cell)
    # ipykernel has sent it and is about to wait for the answer; the traceback shows
    # where it was interrupted, and nothing tells that it has got there.
    time.sleep(0.5)
    script.ask("interrupt_request", {}, "control")
    script.client.finish(cell, within=WITHIN)


@step
def subshells(script: Script) -> None:
    script.ask("list_subshell_request", {}, "control")
    made = script.ask("create_subshell_request", {}, "control")
    head = {"subshell_id": made["subshell_id"]}
    script.ask("list_subshell_request", {}, "control")
    cell = script.cell("print('in a subshell'); a = 5; a", header=head)
    script.client.finish(cell, within=WITHIN)
    # The main shell waits for what the subshell does.
    waits = script.cell(
        "import threading; go = threading.Event(); print('waits', flush=True)\n"
        "print(go.wait(20))"
    )
    script.client.wait_for(waits, "text:waits", within=WITHIN)
    script.ask("complete_request", {"code": "zi", "cursor_pos": 2}, header=head)
    cell = script.cell("go.set()", header=head)
    script.client.finish(cell, waits, within=WITHIN)
    cell = script.cell("print(input('from a subshell '))", header=head)
    script.client.answer(script.client.input_request(cell), "yes")
    script.client.finish(cell, within=WITHIN)
    script.ask("delete_subshell_request", head, "control")
    script.ask("delete_subshell_request", {"subshell_id": "unheard-of"}, "control")
    script.ask("list_subshell_request", {}, "control")
    # Not: a message with the id of a subshell that is gone. There ipr differs, on
    # purpose: JupyterLab goes on using the ids of the kernel before a restart.


@step
def debugger(script: Script) -> None:
    script.debug("debugInfo")
    script.debug(
        "initialize",
        clientID="test",
        clientName="test",
        adapterID="",
        pathFormat="path",
        linesStartAt1=True,
        columnsStartAt1=True,
        supportsVariableType=True,
        supportsVariablePaging=True,
        supportsRunInTerminalRequest=True,
        locale="en",
    )
    script.debug("attach")
    code = "b = 1\nb = b + 1\nprint('b is', b)"
    dumped = script.debug("dumpCell", code=code)
    path = dumped["body"]["sourcePath"]
    script.debug(
        "setBreakpoints",
        source={"path": path},
        breakpoints=[{"line": 2}],
        sourceModified=False,
    )
    script.debug("configurationDone")
    script.debug("debugInfo")
    # The cell stops in its second line; the debugger is asked and lets it go on.
    cell = script.cell(code)
    thread = script.event("stopped")["body"]["threadId"]
    script.debug("stackTrace", threadId=thread)
    script.debug("inspectVariables")
    script.debug("continue", threadId=thread)
    script.event("continued")
    script.client.finish(cell, within=WITHIN)
    script.debug("no_such_command")
    script.debug("disconnect", restart=False, terminateDebuggee=False)
    script.run("print('debugger gone')")


@step
def interrupts(script: Script) -> None:
    script.ask("interrupt_request", {}, "control")
    # Said by a thread, when the cell itself has been asleep for a while: the
    # traceback shows where it was interrupted.
    script.run("import threading, time")
    say = "threading.Timer(0.5, print, ['sleeps'], {'flush': True}).start()\n"
    cell = script.cell(say + "time.sleep(30)")
    queued = script.cell("print('queued behind it')")
    script.client.wait_for(cell, "text:sleeps", within=WITHIN)
    script.ask("interrupt_request", {}, "control")
    script.client.finish(cell, queued, within=WITHIN)
    script.run("print('runs again')")
    cell = script.cell(
        say + "try:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    print('caught')"
    )
    script.client.wait_for(cell, "text:sleeps", within=WITHIN)
    script.ask("interrupt_request", {}, "control")
    script.client.finish(cell, within=WITHIN)


@step
def usage(script: Script) -> None:
    script.ask("usage_request", {}, "control")


@step
def unknown(script: Script) -> None:
    """Requests that no kernel knows; ipykernel sends busy and idle, and no reply."""
    script.idle("no_such_request", {"a": 1})
    script.idle("no_such_request", {"a": 1}, "control")
    # Known, but not what they should be.
    script.idle("execute_request", {})
    script.run("print('still there')")


@step
def odd_messages(script: Script) -> None:
    """What a client may put into a message comes back in the parent header."""
    script.ask("kernel_info_request", header={"é": ["☃", None], "n": 1e300})
    script.ask(
        "execute_request",
        {"code": "1", "silent": False, "unknown_field": {"é": []}},
        metadata={"cellId": "é-☃", "deletedCells": [], "recordTiming": True},
        header={"username": "Zoë", "x": {"deep": [{"y": None}]}},
    )
    script.ask(
        "execute_request",
        {"code": "2", "silent": False},
        parent={"msg_id": "of-nobody", "session": "s", "msg_type": "weird"},
    )
    script.ask("is_complete_request", {"code": "1"}, header={"version": "5.0"})
    script.ask("execute_request", {"code": "3", "silent": False}, buffers=[b"a", b""])


@step
def shutdown(script: Script) -> None:
    script.client.kernel = None  # That its process ends is no surprise.
    script.ask("shutdown_request", {"restart": False}, "control")


# --------------------------------------------------------------------------------
# What is compared

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
#: Also a session id as jupyter_client makes it: a topic of ipr's own messages names the
#: kernel by that, ipykernel's by another id; what a topic says nobody reads.
UUID = re.compile(
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{24}"
)
#: Addresses, folders with a process number, and the tip of the day in the banner.
OBJECT = re.compile(r"\bat 0x[0-9a-f]+|/ipykernel_\d+/|/ipr-\w+|\nTip: .*\n")


class Normaliser:
    """Takes out of messages what differs between two runs of one kernel.

    :param client: the one that sent and received them.
    :param names: what each request is called in the comparison.
    """

    def __init__(self, client: harness.Client, names: dict[str, str]) -> None:
        self.client = client
        self.names = names
        #: Sessions in the order in which they turn up: the kernel has to have one.
        self.sessions = {client.session: "client's"}

    def text(self, value: str) -> str:
        value = self.names.get(value, value)
        value = TIME.sub("TIME", value)
        value = UUID.sub("UUID", value)
        return OBJECT.sub("OBJECT", value)

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value

    def header(self, header: Json) -> Json:
        shown = dict(header)
        if "msg_id" in header:
            # Ours have names, the kernel's are only unique.
            shown["msg_id"] = self.names.get(header["msg_id"], "ID")
        if "session" in header:
            session = header["session"]
            self.sessions.setdefault(session, f"session {len(self.sessions)}")
            shown["session"] = self.sessions[session]
        result = self.value(shown)
        assert isinstance(result, dict)
        return result

    def message(self, message: harness.Received) -> Json:
        content = self.value(message.content)
        if message.type == "usage_reply":
            content = shape(content)
            # Left out by ipykernel when psutil says 0, as it does the first time.
            content.pop("host_cpu_percent", None)
        if message.type == "connect_reply":
            # Where the kernel itself listens: another address by design.
            content = {
                k: "PORT" if k.endswith("_port") else v for k, v in content.items()
            }
        topic = [self.text(part.decode()) for part in message.topic]
        if message.type == "shutdown_reply":
            # ipykernel's ends in "shutdown", ipr's in the type, as all others do.
            topic = [part.removesuffix("_reply") for part in topic]
        if message.type in ("debug_reply", "debug_event"):
            content = debugger_content(content)
        return {
            "channel": message.channel,
            "topic": topic,
            "header": self.header(message.header),
            "parent": self.header(message.parent) if message.parent else message.parent,
            "metadata": self.value(message.metadata),
            "content": content,
            "buffers": message.buffers,
        }

    def messages(self, messages: list[harness.Received]) -> list[Json]:
        """Normalise what came on one channel; pieces of a stream are joined."""
        result: list[Json] = []
        for message in messages:
            shown = self.message(message)
            if message.type == "stream" and result:
                # How a kernel cuts its output is a matter of its flush timer.
                last = result[-1]
                if [without_text(last)] == [without_text(shown)]:
                    last["content"]["text"] += shown["content"]["text"]
                    continue
            result.append(shown)
        return result


def without_text(message: Json) -> Json:
    if message["header"]["msg_type"] != "stream":
        return {}
    return {**message, "content": message["content"]["name"]}


def shape(value: Any) -> Any:
    """:return: a value with its numbers and strings replaced by their type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def debugger_content(content: Any) -> Any:
    """Take out the numbers that debugpy counts by threads and by processes."""
    if isinstance(content, list):
        return [debugger_content(item) for item in content]
    if not isinstance(content, dict):
        return content
    counted = {"seq", "request_seq", "threadId", "systemProcessId", "port", "id"}
    counted |= {"variablesReference", "stoppedThreads", "processId"}
    return {
        key: shape(item) if key in counted else debugger_content(item)
        for key, item in content.items()
    }


#: What debugpy tells of threads and modules that come and go by themselves.
THREAD_EVENTS = {"thread", "module", "output"}


class Transcript:
    """What became of the script on one kernel.

    :ivar steps: for each step its requests with all that came for them, ready to be
        compared; a step that failed has its failure instead.
    :ivar sessions: how many session ids the client saw besides its own.
    """

    def __init__(self, kernel: harness.Kernel) -> None:
        client = kernel.client()
        self.listener = kernel.client()
        client.fence()
        client.forget()
        script = Script(client)
        self.steps: dict[str, Any] = {}
        names: dict[str, str] = {}
        normaliser = Normaliser(client, names)
        for function in STEPS:
            name = function.__name__
            script.asked = []
            begin = len(client.received)
            failure = None
            try:
                function(script)
                if function is not shutdown:
                    client.fence()
            except AssertionError as error:
                failure = str(error)
            for count, (msg_id, title) in enumerate(script.asked):
                names[msg_id] = f"{name} {count}: {title}"
            ids = {msg_id for msg_id, _ in script.asked}
            requests = [
                {
                    "request": names[msg_id],
                    **{
                        channel: normaliser.messages(
                            [
                                m
                                for m in client.of(msg_id, channel)
                                if m.type != "debug_event"
                            ]
                        )
                        for channel in harness.CHANNELS
                    },
                }
                for msg_id, _ in script.asked
            ]
            others = [
                m
                for m in client.received[begin:]
                if (m.parent or {}).get("msg_id") not in ids
                and (m.parent or {}).get("msg_type") != "kernel_info_request"
                and m.type != "debug_event"
            ]
            self.steps[name] = {
                "requests": requests,
                "others": normaliser.messages(others),
                # They come when debugpy has something to tell, under whatever
                # request is the latest: what they say counts, in their order.
                "events": [
                    {**normaliser.message(m), "parent": {}}
                    for m in client.received[begin:]
                    if m.type == "debug_event"
                    and m.content.get("event") not in THREAD_EVENTS
                ],
                "failure": failure,
            }
        self.sessions = list(normaliser.sessions.values())
        self.client = client


def run_script(place: harness.Place, kind: harness.Kind) -> Transcript:
    return Transcript(place.start(kind))


@pytest.fixture(scope="module")
def plain(shared_place: harness.Place) -> Transcript:
    return run_script(shared_place, "plain")


@pytest.fixture(scope="module")
def wrapped(shared_place: harness.Place) -> Transcript:
    return run_script(shared_place, "wrapped")


def lines(part: Any) -> list[str]:
    """:return: a part of a transcript, a message per line, for a readable diff."""

    def walk() -> Iterator[str]:
        if part["failure"]:
            yield "FAILED " + part["failure"].splitlines()[0]
        for request in part["requests"]:
            yield "=== " + request["request"]
            for channel in harness.CHANNELS:
                yield from (show(message) for message in request[channel])
        yield "=== of other parents"
        yield from (show(message) for message in part["others"])
        yield from (show(message) for message in part["events"])

    return list(walk())


def show(message: Json) -> str:
    buffers = [len(b) if len(b) > 40 else b.hex() for b in message["buffers"]]
    shown = {**message, "buffers": buffers}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def difference(one: Any, other: Any) -> str:
    """:return: the first message that differs, both ways; empty when none does."""
    left, right = lines(one), lines(other)
    for a, b in zip(left, right, strict=False):
        if a != b:
            return f"plain:   {a[:3000]}\nwrapped: {b[:3000]}"
    if len(left) != len(right):
        longer, who = (left, "plain") if len(left) > len(right) else (right, "wrapped")
        return f"only {who}: {longer[min(len(left), len(right))][:3000]}"
    return ""


@pytest.mark.core
@pytest.mark.parametrize("name", [function.__name__ for function in STEPS])
def test_same_answers(plain: Transcript, wrapped: Transcript, name: str) -> None:
    assert plain.steps[name]["failure"] is None
    found = difference(plain.steps[name], wrapped.steps[name])
    assert not found, f"{found}\n{wrapped.steps[name]['failure'] or ''}"
    # Buffers are shortened in the lines; here is the whole of everything.
    assert plain.steps[name] == wrapped.steps[name]


@pytest.mark.parametrize("kind", ["plain", "wrapped"])
def test_a_listener_hears_the_same(kind: str, request: pytest.FixtureRequest) -> None:
    """A second client, which asked nothing, gets every iopub message, in order."""
    transcript: Transcript = request.getfixturevalue(kind)
    listener = transcript.listener
    heard = [m for m in transcript.client.received if m.channel == "iopub"]
    ids = [m.header["msg_id"] for m in heard]

    def got() -> list[str]:
        return [m.header["msg_id"] for m in listener.received if m.channel == "iopub"]

    listener.kernel = None
    listener.wait(lambda: ids[-1] in got(), "the last iopub message of the script")
    mine = got()
    assert mine[mine.index(ids[0]) : mine.index(ids[-1]) + 1] == ids
    assert not [m for m in listener.received if m.channel != "iopub"]


def test_the_kernel_has_one_session(plain: Transcript, wrapped: Transcript) -> None:
    """Whatever ipr says itself carries the session id of the kernel."""
    assert plain.sessions == wrapped.sessions == ["client's", "session 1"]


@pytest.mark.slow
def test_two_plain_kernels_do_not_differ(
    shared_place: harness.Place, plain: Transcript
) -> None:
    """Noise would make every other test here worthless."""
    again = run_script(shared_place, "plain")
    found = {
        name: difference(plain.steps[name], again.steps[name]) for name in plain.steps
    }
    noise = [f"{name}:\n{text}" for name, text in found.items() if text]
    assert not noise, "\n".join(noise)
    assert plain.steps == again.steps


@pytest.mark.parametrize(
    "change",
    [
        lambda step: step["requests"][0]["iopub"].pop(),
        lambda step: step["requests"][0]["iopub"].insert(
            0, step["requests"][0]["iopub"][0]
        ),
        lambda step: step["requests"][0]["iopub"].reverse(),
        lambda step: step["requests"][0]["shell"][0]["metadata"].update(x=1),
        lambda step: step["requests"][0]["shell"][0]["header"].update(session="x"),
        lambda step: step["requests"][0]["iopub"][0]["parent"].update(msg_id="x"),
        lambda step: step["requests"][0]["iopub"][0]["topic"].clear(),
        lambda step: step["others"].append(step["requests"][0]["shell"][0]),
    ],
)
def test_a_difference_is_seen(plain: Transcript, change: Callable[[Any], Any]) -> None:
    changed = json.loads(json.dumps(plain.steps["output"], default=bytes.hex))
    same = json.loads(json.dumps(plain.steps["output"], default=bytes.hex))
    assert changed == same
    change(changed)
    assert changed != same
