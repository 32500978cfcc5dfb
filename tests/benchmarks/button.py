"""What is measured of the Restart button: jupyter_client's restart, and the server's.

Knows what is measured, and how often. Must not know how a kernel is restarted. Both
kernels take turns, restart by restart: the plain one by the plain provisioner, as
everywhere, the wrapped one by ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from jupyter_client.manager import KernelManager

from tests import provisioning
from tests.benchmarks import subjects
from tests.benchmarks.client import Client
from tests.benchmarks.figures import Limit, Row, ratio_of_rounds, spread
from tests.benchmarks.kernel_figures import Plan
from tests.e2e import harness
from tests.e2e.serving import serving

#: Seconds after which what a restarted kernel still imports is in nobody's way.
PAUSE = 1.0


def button(_place: subjects.Place, plan: Plan) -> list[Row]:
    """Measure the button: by a manager, to the next cell's idle, and by REST."""
    return [*_by_manager(plan), _by_rest(plan)]


@contextmanager
def _kernel(name: str) -> Iterator[tuple[KernelManager, Client]]:
    manager = KernelManager(kernel_name=name)
    manager.start_kernel()
    with open(manager.connection_file) as file:
        client = Client(json.load(file))
    try:
        client.settle()
        client.run(*client.code("x = 1"))
        yield manager, client
    finally:
        client.close()
        manager.shutdown_kernel(now=True)


def _by_manager(plan: Plan) -> list[Row]:
    returned: dict[str, list[float]] = {"plain": [], "wrapped": []}
    idle: dict[str, list[float]] = {"plain": [], "wrapped": []}
    with ExitStack() as stack:
        stack.enter_context(provisioning.by_default())
        kernels = {name: stack.enter_context(_kernel(name)) for name in returned}
        outer = kernels["wrapped"][0].provisioner.pid  # type: ignore[union-attr]
        for index in range(plan.restarts):
            for name in subjects.turns(index):
                manager, client = kernels[name]
                began = time.perf_counter()
                manager.restart_kernel()
                returned[name].append(time.perf_counter() - began)
                client.settle()
                client.run(*client.code("y = 1"))
                idle[name].append(time.perf_counter() - began)
                time.sleep(PAUSE)
        stayed = kernels["wrapped"][0].provisioner.pid == outer  # type: ignore[union-attr]
    wrong = "" if stayed else "not in place"
    return [
        Row(
            "Restart: restart_kernel() returns, s",
            spread(returned["wrapped"]),
            spread(returned["plain"]),
            limit=Limit(0.10),
            wrong=wrong,
        ),
        Row(
            "Restart: until the next cell's idle, s",
            spread(idle["wrapped"]),
            spread(idle["plain"]),
            ratio_of_rounds(*([[value] for value in idle[name]] for name in idle)),
            Limit(0.95),
            wrong=wrong,
        ),
    ]


def _by_rest(plan: Plan) -> Row:
    took: dict[str, list[float]] = {"plain": [], "wrapped": []}
    with harness.place() as place, serving(place) as server:
        specs = {"plain": place.plain_spec(), "wrapped": place.wrapped_spec()}
        kernels = {name: server.start(spec) for name, spec in specs.items()}
        time.sleep(3 * PAUSE)
        for index in range(plan.restarts):
            for name in subjects.turns(index):
                took[name].append(server.restart(kernels[name]))
                time.sleep(2 * PAUSE)
    return Row(
        "Restart: the server's REST answer, s",
        spread(took["wrapped"]),
        spread(took["plain"]),
        limit=Limit(0.11),
    )
