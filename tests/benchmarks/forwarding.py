"""The bare forwarding path, no kernel: our channels against libzmq's own proxy.

Knows how to load a forwarder and to check what comes through. Must not know
how it forwards.

The generator sits on both ends of the forwarder and speaks ZMTP on plain TCP
sockets: one thread writes batches that were encoded beforehand, the other
compares the bytes that arrive with those that are due, so that a lost, a
changed or a reordered message is noticed. How much more than the fastest
forwarder it can do alone is a row of the table.

The same is measured with ordinary pyzmq programs at both ends, because that
is how the yardstick was found which the figure to reach belongs to (plain
txZMQ at 0.4 of the proxy): such peers are slower than the proxy, so ratios
are higher than with a generator that is no bottleneck. The limit stands at
those rows; the others say what a forwarder really costs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import attrs

from tests.benchmarks import subjects, zmtp
from tests.benchmarks.client import TookTooLong
from tests.benchmarks.figures import (
    Limit,
    Row,
    Spread,
    ratio_of_rounds,
    spread,
)
from tests.benchmarks.forwarders import IDENTITY, KEY

PATIENCE = 60.0
CHUNK = 1 << 18
KINDS = ("proxy", "ipr", "ipr-verify", "txzmq")
ROUTES = ("requests", "echo", "iopub")


@attrs.frozen
class Load:
    """What is sent in one turn.

    :ivar batch: distinct messages, encoded and sent again and again.
    :ivar repeats: how often the batch is sent.
    :ivar window: bytes that may be under way; None lets them pile up in the
        forwarder.
    """

    name: str
    batch: list[list[bytes]]
    repeats: int
    window: int | None

    @property
    def messages(self) -> int:
        """How many messages are sent in all."""
        return len(self.batch) * self.repeats

    @property
    def payload(self) -> int:
        """Bytes of the frames of all messages."""
        return self.repeats * sum(len(one) for each in self.batch for one in each)


def signed_message(number: int, size: int, *, topic: bool) -> list[bytes]:
    """Make a message as ipykernel makes them, about 600 bytes long and ``size``.

    :param size: bytes of a buffer, or 0 for none.
    :param topic: whether the iopub topic stands in front.
    """
    session = f"{number:032x}"
    header = {
        "msg_id": f"{session}_4711_{number}",
        "msg_type": "comm_msg",
        "username": "username",
        "session": session,
        "date": "2026-01-01T00:00:00.000000Z",
        "version": "5.4",
    }
    parent = {**header, "msg_type": "execute_request", "subshell_id": None}
    content = {"comm_id": session, "data": {"number": number}}
    signed = [json.dumps(one).encode() for one in (header, parent, {}, content)]
    signature = hmac.new(KEY, b"".join(signed), hashlib.sha256).hexdigest().encode()
    message = [b"<IDS|MSG>", signature, *signed]
    if topic:
        message.insert(0, b"comm-" + session.encode())
    if size:
        message.append(number.to_bytes(4, "big") * (size // 4))
    return message


def loads(route: str, *, quick: bool) -> list[Load]:
    """Return the small and the large load of a route."""
    topic = route == "iopub"
    small = [signed_message(i, 0, topic=topic) for i in range(1000)]
    large = [signed_message(i, 8_000_000, topic=topic) for i in range(2)]
    return [
        Load("small", small, 15 if quick else 40, None),
        Load("8 MB", large, 10 if quick else 25, 32_000_000),
    ]


class Stalled(TookTooLong):
    """Nothing came for a long time."""


def pour(peer: socket.socket, batch: bytes, repeats: int, gate: Gate) -> None:
    """Write a batch ``repeats`` times, as fast as the gate lets it."""
    view = memoryview(batch)
    for _ in range(repeats):
        for start in range(0, len(view), CHUNK):
            part = view[start : start + CHUNK]
            gate.wait_for(len(part))
            peer.sendall(part)


class Gate:
    """Bounds the bytes that are under way between two threads."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._free = window or 0
        self._changed = threading.Condition()

    def wait_for(self, size: int) -> None:
        """Wait until ``size`` more bytes may be sent."""
        if self._window is None:
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self._free > 0, PATIENCE):
                raise Stalled(f"room for more bytes, {PATIENCE:g} s")
            self._free -= size

    def passed(self, size: int) -> None:
        """Note that ``size`` bytes have arrived."""
        if self._window is None:
            return
        with self._changed:
            self._free += size
            self._changed.notify()


