"""What the daemon keeps of a flood of output: for whom, how much, and for how long.

Knows floods of large messages, and clients that read, read late or never. Must not know
how the daemon counts: it looks at the memory that the system says it has.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zmq

from ipr.sockets.listeners import MOST_BEHIND
from tests.e2e.harness import Client, Kernel, Place, Waited, until
from tests.e2e.test_siege import SCRIPTED, address, dealer, memory, quiet_client

pytestmark = pytest.mark.nightly

MIB = 2**20
#: What the daemon may have when the flood is over, and seconds after which.
AT_REST, SOON = 45 * MIB, 10.0
MEGABYTE = 1_000_000
#: Seconds that a flood may take on a busy machine.
LONG = 240.0

#: As buffers of a widget's messages: they cost the kernel nothing.
FLOOD = """
from IPython import get_ipython
kernel = get_ipython().kernel
# ipykernel's own limit of 1000 messages, past which it drops them itself.
kernel.iopub_socket.io_thread.socket.sndhwm = 0
piece = b"x" * {size}
for number in range({count}):
    kernel.session.send(
        kernel.iopub_socket, "comm_msg", {{"comm_id": "none", "data": number}},
        parent=kernel.get_parent(), ident=b"comm-none", buffers=[piece],
    )
"""


@contextmanager
def deaf(kernel: Kernel) -> Iterator[zmq.Socket[bytes]]:
    """Somebody who has subscribed, and does not read."""
    context: zmq.Context[Any] = zmq.Context()
    made = context.socket(zmq.SUB)
    made.linger = 0
    made.rcvhwm = 1
    made.rcvbuf = 4096
    made.subscribe(b"")
    made.connect(address(kernel, "iopub"))
    # The welcome: from here on it gets all that is published.
    assert made.poll(20_000)
    try:
        yield made
    finally:
        context.destroy(linger=0)


def numbers(client: Client, cell: str) -> list[int]:
    """Of the messages of a flood that have come."""
    return [one.content["data"] for one in client.iopub(cell) if one.type == "comm_msg"]


class Worst(threading.Thread):
    """The most memory of the daemon that was seen, by one who looks all the time."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(daemon=True)
        self._kernel = kernel
        self._ending = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        while not self._ending.wait(0.01):
            self.bytes = max(self.bytes, memory(self._kernel))

    def __enter__(self) -> Worst:
        self.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._ending.set()
        self.join()
        print(f"\nat worst: {self.bytes / MIB:.0f} MiB")


def soon_at_rest(kernel: Kernel, what: str, size: int = 8 * MEGABYTE) -> None:
    """Wait until memory is given back; say how long that took.

    :param size: of the messages. A thread's heap may keep some of them.
    """
    begun, most = time.monotonic(), AT_REST + 3 * size
    try:
        until(lambda: memory(kernel) < most, "memory to be given back", SOON)
    except Waited:
        raise AssertionError(f"{what}: {memory(kernel) / MIB:.0f} MiB") from None
    took = time.monotonic() - begun
    print(f"{what}: {memory(kernel) / MIB:.1f} MiB after {took:.1f} s")


SIZES = pytest.mark.parametrize(
    ("count", "size"),
    [(60, 8 * MEGABYTE), (48_000, 10_000)],
    ids=["60 of 8 MB", "48 000 of 10 kB"],
)


@SIZES
def test_memory_is_given_back_after_a_flood_that_was_read(
    place: Place, count: int, size: int
) -> None:
    """480 MB: all of it comes, in order, and the idle after it."""
    kernel = place.start("wrapped")
    client = kernel.client()
    print(f"\nat rest: {memory(kernel) / MIB:.1f} MiB")
    with Worst(kernel):
        cell = client.execute(FLOOD.format(count=count, size=size))
        client.finish(cell, within=LONG)
    soon_at_rest(kernel, "after a client that reads", size)
    client.fence()
    assert numbers(client, cell) == list(range(count))
    client.assert_once(cell)


@pytest.mark.parametrize("late", [0.0, 15.0], ids=["at once", "much later"])
@SIZES
def test_memory_is_given_back_when_who_does_not_read_has_left(
    place: Place, count: int, size: int, late: float
) -> None:
    """480 MB, all of which wait for it until then."""
    kernel = place.start("wrapped")
    with quiet_client(kernel) as client, deaf(kernel):
        with Worst(kernel) as worst:
            cell = client.execute(FLOOD.format(count=count, size=size))
            client.wait(lambda: client.replies(cell), "the flood's reply", LONG)
            until(lambda: worst.bytes > 350 * MIB, "all of it to wait", 60)
        # Memory is looked at now and then, and ever more seldom.
        time.sleep(late)
        assert memory(kernel) > 350 * MIB
    # At most half as much again as was sent.
    assert worst.bytes < 730 * MIB
    soon_at_rest(kernel, "after one that does not read has left", size)
    with_output = kernel.client()
    with_output.assert_once(with_output.run("1 + 1"))


