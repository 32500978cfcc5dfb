"""What holds for every test, and which of them run when nothing is said.

``python -m pytest`` runs the core: the unit tests that are not marked ``slow``, and
those tests with real kernels that are marked ``core``. Whoever names a path, a mark
(``-m``) or a word (``-k``) has chosen: ``python -m pytest tests`` runs everything.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# A test run that nohup(1) started ignores SIGHUP, and one that a script started in
# the background SIGINT and SIGQUIT, and so would all that it starts: an ssh whose
# terminal goes would stay (remote_ikernel, killed hard), and no Ctrl-C be tested.
for number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# No unit test is timed: by default an example that takes 0.2 s fails, as many do while
# other work keeps all cores busy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_HERE = Path(__file__).parent

#: Folders whose tests take real kernels, other programs or a good while: in there
#: a test is in the core when it says so itself, everywhere else without saying it.
WHOLE = {
    "benchmarks",
    "browser",
    "chaos",
    "e2e",
    "kernels",
    "neighbour",
    "peers",
    "places",
}

#: Files whose tests are left to ``pytest tests``, ``-m nightly``, but for those in the
#: core and those with the mark ``slow``: ``.ci/run`` has half an hour.
NIGHTLY = {
    "browser/test_button.py",
    "browser/test_look.py",
    "browser/test_notices.py",
    "browser/test_output.py",
    "browser/test_stack.py",
    "browser/test_init.py",
    "browser/test_replay.py",
    "e2e/test_before_end.py",
    "e2e/test_button.py",
    # What guards the main job in it is core.
    "e2e/test_detached.py",
    "e2e/test_fingerprint.py",
    "e2e/test_init.py",
    # What guards the main job in it is core.
    "e2e/test_last_line.py",
    "e2e/test_limit.py",
    "e2e/test_output.py",
    "e2e/test_memory_limit.py",
    "e2e/test_owner.py",
    "e2e/test_preload.py",
    "e2e/test_provisioner.py",
    "e2e/test_provisioner_environment.py",
    "e2e/test_provisioner_failures.py",
    "e2e/test_provisioner_server.py",
    "e2e/test_replay.py",
    # What guards the main job is in test_standby.py.
    "e2e/test_standby_faults.py",
    "e2e/test_stack.py",
    "e2e/test_terminal.py",
    "kernels/test_before_end.py",
    "kernels/test_init.py",
    "kernels/test_last_line.py",
    "kernels/test_output.py",
    "kernels/test_replay.py",
    "kernels/test_standby.py",
    # What these need is installed by scripts of their own in .ci.
    "places/test_enterprise_gateway.py",
    "places/test_gridengine.py",
    "places/test_jupyterhub.py",
    "places/test_sshpyk.py",
    "places/test_new.py",
    "places/test_loads.py",
    "places/test_modules.py",
    "places/test_slurm_clock.py",
    "places/test_slurm_memory.py",
    "places/test_slurm_page.py",
    "places/test_ssh_tunnels.py",
}

#: Folders whose tests share what a machine has once (a Slurm, a second user): of these
#: one runs at a time, also where pytest-xdist has several workers.
SHARED = {"neighbour", "places"}


#: How the groups begin that take minutes, the longest first: of what comes last, a
#: core may be left idle.
LONG = (
    "peers/",
    "kernels/test_kernels.py",
    "e2e/test_restart.py",
    "node",
    "e2e/test_siege.py",
    "e2e/test_shutdown.py",
    "spec/test_check.py",
    "e2e/test_faults.py",
    "chaos/",
    "kernels/test_launchers.py",
    "browser/",
    "e2e/test_standby.py",
)


def together(nodeid: str) -> str:
    """:return: the name of the group that a test runs in, all on one worker.

    :param nodeid: of the test.
    """
    nodeid = nodeid.removeprefix("tests/")
    path = nodeid.partition("::")[0]
    room = path.partition("/")[0]
    if room in SHARED:
        return "node"
    # Two suites of other projects have nothing in common, and take minutes each.
    return nodeid if room == "peers" else path


def _turn(item: pytest.Item) -> int:
    """:return: what a test is sorted by where groups are dealt out."""
    group = together(item.nodeid)
    return next((at for at, long in enumerate(LONG) if group.startswith(long)), 99)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Producer
) -> LoadScopeScheduling | None:
    """With ``--dist loadgroup``: a group at a time for each worker.

    xdist's own marks say so to pytest 9.1 at most: later ones know a node id that
    nobody may change, and each test is dealt out by itself.
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    # Its documentation calls it what one overrides; its class has no types.
    scheduler._split_scope = together
    return scheduler


def _chose_nothing(config: pytest.Config) -> bool:
    """Whether pytest was told neither where to look nor for what."""
    return (
        config.args_source is not pytest.Config.ArgsSource.ARGS
        and not config.option.markexpr
        and not config.option.keyword
    )


def _marked(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) is not None for name in names)


def pytest_report_header(config: pytest.Config) -> str | None:
    if _chose_nothing(config):
        return "selection: the core; for all tests name their folder: pytest tests"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    for item in items:
        path = item.path.relative_to(_HERE)
        room = path.parts[0]
        if room not in WHOLE and item.get_closest_marker("slow") is None:
            item.add_marker("core")
        if path.as_posix() in NIGHTLY and not _marked(item, "core", "slow"):
            item.add_marker("nightly")
    # In a worker that was started so.
    if getattr(config.option, "loadgroup", False):
        items.sort(key=_turn)
    if _chose_nothing(config):
        core = [item for item in items if item.get_closest_marker("core")]
        others = [item for item in items if not item.get_closest_marker("core")]
        config.hook.pytest_deselected(items=others)
        items[:] = core
