"""The first inner kernel: what it is, and how it is started.

Knows the order: guardian, private folder, connection file, command. ``python -m ipr``
starts it before anything heavy is imported, since the kernel's own start takes half a
second and hides ours; ``twistd`` only plans it here. Must not know the kernels that
come after it, nor import attrs, Twisted or ZeroMQ.
"""

from __future__ import annotations

import os

from ipr.boot import connection, guardian
from ipr.boot.connection import Inner, Outer
from ipr.boot.kernels import NoCommand, find
from ipr.boot.launch import Launch, with_own_file
from ipr.boot.light import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class Prepared(NamedTuple):
    """The first inner kernel, which runs already.

    :ivar started: as :func:`ipr.boot.guardian.fork` returns it.
    """

    inner: Inner
    command: tuple[str, ...]
    started: tuple[int, int, int, int]


class Plan(NamedTuple):
    """What the daemon is going to do.

    :ivar launch: the inner kernel's command; None when there is none.
    :ivar problem: why there is none, or why it could not be started.
    """

    outer: Outer
    launch: Launch | None
    problem: str
    prepared: Prepared | None


def way(launch: Launch, transport: str) -> str:
    """Return how to reach a kernel, as :func:`ipr.boot.connection.make_inner` takes it.

    :param transport: ``"auto"`` takes ipc where the kernel surely speaks it.
    """
    if transport == "ipc" or (transport == "auto" and launch.speaks_ipc):
        return "ipc"
    return "curve" if launch.encrypts else "tcp"


#: What Python takes in place of the locale "C" (PEP 538).
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")


def forget_made_up_locale(given: str = "/proc/self/environ") -> None:
    """Take the ``LC_CTYPE`` that Python has made up out of the environment.

    Where no locale is set, Python puts one into its own environment (PEP 538).
    A kernel gets the environment that we were given.

    :param given: the file that holds it (proc_pid_environ(5)).
    """
    if os.environ.get("LC_CTYPE") not in _COERCED:
        return
    try:
        with open(given, "rb") as file:
            before = file.read().split(b"\0")
    except OSError:
        return
    found = [entry[9:] for entry in before if entry.startswith(b"LC_CTYPE=")]
    if found:
        os.environ["LC_CTYPE"] = os.fsdecode(found[0])
    else:
        del os.environ["LC_CTYPE"]


def plan(
    options: Mapping[str, Any],
    command: Sequence[str],
    outer: Outer,
    appended: Sequence[str] = (),
) -> Plan:
    """Find the command; problems are shown in the notebook, so none is raised here.

    :param appended: further words for the inner kernel, whatever its command.
    """
    # Jupyter has filled in {connection_file} in these as well; the inner kernel
    # must get its own.
    given = options["connection_file"]
    if given:
        command = [word.replace(given, "{connection_file}") for word in command]
        appended = [word.replace(given, "{connection_file}") for word in appended]
    try:
        launch = find(
            command,
            resource_dir=options["resource_dir"],
            kernel=options["kernel"],
            interrupt_mode=options["interrupt_mode"],
        )
    except NoCommand as error:
        return Plan(outer, None, str(error), None)
    launch = launch._replace(argv=(*launch.argv, *appended))
    return Plan(outer, launch, "", None)


def prepare(
    planned: Plan,
    transport: str,
    folders: Sequence[str],
    forked: tuple[int, int, int, int] | None,
) -> Plan:
    """Start the first inner kernel.

    A kernel that cannot be started is a problem in the plan, for the notebook
    to show.

    :param folders: where its private folder may be made; the guardian knows them.
    :param forked: as :func:`ipr.boot.guardian.try_fork` returns it; dismissed when no
        kernel is started. Without it there is another try, which says why.
    """
    launch = planned.launch
    if launch is None:
        guardian.dismiss(forked)
        return planned
    try:
        forked = forked or guardian.fork(folders)
    except OSError as error:
        return planned._replace(problem=str(error))
    try:
        inner = connection.make_inner(planned.outer, way(launch, transport), folders)
    except OSError as error:
        guardian.dismiss(forked)
        problem = f"no place for the inner connection file: {error}"
        return planned._replace(problem=problem)
    command = launch.command(inner.path)
    try:
        environment = launch.environment(os.environ)
        environment = with_own_file(environment, planned.outer.path)
        order = guardian.encode_order(command, environment, "", inner.folder)
    except ValueError as error:
        guardian.dismiss(forked)
        connection.remove_inner(inner)
        return planned._replace(problem=str(error))
    guardian.give(forked, order)
    return planned._replace(prepared=Prepared(inner, tuple(command), forked))
