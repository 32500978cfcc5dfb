"""Runs another project's test suite with a ``python3`` kernelspec that is plain or has
ipr in front, and says how each of its tests ended.

Knows how to install such a kernelspec and how to run pytest on a suite; must not know
what a suite is about. The table of what may differ stands in ``differences``.

The suites' own options are left as they are (warnings are errors in most of them), but
for what only changes the printing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.e2e import harness

Kind = Literal["plain", "wrapped"]
KINDS: tuple[Kind, Kind] = ("plain", "wrapped")

#: Where ``.ci/install-peers`` puts the environment and the suites.
FOLDER = os.environ.get("IPR_PEERS") or os.path.join(harness.SOURCE, ".cache", "peers")

#: What wraps the kernelspecs that the tests write themselves.
PLUGIN = os.path.join(os.path.dirname(__file__), "wrapping_plugin.py")

#: The bound of one run, in seconds.
MOST_SECONDS = 900


@dataclass(frozen=True)
class Suite:
    """One project's tests.

    :ivar name: of the project, and of its folder below ``suites``.
    :ivar tests: files or folders, relative to that folder.
    :ivar options: further words for pytest.
    :ivar environment: further variables.
    :ivar nightly: whether CI leaves it out.
    """

    name: str
    tests: tuple[str, ...] = ("tests",)
    options: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    nightly: bool = False


#: The suites that CI runs, but for the nightly one: those of ipykernel's files that
#: start a kernel by its kernelspec (the others import the kernel, and never meet ipr),
#: what jupyter_client says of a kernel's manager, and all of nbclient's.
SUITES = (
    Suite(
        "ipykernel",
        (
            "tests/test_async.py",
            "tests/test_connect.py",
            "tests/test_curve.py",
            "tests/test_debugger.py",
            "tests/test_eventloop.py",
            "tests/test_kernel.py",
            "tests/test_message_spec.py",
            "tests/test_subshells.py",
        ),
    ),
    Suite(
        "jupyter_client",
        ("tests/test_kernelmanager.py",),
        # Left out is what takes long and does as the others: kernels in parallel, and
        # the same three shutdowns once more with the asynchronous manager.
        (
            *("-k", "not TestParallel and not async_signal_kernel_subprocesses"),
            *("-o", "timeout_method=signal"),
        ),
        nightly=True,
    ),
    Suite("nbclient"),
)


@dataclass(frozen=True)
class Outcomes:
    """How a suite ended.

    :ivar of: passed, failed or skipped, by the test's name.
    :ivar texts: why a test failed, by its name.
    :ivar log: all that pytest printed.
    :ivar daemons: how many kernels were started with ipr in front (not counting those
        that a program of the suite started).
    """

    of: Mapping[str, str]
    texts: Mapping[str, str]
    log: str
    daemons: int

    def count(self, outcome: str) -> int:
        return sum(found == outcome for found in self.of.values())


def python(folder: str = FOLDER) -> str:
    """:return: the interpreter that runs the suites."""
    return os.path.join(folder, "python", "bin", "python")


def missing(folder: str = FOLDER) -> str | None:
    """:return: what is not there, if something is not."""
    if os.path.exists(os.path.join(folder, "installed")):
        return None
    return "no suites; run .ci/install-peers"


def install(prefix: str, kind: Kind, interpreter: str) -> None:
    """Make a kernelspec ``python3`` as users do: ipykernel's own, then ``ipr-spec``.

    :param prefix: the folder that it goes into.
    """
    quiet = {"check": True, "capture_output": True, "text": True}
    subprocess.run(
        [interpreter, "-m", "ipykernel", "install", "--prefix", prefix],
        **quiet,  # type: ignore[call-overload]
    )
    if kind == "wrapped":
        subprocess.run(
            [interpreter, "-m", "ipr.spec.spec_cli", "install", "python3"],
            env={**os.environ, **_variables(prefix)},
            **quiet,  # type: ignore[call-overload]
        )


def _variables(prefix: str) -> dict[str, str]:
    """:return: what makes Jupyter look in *prefix* first, and write nowhere else."""
    return {
        "JUPYTER_PATH": os.path.join(prefix, "share", "jupyter"),
        "JUPYTER_DATA_DIR": os.path.join(prefix, "data"),
        "JUPYTER_CONFIG_DIR": os.path.join(prefix, "config"),
        "JUPYTER_RUNTIME_DIR": os.path.join(prefix, "run"),
        "IPYTHONDIR": os.path.join(prefix, "ipython"),
    }


def run(
    suite: Suite,
    kind: Kind,
    place: harness.Place,
    words: Sequence[str] = (),
    folder: str = FOLDER,
    *,
    again: bool = False,
) -> Outcomes:
    """Run a suite.

    :param place: where all files go.
    :param words: further words for pytest.
    :param folder: where the suites are.
    :param again: only what failed in the run before, in the same place.
    """
    # A copy: some suites write beside their tests, and two runs go side by side.
    home = os.path.join(place.root, f"{suite.name}-{kind}")
    copy = os.path.join(home, "suite")
    if again:
        words = [*words, "--last-failed"]
    else:
        shutil.copytree(os.path.join(folder, "suites", suite.name), copy)
        install(home, kind, python(folder))
        shutil.copy(PLUGIN, copy)
    report = os.path.join(home, "report.xml")
    environment = place.environment(**_variables(home), **dict(suite.environment))
    # The installed ipr is the one under test; the path would reach the kernels, too.
    environment.pop("PYTHONPATH")
    # Their tests may look at colours.
    environment.pop("NO_COLOR")
    done = subprocess.run(
        [
            *(python(folder), "-m", "pytest", *suite.tests),
            *(("-p", "wrapping_plugin") if kind == "wrapped" else ()),
            *("-o", "addopts=", "-o", "log_cli=false"),
            *("-q", "--tb=short", f"--junitxml={report}", "-o", "junit_family=xunit1"),
            # Pytest-asyncio warns where this is unset, and warnings are errors there.
            *("-o", "asyncio_default_fixture_loop_scope=function"),
            *(*suite.options, *words),
        ],
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=MOST_SECONDS,
    )
    if not os.path.exists(report):
        raise AssertionError(f"{suite.name} did not run:\n{done.stdout[-3000:]}")
    return _read(report, done.stdout, os.path.join(copy, "starts"))


def _read(report: str, log: str, starts: str) -> Outcomes:
    outcomes: dict[str, str] = {}
    texts: dict[str, str] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        module = case.get("classname", "").removeprefix("tests.")
        name = f"{module}::{case.get('name')}"
        wrong = [found for found in case if found.tag in ("failure", "error")]
        skipped = case.find("skipped") is not None
        # An error when it is torn down comes as a second entry of that name.
        if wrong:
            outcomes[name] = "failed"
            texts[name] = "\n".join(found.text or "" for found in wrong)
        else:
            outcomes.setdefault(name, "skipped" if skipped else "passed")
    started = []
    if os.path.exists(starts):
        with open(starts, encoding="ascii") as file:
            started = file.read().split()
    return Outcomes(outcomes, texts, log, started.count("wrapped"))


def worse(plain: Outcomes, wrapped: Outcomes) -> list[str]:
    """:return: the tests that pass with a plain kernel and not behind ipr."""
    return sorted(
        name
        for name, outcome in plain.of.items()
        if outcome == "passed" and wrapped.of.get(name) != "passed"
    )
