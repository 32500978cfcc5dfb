"""What is measured with a kernel: start, round trip, iopub, restart, memory.

Knows what is measured, and how often. Must not know how a kernel is started,
or how a message is laid out.

Each measurement takes a place and gives rows; where two kernels are compared,
they take turns sample by sample, so that the machine's noise meets both.

Where a figure is about what a message costs on its way, a third kernel takes
its turns, behind ``zmq.proxy`` in C: it shows what any hop costs here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import zmq
from jupyter_client.manager import KernelManager

from tests.benchmarks import subjects
from tests.benchmarks.client import CONTENT, HEADER, Client, TookTooLong
from tests.benchmarks.figures import (
    Limit,
    Row,
    Spread,
    quantile,
    ratio_of_quantiles,
    ratio_of_rounds,
    spread,
)


@attrs.frozen
class Plan:
    """How often each thing is measured.

    :ivar starts: launches of each kernel, for each way to connect.
    :ivar pairs: pairs of kernels over which round trips and iopub are spread;
        two kernels differ by the luck of their layout, without any ``ipr``.
    :ivar rounds: groups of executes in each pair.
    :ivar executes: executes in a round.
    :ivar floods: turns of many small iopub messages in each pair.
    :ivar small: messages in such a flood.
    :ivar bulks: turns of large iopub messages in each pair.
    :ivar large: messages in such a turn; of those whose text is large, which
        cost the kernel more, a third.
    :ivar restarts: of each kernel.
    """

    starts: int = 20
    pairs: int = 3
    rounds: int = 16
    executes: int = 40
    floods: int = 5
    small: int = 20_000
    bulks: int = 4
    large: int = 60
    restarts: int = 10


QUICK = Plan(
    starts=4,
    pairs=1,
    rounds=8,
    executes=25,
    floods=2,
    small=5_000,
    bulks=2,
    large=30,
    restarts=3,
)

Samples = dict[str, list[float]]
MEGABYTE = 1_000_000
LARGE = 8 * MEGABYTE


def _compared(
    name: str,
    samples: Samples,
    limit: Limit | None,
    note: str = "",
    wrong: str = "",
    *,
    who: str = "wrapped",
) -> Row:
    """Make the row of a figure of which each turn gives one sample per kernel."""
    plain, other = samples["plain"], samples[who]
    ratio = ratio_of_rounds([[one] for one in plain], [[one] for one in other])
    return Row(name, spread(other), spread(plain), ratio, limit, note, wrong)


PAIR = ("plain", "wrapped")
WITH_YARDSTICK = (*PAIR, "proxied")
#: What the yardstick's rows are called.
YARDSTICK = "the same, zmq.proxy in C in ipr's place"


# Start.


def start(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure launch to first kernel_info_reply, asked for at once.

    Once with libzmq's own 100 ms between tries to connect, as Jupyter's
    clients have it; once with 2 ms, which shows what the kernel itself takes.
    """
    rows = []
    for reconnect, how in ((2, "reconnect 2 ms"), (None, "as clients connect")):
        samples: Samples = {"plain": [], "wrapped": []}
        for index in range(-1, plan.starts):
            for name in subjects.turns(index):
                took = _start_once(place, name, reconnect)
                # The first of each warms the caches (bytecode, page cache).
                if index >= 0:
                    samples[name].append(took)
        rows.append(_compared(f"start to kernel_info, s ({how})", samples, Limit(1.10)))
    return rows


def _start_once(place: subjects.Place, name: str, reconnect: int | None) -> float:
    kernel = subjects.Running(place, name)
    client = Client(kernel.connection, reconnect=reconnect)
    try:
        _, frames = client.request("kernel_info_request", {})
        client.shell.send_multipart(frames)
        while not client.shell.poll(1000):
            waited = time.perf_counter() - kernel.launched
            if waited > 60 or not kernel.lives():
                raise TookTooLong(
                    f"{name}: the first kernel_info_reply, {waited:.0f} s"
                    f"\n{kernel.said()}"
                )
        took = time.perf_counter() - kernel.launched
        # A kernel that is asked to go while it still starts may take seconds
        # to do so, and disturb the next one's start.
        client.settle(lives=kernel.lives)
        return took
    finally:
        kernel.stop(client)
        client.close()


# Round trip.


