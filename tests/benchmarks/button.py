"""What is measured of the Restart button: jupyter_client's restart, and the server's.

Knows what is measured, and how often. Must not know how a kernel is restarted. Both
kernels, and a wrapped one with a standby, take turns, restart by restart: the plain one
by the plain provisioner, as everywhere, the wrapped ones by ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from tests import provisioning
from tests.benchmarks import subjects
from tests.benchmarks.client import Client
from tests.benchmarks.figures import Limit, Row, Spread, ratio_of_rounds, spread
from tests.benchmarks.kernel_figures import Plan, Samples
from tests.benchmarks.standby import waiting
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
    names = ("plain", "wrapped", "standby")
    returned: Samples = {name: [] for name in names}
    idle: Samples = {name: [] for name in names}
    with ExitStack() as stack:
        stack.enter_context(provisioning.by_default())
        kernels = {name: stack.enter_context(_kernel(name)) for name in names}
        outer = [_process(kernels[name][0]) for name in names[1:]]
        for index in range(plan.restarts):
            for name in subjects.turns(index, names):
                manager, client = kernels[name]
                if name == "standby":
                    waiting(client)
                began = time.perf_counter()
                manager.restart_kernel()
                returned[name].append(time.perf_counter() - began)
                client.settle()
                client.run(*client.code("y = 1"))
                idle[name].append(time.perf_counter() - began)
                time.sleep(PAUSE)
        stayed = [_process(kernels[name][0]) for name in names[1:]] == outer
    wrong = "" if stayed else "not in place"
    return [
        *(
            _absolute(title, returned, name, Limit(0.10), wrong)
            for title, name in (
                ("Restart: restart_kernel() returns, s", "wrapped"),
                ("the same with a standby, s", "standby"),
            )
        ),
        *(
            Row(
                title,
                spread(idle[name]),
                spread(idle["plain"]),
                _ratio(idle, name),
                limit,
                wrong=wrong,
            )
            for title, name, limit in (
                ("Restart: until the next cell's idle, s", "wrapped", Limit(0.95)),
                ("the same with a standby, s", "standby", Limit(0.25)),
            )
        ),
    ]


def _process(manager: KernelManager) -> int:
    provisioner = manager.provisioner
    assert isinstance(provisioner, LocalProvisioner)
    assert provisioner.pid is not None
    return provisioner.pid


def _ratio(samples: Samples, name: str) -> Spread:
    return ratio_of_rounds(
        *([[one] for one in samples[each]] for each in ("plain", name))
    )


def _absolute(
    title: str, samples: Samples, name: str, limit: Limit, wrong: str = ""
) -> Row:
    """What has to be reached in seconds; the ratio is for the record."""
    return Row(
        title,
        spread(samples[name]),
        spread(samples["plain"]),
        limit=limit,
        note=f"{_ratio(samples, name).value:.3f} of plain",
        wrong=wrong,
    )


def _by_rest(plan: Plan) -> Row:
    took: Samples = {"plain": [], "wrapped": []}
    with harness.place() as place, serving(place) as server:
        specs = {"plain": place.plain_spec(), "wrapped": place.wrapped_spec()}
        kernels = {name: server.start(spec) for name, spec in specs.items()}
        time.sleep(3 * PAUSE)
        for index in range(plan.restarts):
            for name in subjects.turns(index):
                took[name].append(server.restart(kernels[name]))
                time.sleep(2 * PAUSE)
    title = "Restart: the server's REST answer, s"
    return _absolute(title, took, "wrapped", Limit(0.11))
