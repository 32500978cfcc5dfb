"""Knows how to bring up the places that the tests need, by the shell scripts beside
it, what Slurm says about its jobs, and how all of it is taken away again; must not
know ``ipr``, nor kernels.

Sources: squeue(1), scontrol(1), ip-netns(8), ip-neighbour(8).
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.e2e.harness import Waited, until

_HERE = os.path.dirname(os.path.abspath(__file__))

#: What each marker needs, and the Debian package that has it.
_PROGRAMS = {
    "slurm": {
        "slurmctld": "slurmctld",
        "slurmd": "slurmd",
        "srun": "slurm-client",
        "munged": "munge",
    },
    "gridengine": {
        "sge_qmaster": "gridengine-master",
        "sge_execd": "gridengine-exec",
        "qrsh": "gridengine-client",
    },
    "netns": {"ip": "iproute2", "nsenter": "util-linux", "unshare": "util-linux"},
    "sshd": {"sshd": "openssh-server", "ssh": "openssh-client"},
    "launcher": {"setpriv": "util-linux"},
}


#: What runs a command as an ordinary user, and who that is. The shell is the first that
#: has none of root's power: setpriv itself runs a program.
USER = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
USER += ["sh", "-c", 'exec "$@"', "sh"]
USER_NAME = "nobody"
if os.geteuid() != 0:
    USER, USER_NAME = [], getpass.getuser()


def missing(marker: str) -> str | None:
    """Say what keeps the tests with a marker from running here, None if nothing does.

    :param marker: slurm, gridengine, netns or sshd.
    """
    if os.geteuid() != 0 and marker != "slurm":
        return "needs root"
    for program, package in _PROGRAMS[marker].items():
        if shutil.which(program, path=search_path()) is None:
            return f"needs {program} (Debian: {package})"
    if marker == "netns":
        done = subprocess.run(
            ["unshare", "--net", "--uts", "true"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return f"no network namespaces here: {done.stderr.strip()}"
    return None


def unavailable(reason: str) -> None:
    """Skip a test that cannot run here; where it has to, fail it.

    :param reason: shown.
    """
    if os.environ.get("IPR_REQUIRE_MARKED") == "1":
        pytest.fail(f"has to run here and cannot: {reason}", pytrace=False)
    pytest.skip(reason)


def search_path() -> str:
    """:return: PATH with the folders of the daemons, which a user's may lack."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def command(
    *argv: str, within: float = 30.0, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command to its end.

    :param within: the bound, in seconds.
    :param environment: further variables.
    :return: its stdout, without the last line end.
    :raises AssertionError: when it fails; the text has its stderr.
    """
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=within,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": search_path(), **(environment or {})},
        check=False,
    )
    assert done.returncode == 0, (
        f"{' '.join(argv)} ended with {done.returncode}: {done.stderr}{done.stdout}"
    )
    return done.stdout.rstrip("\n")


def script(
    name: str,
    *words: str,
    within: float = 30.0,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run one of the scripts beside this file; see there for its arguments.

    Its output goes to a file: daemons keep what they inherit open, and a pipe would
    have no end.
    """
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            ["bash", os.path.join(_HERE, name), *words],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            timeout=within,
            env={**os.environ, "PATH": search_path(), **(environment or {})},
            check=False,
        )
        said.seek(0)
        assert done.returncode == 0, f"{name} {' '.join(words)}: {said.read()}"


def free_ports(count: int) -> list[int]:
    """:return: ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


# --------------------------------------------------------------------------------
# A second machine


@dataclass(frozen=True)
class Node:
    """A namespace with a loopback, a host name and an sshd of its own.

    :ivar base: the folder with its files.
    :ivar name: its host name.
    :ivar net: the first three bytes of the addresses on the wire.
    """

    base: str
    name: str
    net: str

    @property
    def address(self) -> str:
        """The node's own address."""
        return f"{self.net}.2"

    def environment(self) -> dict[str, str]:
        """:return: what makes a bare ``ssh`` find the node."""
        path = os.pathsep.join([os.path.join(self.base, "bin"), search_path()])
        return {"PATH": path}

    def argv(self, *words: str) -> list[str]:
        """:return: the command that runs a command there."""
        return [os.path.join(self.base, "bin", "on-node"), *words]

    def pull_the_plug(self) -> None:
        """Take the wire out: both ends notice that there is none."""
        command("ip", "link", "set", f"v-{self.name}", "down")

    def put_it_back(self) -> None:
        """Put the wire back."""
        command("ip", "link", "set", f"v-{self.name}", "up")

    def swallow(self) -> None:
        """Let the wire lose all that is sent, in silence, in both directions.

        Each side sends to an Ethernet address that the other one does not have.
        """
        wrong = ("lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev")
        command(
            *("ip", "neigh", "replace", self.address, *wrong, f"v-{self.name}"),
        )
        command(
            *("ip", "-n", self.name, "neigh", "replace", f"{self.net}.1"),
            *(*wrong, "eth0"),
        )

    def swallow_no_more(self) -> None:
        """Undo :meth:`swallow`."""
        command("ip", "neigh", "del", self.address, "dev", f"v-{self.name}")
        command(
            *("ip", "-n", self.name, "neigh", "del", f"{self.net}.1", "dev", "eth0")
        )