def swallow(
    peer: socket.socket,
    expected: bytes,
    repeats: int,
    gate: Gate,
    echo: socket.socket | None = None,
) -> tuple[float, str]:
    """Read and compare what arrives.

    :param expected: what one batch must look like.
    :param echo: where every byte is written back to.
    :return: ``time.perf_counter()`` at the end, and what was wrong.
    """
    twice = (expected * (CHUNK // len(expected) + 2))[: len(expected) + CHUNK]
    size, due, place, wrong = len(expected), len(expected) * repeats, 0, ""
    peer.settimeout(PATIENCE)
    while place < due:
        try:
            part = peer.recv(CHUNK)
        except TimeoutError:
            lost = f"{due - place} of {due} bytes never came"
            return time.perf_counter(), wrong or lost
        if not part:
            return time.perf_counter(), wrong or "the forwarder closed the connection"
        # A compare in C, without a copy.
        if not wrong and not twice.startswith(part, place % size):
            wrong = f"other bytes than sent, near byte {place}"
        place += len(part)
        gate.passed(len(part))
        if echo is not None:
            echo.sendall(part)
    if place > due:
        wrong = wrong or f"{place - due} bytes too many"
    return time.perf_counter(), wrong


def start_forwarder(
    place: subjects.Place, kind: str, route: str, back: str, stack: ExitStack
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a forwarder process; it ends with ``stack``.

    :param back: the address it connects to.
    :return: the process, and the port where it listens.
    :raises RuntimeError: when it does not come up.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = start_module(
        place,
        stack,
        "forwarders",
        *(kind, "iopub" if route == "iopub" else "requests"),
        *(f"tcp://127.0.0.1:{port}", back),
    )
    return process, port


def start_module(
    place: subjects.Place, stack: ExitStack, module: str, *arguments: str
) -> subprocess.Popen[bytes]:
    """Start a module of this package; it ends with ``stack``."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=place.environment,
        cwd=subjects.ROOT,
    )
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            stack.callback(pipe.close)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def expect(process: subprocess.Popen[bytes], patience: float = PATIENCE) -> str:
    """Read a line of a process.

    :raises RuntimeError: when none comes in time, or the process ended.
    """
    pipe = process.stdout
    if pipe is None or not select.select([pipe], [], [], patience)[0]:
        raise RuntimeError(f"{process.args!r} said nothing for {patience:g} s")
    line = pipe.readline().decode().strip()
    if not line:
        raise RuntimeError(f"{process.args!r} ended")
    return line


class Peers:
    """One forwarder between a source and a sink that are ordinary pyzmq programs."""

    def __init__(self, kind: str, route: str, place: subjects.Place) -> None:
        self._stack = stack = ExitStack()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            back = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        far, near = ("source", "sink") if route == "iopub" else ("sink", "source")
        ends = {far: start_module(place, stack, "peers", far, route, back)}
        self.process, port = start_forwarder(place, kind, route, back, stack)
        front = f"tcp://127.0.0.1:{port}"
        ends[near] = start_module(place, stack, "peers", near, route, front)
        for process in (self.process, *ends.values()):
            expect(process)
        self._source, self._sink = ends["source"], ends["sink"]
        # The subscription of an iopub sink is on its way when "ready" is said.
        if route == "iopub":
            time.sleep(0.5)

    def turn(self, load: Load) -> tuple[float, float, str]:
        """Send a load through; as :meth:`Bench.turn`."""
        used = subjects.cpu_seconds(self.process.pid)
        for process in (self._sink, self._source):
            assert process.stdin is not None
            process.stdin.write(b"%d\n" % load.messages)
            process.stdin.flush()
        expect(self._source)
        took, in_order = expect(self._sink).split()
        used = subjects.cpu_seconds(self.process.pid) - used
        wrong = "" if in_order == "1" else "lost or out of order"
        return float(took) * load.messages, used, wrong

    def close(self) -> None:
        """End the forwarder and both ends."""
        self._stack.close()


class Bench:
    """One forwarder, loaded on both ends.

    :param kind: see :mod:`tests.benchmarks.forwarders`.
    :param route: ``requests``, ``echo`` (the same, and back) or ``iopub``.
    """

    def __init__(self, kind: str, route: str, place: subjects.Place) -> None:
        self.kind, self.route = kind, route
        self._stack = stack = ExitStack()
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        back = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        self.process, port = start_forwarder(place, kind, route, back, stack)
        expect(self.process)
        listener.settimeout(PATIENCE)
        behind = stack.enter_context(listener.accept()[0])
        behind.settimeout(PATIENCE)
        ahead = stack.enter_context(
            socket.create_connection(("127.0.0.1", port), PATIENCE)
        )
        if route == "iopub":
            zmtp.shake_hands(behind, "XPUB")
            zmtp.shake_hands(ahead, "SUB")
            self._source, self._sink = behind, ahead
            self._await_subscription(ahead, behind)
        else:
            zmtp.shake_hands(behind, "ROUTER")
            zmtp.shake_hands(ahead, "DEALER", IDENTITY)
            self._source, self._sink = ahead, behind

    def _await_subscription(self, sink: socket.socket, source: socket.socket) -> None:
        """Send single messages until one comes through, and the last one did."""
        sink.sendall(zmtp.frame(b"\x01"))
        probe = zmtp.message(signed_message(0, 0, topic=True))
        deadline = time.monotonic() + PATIENCE
        sent = 0
        while not select.select([sink], [], [], 0.05)[0]:
            if time.monotonic() > deadline:
                raise Stalled(f"a first message through {self.kind}, {PATIENCE:g} s")
            source.sendall(probe)
            sent += 1
        while select.select([sink], [], [], 0.3)[0]:
            if len(sink.recv(CHUNK)) == 0:
                raise ConnectionError(f"the forwarder {self.kind} closed")

    def turn(self, load: Load) -> tuple[float, float, str]:
        """Send a load through.

        :return: seconds, the forwarder's CPU seconds, and what went wrong.
        """
        # The proxy in C leaves the identity that its ROUTER put in front.
        prefix = [IDENTITY] if self.kind == "proxy" and self.route != "iopub" else []
        sent = b"".join(zmtp.message(one) for one in load.batch)
        expected = b"".join(zmtp.message([*prefix, *one]) for one in load.batch)
        gate = Gate(load.window)
        results: list[tuple[float, str]] = []
        threads = [
            threading.Thread(target=pour, args=(self._source, sent, load.repeats, gate))
        ]
        if self.route == "echo":
            # The far end sends back what it gets; the near end counts.
            threads.append(
                threading.Thread(
                    target=lambda: results.append(
                        swallow(
                            self._sink, expected, load.repeats, Gate(None), self._sink
                        )
                    )
                )
            )
        used = subjects.cpu_seconds(self.process.pid)
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        if self.route == "echo":
            results.append(swallow(self._source, sent, load.repeats, gate))
        else:
            results.append(swallow(self._sink, expected, load.repeats, gate))
        for thread in threads:
            thread.join()
        used = subjects.cpu_seconds(self.process.pid) - used
        wrong = "; ".join(text for _, text in results if text)
        return max(end for end, _ in results) - began, used, wrong

    def close(self) -> None:
        """End the forwarder and all connections."""
        self._stack.close()


def alone(load: Load) -> float:
    """Return the seconds that the generator takes with nothing in between."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ahead = socket.create_connection(listener.getsockname())
        behind = listener.accept()[0]
    with ahead, behind:
        sent = b"".join(zmtp.message(one) for one in load.batch)
        gate = Gate(load.window)
        writer = threading.Thread(target=pour, args=(ahead, sent, load.repeats, gate))
        began = time.perf_counter()
        writer.start()
        end, wrong = swallow(behind, sent, load.repeats, gate)
        writer.join()
    if wrong:
        raise RuntimeError(f"the load generator itself fails: {wrong}")
    return end - began


def forwarding(place: subjects.Place, *, quick: bool) -> list[Row]:
    """Measure every forwarder on every route, in turns.

    The column of the plain kernel holds ``zmq.proxy`` here.
    """
    rows: list[Row] = []
    turns = 4 if quick else 12
    for route in ROUTES:
        small, large = loads(route, quick=quick)
        with _all_kinds(Bench, route, place) as benches:
            rows += _compare(route, small, benches, turns)
            rows += _compare(route, large, benches, turns)
        if route != "echo":
            with _all_kinds(Peers, route, place) as benches:
                rows += _compare(
                    f"{route}, pyzmq peers", small, benches, turns, peers=True
                )
    return rows


@contextmanager
def _all_kinds(
    make: type[Bench] | type[Peers], route: str, place: subjects.Place
) -> Iterator[dict[str, Bench | Peers]]:
    with ExitStack() as stack:
        benches: dict[str, Bench | Peers] = {}
        for kind in KINDS:
            benches[kind] = make(kind, route, place)
            stack.callback(benches[kind].close)
        yield benches


def _compare(
    title: str,
    load: Load,
    benches: Mapping[str, Bench | Peers],
    turns: int,
    *,
    peers: bool = False,
) -> list[Row]:
    rate: dict[str, list[float]] = {kind: [] for kind in benches}
    cpu: dict[str, float] = dict.fromkeys(benches, 0.0)
    wrong: dict[str, str] = {}
    generator: list[float] = []
    order = list(benches)
    for index in range(-1, turns):
        order.reverse()
        for kind in order:
            took, used, trouble = benches[kind].turn(load)
            # The first turn warms up.
            if index < 0:
                continue
            rate[kind].append(load.messages / took)
            cpu[kind] += used / load.messages / turns
            if trouble:
                wrong[kind] = trouble
        if index >= 0 and not peers:
            generator.append(load.messages / alone(load))
    size = load.payload / load.messages
    base = spread(rate["proxy"])
    rows = []
    for kind in KINDS[1:]:
        judged = kind == "ipr" and peers
        found = spread(rate[kind])
        rows.append(
            Row(
                f"{title}, {load.name}, {kind}, messages/s",
                found,
                base,
                _ratio(rate["proxy"], rate[kind]),
                Limit(0.5, at_most=False) if judged else None,
                f"{found.value * size / 1e6:,.0f} MB/s, CPU µs/message"
                f" {cpu[kind] * 1e6:.1f} (proxy {cpu['proxy'] * 1e6:.1f}),"
                f" {_ratio(rate['txzmq'], rate[kind]).value:.2f} x txzmq",
                wrong.get(kind, ""),
            )
        )
    if generator:
        rows.append(
            Row(
                f"{title}, {load.name}, generator alone, messages/s",
                spread(generator),
                base,
                _ratio(rate["proxy"], generator),
                None,
                f"proxy {base.value * size / 1e6:,.0f} MB/s",
                wrong.get("proxy", ""),
            )
        )
    return rows


def _ratio(base: list[float], other: list[float]) -> Spread:
    return ratio_of_rounds([[one] for one in base], [[one] for one in other])
