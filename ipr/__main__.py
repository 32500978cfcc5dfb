"""``python -m ipr``: the argv of a kernelspec.

Knows the order of the first moments, and the exit codes. From the first instruction on
neither an interrupt nor any other signal that is meant for the kernel may end us; and
the inner kernel is started before anything heavy is imported. Must not know what the
daemon does once it runs.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys

# Not typing's: nothing here may cost time before the first kernel starts.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from _socket import socket
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any

    from ipr.boot.first import Plan
    from ipr.daemon.ports import EntryReactor
    from ipr.daemon.service import Daemon
else:
    try:
        # The C half of "signal": the other half is enums, 6 ms of them.
        import _signal as signal
    except ImportError:
        import signal

#: Signals that end us.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_COMMANDS = frozenset(
    {
        "list",
        "install",
        "remove",
        "uninstall",
        "wizard",
        "wiz",
        "check",
        "config",
        "new",
    }
)
_IN_A_TERMINAL = frozenset(
    {"ps", "status", "stack", "restart", "interrupt", "log", "output"}
)


def main(argv: list[str]) -> int:
    """Run the daemon, or do what ``ipr-spec`` or ``ipr`` does.

    :param argv: without the program's name.
    :returns: the exit code: 0 ended as asked, 1 could not start, 2 wrong usage.
    """
    if argv and argv[0] in _COMMANDS:
        from ipr.spec import spec_cli

        return spec_cli.main(argv)
    if argv and argv[0] in _IN_A_TERMINAL:
        from ipr.terminal import cli

        return cli.main(argv)
    from ipr.boot import signals

    signals.catch()
    parent = os.getppid()

    import ipr
    from ipr.boot import options, settings

    site = settings.read(os.environ)
    try:
        values, command, appended = _read(argv, ipr.__version__, site.values)
        if not values["connection_file"]:
            raise options.BadOption(
                "-f CONNECTION_FILE is missing; to start a kernel by hand, use"
                " 'twistd -n ipr'"
            )
    except options.BadOption as error:
        return _complain(error, 2)
    return _start(values, command, appended, parent, site.told)


def _read(
    argv: list[str], version: str, defaults: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Read the command line.

    :param defaults: what ``ipr.toml`` says.
    :returns: the options' values, the command after ``--``, and what has been
        appended for the inner kernel.
    :raises BadOption: with one sentence.
    """
    from ipr.boot import options

    values = options.usual(argv, defaults)
    if values is not None:
        return values, [], []
    # Late: most command lines are just what "ipr-spec install" wrote.
    from ipr.boot import argv as whose
    from ipr.boot import kernels

    words, appended = whose.part(argv, kernels.written_argv)
    values, command = options.parse(words, version, defaults)
    return values, command, appended


def _start(
    values: dict[str, Any],
    command: list[str],
    appended: list[str],
    parent: int,
    told: tuple[str, ...],
) -> int:
    """Start the first inner kernel, then the daemon; return the exit code."""
    from ipr.boot import guardian, places

    guardian.note_origin(_to_ignore(values["before_end"]))
    guardian.spare_children()
    guardian.become_subreaper()
    # It settles while we import and find out what it is to run; should we be
    # killed, it removes what we made.
    beside = os.path.dirname(os.path.abspath(values["connection_file"]))
    folders = places.fresh(beside)
    forked = guardian.try_fork(folders)
    from ipr.boot import connection, first, held

    try:
        outer = connection.read(values["connection_file"])
    except connection.BadConnectionFile as error:
        guardian.dismiss(forked)
        return _complain(error, 1)
    # Before the inner kernel can take one of them.
    ports = held.hold(outer)
    first.forget_made_up_locale()
    planned = first.plan(values, command, outer, appended)
    planned = first.prepare(planned, values["inner_transport"], folders, forked)

    # From here on the inner kernel's own start hides what we import.
    return _run(planned, values, parent, told, ports)


def _to_ignore(before_end: str) -> tuple[int, ...]:
    """Return signals that the kernel ignores unless it has a handler.

    Grid Engine's notice goes to all processes of a job. A kernel would die of it before
    its checkpoint could run.

    :param before_end: the checkpoint's file; ``""``: there is none.
    """
    if not before_end:
        return ()
    from ipr.boot import gridengine

    return (signal.SIGUSR2,) if gridengine.notice(os.environ) else ()


def _run(
    planned: Plan,
    values: dict[str, Any],
    parent: int,
    told: tuple[str, ...],
    ports: list[socket],
) -> int:
    # Nothing of what is imported is garbage. The daemon sets thresholds of its own.
    gc.disable()
    _leave_for_later("http.cookiejar")
    from twisted.internet import reactor as installed

    from ipr.boot import signals
    from ipr.daemon import clock
    from ipr.daemon.log import to_stderr
    from ipr.daemon.parts import CannotListen
    from ipr.daemon.service import Daemon
    from ipr.kernel.stderr import Stderr

    reactor = clock.monotonic(installed)
    log = to_stderr(Stderr())
    log.set_level(values["log_level"])
    log.begin()
    log.warn(told)

    def over() -> None:
        # From here on the exit code is 0, whatever signal comes.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_ENDING, *signals.caught()))
        if reactor.running:
            reactor.stop()

    daemon = Daemon(reactor, planned, values, log, over, parent)
    try:
        daemon.start()
    except (CannotListen, ValueError) as error:
        return _complain(error, 1)
    for held in ports:
        held.close()

    _hear_signals(reactor, daemon)
    if not daemon.ended:
        reactor.run()
    for number in (*_ENDING, *signals.caught()):
        # In threads, too.
        signal.signal(number, signal.SIG_IGN)
    return 0


def _hear_signals(reactor: EntryReactor, daemon: Daemon) -> None:
    """Have the daemon told of every signal, those too that have come already."""
    from ipr.boot import signals

    def pass_on(number: int) -> None:
        reactor.callFromThread(daemon.signal, number)

    def end(number: int, _frame: FrameType | None) -> None:
        reactor.callFromThread(daemon.terminate, number)

    def take_signals() -> None:
        # Once the reactor runs: it puts its own handler for SIGTERM in, which
        # would drop every connection before the last replies are out.
        signal.signal(signal.SIGTERM, end)
        # nohup(1) applies to us, too.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, end)

    # Before it runs: Twisted keeps a SIGINT handler that is not Python's own.
    signals.pass_on(pass_on)
    reactor.callWhenRunning(take_signals)
    for number in dict.fromkeys(signals.early):
        reactor.callWhenRunning(daemon.signal, number)


def _leave_for_later(name: str) -> None:
    """Have a module loaded when something of it is first used.

    Twisted imports ``http.cookiejar`` only to pass it on; with all that it imports
    itself it takes a tenth of our start and 1.5 MB. The recipe is importlib's own.
    """
    parent, _, last = name.rpartition(".")
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    loader = spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    setattr(sys.modules[parent], last, module)


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"ipr: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