@contextlib.contextmanager
def node() -> Iterator[Node]:
    """Bring up a :class:`Node`, for the length of a ``with`` block."""
    base = tempfile.mkdtemp(prefix="ipr-node-")
    number = uuid.uuid4().int
    # A device's name has at most 15 bytes.
    made = Node(base, f"node-{number % 0xFFFF:x}", f"10.77.{number % 251 + 2}")
    try:
        script("node_up.sh", base, made.name, made.net)
        yield made
    finally:
        script("node_down.sh", base, made.name)
        shutil.rmtree(base, ignore_errors=True)


# --------------------------------------------------------------------------------
# Slurm


@dataclass(frozen=True)
class Job:
    """A line of squeue.

    :ivar state: PENDING, RUNNING, COMPLETING, COMPLETED, CANCELLED ...
    :ivar reason: why it is in that state.
    """

    id: int
    state: str
    name: str
    node: str
    reason: str


@dataclass(frozen=True)
class Slurm:
    """A cluster of one node with one CPU.

    :ivar base: the folder with its files.
    :ivar node: the name of the node.
    """

    base: str
    node: str

    def environment(self) -> dict[str, str]:
        """:return: what makes Slurm's commands find this cluster."""
        return {"SLURM_CONF": os.path.join(self.base, "slurm.conf")}

    def run(self, *argv: str) -> str:
        """Run one of Slurm's commands; :return: its stdout."""
        return command(*argv, environment=self.environment())

    def jobs(self, *, ended: bool = False) -> list[Job]:
        """:return: what is in the queue, the oldest first.

        :param ended: those that have ended as well.
        """
        states = ["-t", "all"] if ended else []
        out = self.run("squeue", "-h", *states, "-S", "i", "-o", "%i|%T|%j|%N|%r")
        jobs = []
        for line in out.splitlines():
            number, *rest = line.split("|")
            jobs.append(Job(int(number), *rest))
        return jobs

    def job(self, number: int) -> Job:
        """:return: a job, running or not."""
        (found,) = [job for job in self.jobs(ended=True) if job.id == number]
        return found

    def await_state(self, number: int, *states: str, within: float = 30.0) -> None:
        """Wait until a job is in one of these states.

        :raises Waited: when it is not by then.
        """
        job = self.job(number)
        end = time.monotonic() + within
        while job.state not in states:
            if time.monotonic() > end:
                raise Waited(f"waited {within:g} s for {job} to be {states}")
            time.sleep(0.1)
            job = self.job(number)

    def batch(self, *options: str, wrap: str) -> int:
        """Submit a shell's line; :return: the number of the job."""
        out = self.run("sbatch", "--parsable", "-n1", "-o", "/dev/null", *options, wrap)
        return int(out)

    def sleeper(self, seconds: float, name: str = "somebody-else") -> int:
        """Submit somebody else's job; :return: its number.

        :param seconds: how long it runs, once it does.
        """
        return self.batch("-J", name, wrap=f"--wrap=exec sleep {seconds:g}")

    def clear(self) -> None:
        """Cancel all jobs, and wait until the node can take the next one."""
        for user in {getpass.getuser(), "nobody"}:
            self.run("scancel", "-u", user)
        until(
            lambda: not self.jobs() and self.run("sinfo", "-h", "-o", "%T") == "idle",
            f"an idle node; there are {self.jobs()}",
            every=0.1,
        )


@contextlib.contextmanager
def slurm(
    on: Node | None = None, *, cgroups: bool = False, memory: bool = False
) -> Iterator[Slurm]:
    """Bring up a cluster, for the length of a ``with`` block.

    :param on: where its node is; this machine if it is left out.
    :param cgroups: its jobs are in cgroups: only their tasks get the signals.
    :param memory: the system kills in a job that takes more than its ``--mem``.
    """
    base = tempfile.mkdtemp(prefix="ipr-slurm-")
    ports = dict(
        zip(("CTLD_PORT", "SLURMD_PORT"), map(str, free_ports(2)), strict=True)
    )
    ports["PROCTRACK"] = "cgroup" if cgroups else "linuxproc"
    ports["MEMORY"] = "cgroup" if memory else "none"
    where = [] if on is None else [on.base, on.name, on.net]
    try:
        script("slurm_up.sh", base, *where, environment=ports)
        made = Slurm(base, "")
        yield Slurm(base, made.run("sinfo", "-h", "-o", "%N"))
    finally:
        script("slurm_down.sh", base)
        shutil.rmtree(base, ignore_errors=True)