def test_who_reads_late_has_all_of_it(place: Place) -> None:
    """Neither a message nor the idle is dropped to save memory."""
    kernel = place.start("wrapped")
    with quiet_client(kernel) as client, deaf(kernel) as late:
        cell = client.execute(FLOOD.format(count=60, size=8 * MEGABYTE))
        client.wait(lambda: client.replies(cell), "the flood's reply", LONG)
        came: list[Any] = []
        while not came or came[-1] != "idle":
            assert late.poll(60_000), f"nothing after {came}"
            frames = late.recv_multipart()
            at = frames.index(b"<IDS|MSG>")
            if json.loads(frames[at + 3]).get("msg_id") == cell:
                content = json.loads(frames[at + 5])
                came.append(content.get("execution_state", content.get("data")))
        assert came == ["busy", None, *range(60), "idle"]
        soon_at_rest(kernel, "after one that has read late")


def test_large_messages_are_bounded_in_bytes_for_who_does_not_read(
    place: Place,
) -> None:
    """1.2 GB of 8 MB each, far from any number of messages: it is cut off.

    The client beside it has every one of them, and goes on.
    """
    kernel = place.start("wrapped")
    client = kernel.client()
    with deaf(kernel) as sleeping:
        with Worst(kernel) as worst:
            cell = client.execute(FLOOD.format(count=150, size=8 * MEGABYTE))
            client.finish(cell, within=LONG)
        assert numbers(client, cell) == list(range(150))
        assert worst.bytes < MOST_BEHIND + 150 * MIB
        assert "that did not read the output" in kernel.stderr()
        soon_at_rest(kernel, "after one that was cut off")
        client.assert_once(cell)
        # It connects again by itself, and hears what comes then.
        assert heard(sleeping, lambda: client.run("print('next')"), b"next")


def test_ten_thousand_open_requests_take_little_each(place: Place) -> None:
    """Behind a cell that runs: 2.2 kB each, and a plain kernel's libzmq 1.9 kB.

    A scripted kernel, since ipykernel by itself stalls at about 2000.
    """
    argv = [sys.executable, "-E", "-s", SCRIPTED, "{connection_file}"]
    kernel = Kernel(place, place.wrapped_spec(argv, metadata={}))
    client = kernel.client()
    with quiet_context() as context, dealer(context, address(kernel, "shell")) as other:
        other.sndhwm = other.rcvhwm = 0
        cell = client.execute("wait")
        client.wait_for(cell, "execute_input")
        before = memory(kernel)
        asked: list[str] = []
        content = {"code": "x" * 100, "silent": False, "stop_on_error": True}
        for _ in range(10_000):
            message = client.kc.session.msg("execute_request", content)
            asked.append(message["header"]["msg_id"])
            other.send_multipart(client.kc.session.serialize(message))
        # On the same connection, so it comes after them; ipr answers it by itself.
        message = client.kc.session.msg("execute_request", {"code": "%ipr help"})
        other.send_multipart(client.kc.session.serialize(message))
        assert other.poll(120_000)
        assert json.loads(other.recv_multipart()[3])["msg_id"] not in asked
        each = (memory(kernel) - before) / len(asked)
        print(f"\n{each:.0f} bytes for each open request")
        assert each < 4096
        kernel.process.send_signal(signal.SIGINT)
        for msg_id in asked:
            assert other.poll(60_000)
            assert json.loads(other.recv_multipart()[3])["msg_id"] == msg_id


@contextmanager
def quiet_context() -> Iterator[zmq.Context[Any]]:
    made: zmq.Context[Any] = zmq.Context()
    try:
        yield made
    finally:
        made.destroy(linger=0)


def heard(socket: zmq.Socket[bytes], act: Callable[[], Any], what: bytes) -> bool:
    """Act until somebody who reads now has heard of it."""
    for _ in range(20):
        act()
        while socket.poll(1000):
            with contextlib.suppress(zmq.Again):
                if any(what in frame for frame in socket.recv_multipart(zmq.NOBLOCK)):
                    return True
    return False
