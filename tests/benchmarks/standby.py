"""What is measured with a standby: restart, death, the cost of its start, a round trip.

Knows what is measured, and how often. Must not know how a kernel is started, or how a
message is laid out. The kernels that are compared take turns, sample by sample.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.benchmarks import subjects
from tests.benchmarks.client import CONTENT, Client, TookTooLong
from tests.benchmarks.figures import Limit, Row, ratio_of_rounds, spread
from tests.benchmarks.kernel_figures import Plan, Samples
from tests.benchmarks.subjects import Running

#: Seconds until there is one: the kernel has to be idle, and it has to boot.
SOON = 60.0
#: Takes a second of one core.
BUSY = "n = 0\nfor i in range(15_000_000): n += i"
#: Seconds that ``wait_for_ready`` waits at its end.
SILENCE = 0.2


def standby(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure it all."""
    return [
        row
        for measure in (restart, death, disturbance, roundtrip)
        for row in measure(place, plan)
    ]


# Restart.


def restart(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure a restart to the result of the next cell, which is sent when it is done.

    Plain is ``restart_kernel`` and ``wait_for_ready``.
    """
    names = ("plain", "wrapped", "standby")
    samples: Samples = {name: [] for name in names}
    cold = 0
    with (
        _managed() as (manager, theirs),
        subjects.several(place, names[1:]) as kernels,
    ):
        for index in range(plan.restarts):
            for name in subjects.turns(index, names):
                if name == "plain":
                    samples[name].append(_plain_restart(manager, theirs))
                    continue
                client = kernels[name][1]
                waits = waiting(client) if name == "standby" else 0
                samples[name].append(_restart(client))
                if waits:
                    cold += pid_of(client) != waits
    lean = [[one - SILENCE] for one in samples["plain"]]
    rows = []
    for title, name, limit in (
        ("%restart to the next result, standby, s", "standby", Limit(0.10)),
        ("the same without a standby, s", "wrapped", Limit(0.70)),
    ):
        ones = [[one] for one in samples[name]]
        plain = [[one] for one in samples["plain"]]
        wrong = f"{cold} times another kernel" if name == "standby" and cold else ""
        note = (
            f"{ratio_of_rounds(lean, ones).value:.3f} of plain less the {SILENCE:g} s"
            " that wait_for_ready waits at its end"
        )
        rows.append(
            Row(
                title,
                spread(samples[name]),
                spread(samples["plain"]),
                ratio_of_rounds(plain, ones),
                limit,
                note,
                wrong,
            )
        )
    return rows


@contextmanager
def _managed() -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager = KernelManager(kernel_name="plain")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _plain_restart(manager: KernelManager, client: BlockingKernelClient) -> float:
    began = time.perf_counter()
    manager.restart_kernel()
    client.wait_for_ready(timeout=60)
    client.execute_interactive("1", timeout=60, output_hook=lambda _message: None)
    return time.perf_counter() - began


def _restart(client: Client) -> float:
    first, second = client.code("%restart"), client.code("1")
    took = 0.0
    for asked in (first, second):
        seconds, content = client.run(*asked, timeout=90)
        if content["status"] != "ok":
            raise RuntimeError(f"it answered {content}")
        took += seconds
    return took


# Death.


def death(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure SIGKILL of an idle kernel to the result of the next cell that runs."""
    names = ("wrapped", "standby")
    samples: Samples = {name: [] for name in names}
    cold = 0
    with subjects.several(place, names) as kernels:
        for index in range(plan.restarts):
            for name in subjects.turns(index, names):
                client = kernels[name][1]
                waits = waiting(client) if name == "standby" else 0
                samples[name].append(_death(client))
                if waits:
                    cold += pid_of(client) != waits
                # Deaths in a row have an end, after which no kernel is started.
                _restart(client)
    wrong = f"{cold} times another kernel" if cold else ""
    limit = Limit(0.10)
    title = "SIGKILL to the next cell's result, standby, s"
    return [
        Row(title, spread(samples["standby"]), limit=limit, wrong=wrong),
        Row("the same without a standby, s", spread(samples["wrapped"])),
    ]


def _death(client: Client) -> float:
    victim = pid_of(client)
    began = time.perf_counter()
    os.kill(victim, signal.SIGKILL)
    while (took := time.perf_counter() - began) < SOON:
        # One that was sent before anybody knew of the death says so.
        _, content = client.run(*client.code("1"), timeout=90)
        if content["status"] == "ok":
            return time.perf_counter() - began
    raise TookTooLong(f"a kernel after a death, {took:.0f} s: {content}")


# What its start costs.


def disturbance(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure a cell that keeps one core busy, alone and while a standby starts."""
    alone: list[float] = []
    beside: list[float] = []
    late = 0
    with subjects.running(place, "standby") as (kernel, client):
        for _ in range(plan.restarts):
            waiting(client)
            alone.append(client.run(*client.code(BUSY))[0])
            old = pid_of(client)
            _restart(client)
            _starting(kernel, {old, pid_of(client)})
            beside.append(client.run(*client.code(BUSY))[0])
            late += said_of_standby(client).startswith("none")
    ratio = ratio_of_rounds([[one] for one in alone], [[one] for one in beside])
    return [
        Row(
            "a busy cell while a standby starts, s (plain: alone)",
            spread(beside),
            spread(alone),
            ratio,
            Limit(1.10),
            f"on {os.cpu_count()} cores",
            f"{late} times none had been started" if late else "",
        )
    ]


def _starting(kernel: Running, others: set[int]) -> None:
    """Wait until the program of a kernel runs that is none of the others."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        for pid in subjects.descendants(kernel.pid):
            try:
                if pid not in others and "ipykernel" in subjects.command(pid):
                    return
            except OSError:
                continue
        time.sleep(0.005)
    raise TookTooLong(f"the start of a standby, {SOON:g} s")


# Round trip.


def roundtrip(place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure an empty execute while a standby waits, and where there is none."""
    names = ("wrapped", "standby")
    rounds: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(plan.pairs):
        with subjects.several(place, names) as kernels:
            waiting(kernels["standby"][1])
            for _ in range(plan.rounds):
                for samples in rounds.values():
                    samples.append([])
                for index in range(plan.executes):
                    for name in subjects.turns(index, names):
                        client = kernels[name][1]
                        took, _ = client.run(*client.code(""))
                        rounds[name][-1].append(took * 1e6)
    without, with_one = (
        spread([one for each in rounds[name] for one in each]) for name in names
    )
    ratio = ratio_of_rounds(rounds["wrapped"], rounds["standby"])
    title = "empty execute while a standby waits, µs (plain: ipr without one)"
    return [Row(title, with_one, without, ratio, Limit(1.02))]


# What a standby is at.


def said_of_standby(client: Client) -> str:
    """Return what ``%ipr status`` says of it."""
    came: list[str] = []
    client.run(
        *client.code("%ipr status"),
        seen=lambda body: came.append(body[CONTENT].bytes.decode()),
    )
    for line in "".join(came).split("\\n"):
        if line.startswith("standby"):
            return line.removeprefix("standby").strip()
    return ""


def waiting(client: Client) -> int:
    """Wait until there is one; its pid."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        said = said_of_standby(client)
        if said.startswith("ready"):
            return int(said.partition("pid ")[2].partition(",")[0])
        time.sleep(0.25)
    raise TookTooLong(f"a standby, {SOON:g} s: {said}")


def pid_of(client: Client) -> int:
    """Return the kernel's pid."""
    return int(client.value("__import__('os').getpid()"))