def roundtrip(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure an empty execute until both its reply and its idle are there."""
    rounds: dict[str, list[list[float]]] = {name: [] for name in WITH_YARDSTICK}
    cpu = 0.0
    for _ in range(plan.pairs):
        with subjects.several(place, WITH_YARDSTICK) as kernels:
            for name in WITH_YARDSTICK * 50:
                client = kernels[name][1]
                client.run(*client.code(""))
            wrapped_pid = kernels["wrapped"][0].pid
            cpu -= subjects.cpu_seconds(wrapped_pid)
            for _ in range(plan.rounds):
                for samples in rounds.values():
                    samples.append([])
                for index in range(plan.executes):
                    for name in subjects.turns(index, WITH_YARDSTICK):
                        client = kernels[name][1]
                        took, _ = client.run(*client.code(""))
                        rounds[name][-1].append(took * 1e6)
            cpu += subjects.cpu_seconds(wrapped_pid)
    all_of = {
        name: [one for each in found for one in each] for name, found in rounds.items()
    }
    plain, wrapped = all_of["plain"], all_of["wrapped"]
    ratio = ratio_of_rounds(rounds["plain"], rounds["wrapped"])
    return [
        Row(
            "empty execute, p50, µs",
            spread(wrapped),
            spread(plain),
            ratio,
            Limit(1.08),
            f"ratio over {ratio.count} rounds;"
            f" {cpu / len(wrapped) * 1e6:.0f} µs CPU of the wrapped process each",
        ),
        Row(
            YARDSTICK,
            spread(all_of["proxied"]),
            spread(plain),
            ratio_of_rounds(rounds["plain"], rounds["proxied"]),
        ),
        Row(
            "empty execute, p99, µs",
            _high(wrapped),
            _high(plain),
            ratio_of_quantiles(plain, wrapped, 0.99),
            None,
            "ratio's spread bootstrapped",
        ),
    ]


def _high(samples: Sequence[float]) -> Spread:
    value = quantile(samples, 0.99)
    return Spread(
        value, quantile(samples, 0.98), quantile(samples, 0.995), len(samples)
    )


# Iopub.

_PUBLISH = """
from IPython import get_ipython as _ip
_publish = _ip().display_pub.publish
for _i in range({count}):
    _publish({{"text/plain": str(_i)}})
"""
_PRINT = """
for _i in range({count}):
    print("line", _i)
"""
_BUFFERS = """
from IPython import get_ipython as _ip
_k = _ip().kernel
_big = b"x" * {size}
for _i in range({count}):
    _k.session.send(
        _k.iopub_socket, "comm_msg", {{"comm_id": "none", "data": {{"i": _i}}}},
        parent=_k.get_parent(), ident=b"comm-none", buffers=[_big],
    )
"""
_TEXTS = """
import sys as _sys
_line = "x" * {size} + "\\n"
for _i in range({count}):
    _sys.stdout.write(_line)
    _sys.stdout.flush()
"""


def small_messages(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure floods of small display_data and of print, in messages per second."""
    rows = []
    for title, source, count, check, limit in (
        (
            "small display_data",
            _PUBLISH,
            plan.small,
            _ordered_displays,
            Limit(0.98, False),
        ),
        ("print, lines", _PRINT, plan.small * 5, _ordered_lines, None),
    ):
        code = source.format(count=count)
        flood = Flood(f"{title} /s", code, count, plan.floods, check, limit)
        rows += _flood(place, plan, flood, PAIR)
    return rows


def large_messages(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure 8 MB iopub messages: as a buffer, and as a stream's text."""
    rows = []
    limit = Limit(0.85, False)
    for title, source, check, names in (
        ("8 MB iopub buffers", _BUFFERS, _whole_buffers, WITH_YARDSTICK),
        ("8 MB iopub texts", _TEXTS, _whole_texts, PAIR),
    ):
        code = source.format(count=plan.large, size=LARGE)
        flood = Flood(f"{title} /s", code, plan.large, plan.bulks, check, limit)
        rows += _flood(place, plan, flood, names)
    return rows


# A message's frames from the delimiter on; of each buffer its length only.
Seen = list[Any]
# Takes the messages of a flood, and says what is wrong with them, or "".
Check = Callable[[list[Seen], int], str]


@attrs.frozen
class Flood:
    """Many messages of one kind.

    :ivar title: with the unit.
    :ivar code: the cell that makes the kernel send them.
    :ivar count: how many it sends.
    :ivar repeats: turns in each pair of kernels.
    """

    title: str
    code: str
    count: int
    repeats: int
    check: Check
    limit: Limit | None


def _keeping(came: list[Seen]) -> Callable[[list[Any]], None]:
    """Return what keeps a message, but of its buffers only how long they were.

    A client that keeps 60 of 8 MB is busy with page faults more than with
    messages, more so the faster they come.
    """

    def keep(body: list[Any]) -> None:
        buffers = body[CONTENT + 1 :]
        came.append([*body[: CONTENT + 1], *(len(buffer) for buffer in buffers)])

    return keep


def _flood(
    place: subjects.Place, plan: Plan, flood: Flood, names: Sequence[str]
) -> list[Row]:
    samples: Samples = {name: [] for name in names}
    troubles: dict[str, list[str]] = {name: [] for name in names}
    sent = 0
    cpu = 0.0
    for _ in range(plan.pairs):
        with subjects.several(place, names) as kernels:
            for index in range(-1, flood.repeats):
                for name in subjects.turns(index, names):
                    kernel, client = kernels[name]
                    came: list[Seen] = []
                    used = subjects.cpu_seconds(kernel.pid)
                    took, content = client.run(
                        *client.code(flood.code),
                        timeout=300,
                        seen=_keeping(came),
                    )
                    if index < 0:
                        continue
                    if name == "wrapped":
                        cpu += subjects.cpu_seconds(kernel.pid) - used
                        sent += len(came)
                    samples[name].append(flood.count / took)
                    trouble = flood.check(came, flood.count)
                    if content["status"] != "ok":
                        trouble = f"execution failed: {content}"
                    if trouble:
                        troubles[name].append(trouble)
    note = f"{cpu / sent * 1e6:.0f} µs CPU of the wrapped process per message"
    if troubles["plain"]:
        note += f"; plain, too: {troubles['plain'][0]}"
    wrong = troubles["wrapped"][0] if troubles["wrapped"] else ""
    if not wrong:
        note += "; none lost, in order"
    rows = [_compared(flood.title, samples, flood.limit, note, wrong)]
    if "proxied" in names:
        note = "".join(troubles["proxied"][:1])
        rows.append(_compared(YARDSTICK, samples, None, note, who="proxied"))
    return rows


def _of_type(came: list[Seen], msg_type: bytes) -> list[Seen]:
    return [body for body in came if b'"%s"' % msg_type in body[HEADER].bytes]


def _ordered_displays(came: list[Seen], count: int) -> str:
    found = [
        json.loads(body[CONTENT].bytes)["data"]["text/plain"]
        for body in _of_type(came, b"display_data")
    ]
    return _difference(found, [str(i) for i in range(count)])


def _ordered_lines(came: list[Seen], count: int) -> str:
    text = "".join(
        json.loads(body[CONTENT].bytes)["text"] for body in _of_type(came, b"stream")
    )
    return _difference(text.splitlines(), [f"line {i}" for i in range(count)])


def _whole_buffers(came: list[Seen], count: int) -> str:
    bodies = _of_type(came, b"comm_msg")
    numbers = [str(json.loads(body[CONTENT].bytes)["data"]["i"]) for body in bodies]
    if any(body[CONTENT + 1 :] != [LARGE] for body in bodies):
        return "a buffer is not whole"
    return _difference(numbers, [str(i) for i in range(count)])


def _whole_texts(came: list[Seen], count: int) -> str:
    # ipykernel is free to put several flushes into one stream message.
    size = sum(
        body[CONTENT].bytes.count(b"x" * 1000) for body in _of_type(came, b"stream")
    )
    due = count * (LARGE // 1000)
    return "" if size == due else f"{size} kB of text instead of {due}"


def _difference(found: list[str], due: list[str]) -> str:
    if found == due:
        return ""
    lost = len(due) - len(found)
    if lost:
        return f"{lost} of {len(due)} lost"
    if sorted(found) == sorted(due):
        return "out of order"
    return "changed"


# Restart.


def restart(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure ``%restart`` to its idle against restart_kernel + wait_for_ready.

    At once after it a cell prints; that output must be there, and must come
    from a new process.
    """
    samples: Samples = {"plain": [], "wrapped": []}
    lean: Samples = {"plain": [], "wrapped": []}
    lost = {"plain": 0, "wrapped": 0}
    stale = 0
    manager = KernelManager(kernel_name="plain")
    manager.start_kernel()
    theirs = manager.client()
    theirs.start_channels()
    theirs.wait_for_ready(timeout=60)
    try:
        with subjects.running(place, "wrapped") as (_, client):
            for index in range(plan.restarts):
                for name in subjects.turns(index):
                    if name == "plain":
                        began = time.perf_counter()
                        manager.restart_kernel()
                        theirs.wait_for_ready(timeout=60)
                        took = time.perf_counter() - began
                        samples[name].append(took)
                        # wait_for_ready ends when iopub was silent that long.
                        lean[name].append(took - 0.2)
                        lost[name] += not _plain_prints(theirs)
                        continue
                    before = client.value("__import__('os').getpid()")
                    took = _restart_wrapped(client)
                    samples[name].append(took)
                    lean[name].append(took)
                    came: list[list[zmq.Frame]] = []
                    client.run(
                        *client.code("import os; print('first', os.getpid())"),
                        seen=came.append,
                    )
                    said = b"".join(body[CONTENT].bytes for body in came)
                    lost[name] += b"first" not in said
                    stale += f"first {before}".encode() in said
    finally:
        theirs.stop_channels()
        manager.shutdown_kernel(now=True)
    wrong = ""
    if lost["wrapped"]:
        wrong = f"{lost['wrapped']} first outputs lost"
    elif stale:
        wrong = f"{stale} times the same kernel as before"
    note = f"first outputs lost: plain {lost['plain']}, wrapped {lost['wrapped']}"
    return [
        _compared("%restart to idle, s", samples, Limit(1.0), note, wrong),
        _compared(
            "the same, plain less the 0.2 s that wait_for_ready waits at its end",
            lean,
            None,
        ),
    ]


def _restart_wrapped(client: Client) -> float:
    took, content = client.run(*client.code("%restart"), timeout=90)
    if content["status"] != "ok":
        raise RuntimeError(f"%restart answered {content}")
    return took


def _plain_prints(client: object) -> bool:
    asked = client.execute("print('first')")  # type: ignore[attr-defined]
    found = False
    while True:
        message = client.get_iopub_msg(timeout=30)  # type: ignore[attr-defined]
        if message["parent_header"].get("msg_id") != asked:
            continue
        content = message["content"]
        found = found or "first" in content.get("text", "")
        if content.get("execution_state") == "idle":
            client.get_shell_msg(timeout=30)  # type: ignore[attr-defined]
            return found


# Memory.


def resident(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure the daemon's resident memory at rest, after work, after a restart."""
    rows = []
    with subjects.running(place, "wrapped") as (kernel, client):
        client.run(*client.code("x = 1"))
        rows += _resident_now(kernel, client, "at rest", Limit(48.0))
        for source, count in ((_PUBLISH, plan.small), (_BUFFERS, plan.large)):
            code = source.format(count=count, size=LARGE)
            client.run(*client.code(code), timeout=300)
        rows += _resident_now(kernel, client, "after floods", None)
        _, content = client.run(*client.code("%restart"), timeout=90)
        if content["status"] == "ok":
            rows += _resident_now(kernel, client, "after a %restart", Limit(48.0))
    return rows


def _resident_now(
    kernel: subjects.Running, client: Client, when: str, limit: Limit | None
) -> list[Row]:
    inner = int(client.value("__import__('os').getpid()"))
    theirs = {inner, *subjects.descendants(inner)}
    rows = []
    for pid in [kernel.pid, *subjects.descendants(kernel.pid)]:
        if pid in theirs and pid != kernel.pid:
            continue
        who = "daemon" if pid == kernel.pid else "helper process"
        found = subjects.memory(pid)
        for name in ("Rss", "Pss"):
            one = Spread(found[name], found[name], found[name], 1)
            rows.append(
                Row(
                    f"{who} {when}, {name.upper()}, MB",
                    one,
                    limit=limit if (who, name) == ("daemon", "Rss") else None,
                    note=subjects.command(pid)[:60] if who != "daemon" else "",
                )
            )
    return rows
