r"""The parent of one inner kernel: when it or the daemon dies, nothing is left.

This module knows processes, signals and pipes.  It must not know Jupyter, the
reactor, why a kernel is started or stopped, or any other module of this
package but `private`; it imports a handful of built-in modules, because it runs
before everything else and on the path of each restart.  For the same reason it is
one file: each restart starts a guardian, and each module more is files to open then.

A *guardian* is a small process between the daemon and one generation of the
inner kernel.  It lives in a session of its own, so what is sent to the daemon's
process group does not hit it; it is a child subreaper on Linux (prctl(2)), so
every orphan below the kernel becomes its child and can be found; and its kernel
gets ``PR_SET_PDEATHSIG``, so that not even a SIGKILL of the guardian leaves it.
What is below the kernel then falls to the daemon: see `become_subreaper` and
`sweep`.

There are two ways to get one:

* `fork` forks it from the daemon, before anything heavy is imported, and `give`
  sends it what to run;
* `command_line` says how to spawn it, with the pipes at fd 3 and 4 and the
  kernel's stderr at fd 2; what to run is then sent down fd 3 (`encode_order`).
  It may be spawned early and be given its order when the time has come.

Whoever spawns one should block its signals while it does, since until its first
lines have run the guardian is a plain member of the daemon's process group; the
guardian empties its signal mask when it has settled.  `fork` does so itself.

On the wire, bytes; numbers are decimal ASCII.

fd 3, the command pipe, daemon to guardian::

    ORDER    = LENGTH ":" PAYLOAD ","       (a netstring)
    PAYLOAD  = CWD NUL REMOVE NUL SIGNALS NUL ARGC NUL 1*(ARG NUL) *(NAME "=" VALUE NUL)
    SIGNALS  = [N *("," N)] "/" [N *("," N)]
    then any number of lines
    "signal N\n"   killpg(kernel's group, N); kept until the kernel runs, and
                   dropped when it has ended: a reaped pid is never signalled
    "kill\n"       SIGKILL to the whole tree, now
                   (when the kernel ends by itself, what it leaves gets SIGTERM
                   and `GRACE_SECONDS` before that)
    "spare\n"      the kernel's end, by "kill" too, spares what has a session of
                   its own by then: nohup(1) alone does not make one, setsid(1)
                   does
    "sweep\n"      takes that back, also for what has been spared already: it gets
                   SIGTERM, `GRACE_SECONDS`, SIGKILL
    end of file    the daemon is gone: kill the whole tree, exit

An empty CWD means the guardian's own.  REMOVE is the private folder, which is of
no use without its kernel: it goes when that has ended, before it is reported; an
empty one means that there is none.  A folder that is being made may be left by a
daemon that is killed before it gives an order: where it may lie is told to the
guardian when it is started, and without an order all of these go.
SIGNALS are those that the kernel ignores and those that it has blocked
from its first instruction on, as it would below whoever started the daemon
(SIGHUP is ignored below nohup(1)); every other signal is as new.  The environment
is the complete one; the guardian puts its own pid in the place of a
``JPY_PARENT_PID``, which thus equals the kernel's ``getppid()``, as in a kernel
that a Jupyter server started.

The kernel has the daemon's stdin and stdout, and every other descriptor that the
daemon was started with (`note_origin`), under the same numbers: a socket of
srun's for MPI, one that systemd listens on, the pipe of a make jobserver.  Where
fd 3 or 4 is one of them, it waits under another number until the kernel's exec.

fd 4, the report pipe, guardian to daemon, lines of UTF-8::

    "started PID\n"            the kernel's program runs; PID is also its process
                               group and its session
    "failed ERRNO SENTENCE\n"  it does not, and why; nothing follows
    "left PID PID ...\n"       these could not be killed within `FELL_SECONDS`
                               (at most 50 are named); comes before "exited"
    "spared PID PID ...\n"     these go on, and the guardian with them, until they
                               have ended, "sweep", or the end of the daemon (at
                               most 50 are named); comes before "exited"
    "exited STATUS MAXRSS\n"   the raw wait status, and the peak resident memory
                               in KiB of the kernel or of the largest child it
                               waited for; sent when nothing else of its tree is
                               left.  Nothing follows

After "failed" or "exited" the guardian exits with code 0; where processes were
spared, it closes the report pipe and its stderr, and exits when they are gone.  What
is killed between fork and exec may be reported as exited without a "started"; a
kernel that could not even be reaped (state D) as exited with status 9, after a "left"
that names it.

Sources: prctl(2), credentials(7), signal(7), proc_pid_stat(5), wait(2).
"""

# contextlib.suppress would cost an import.
# ruff: noqa: SIM105

import os
import select
import sys
import time

# Not typing's: importing it costs more than the whole guardian.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable, Iterator, Mapping, Sequence
else:
    try:
        # The C half of "signal": the other half is enums, 6 ms of them.
        import _signal as signal
    except ImportError:
        import signal

if __package__:
    from ipr.boot import private
else:
    # Alone: see `command_line`, which also says why the folder goes last.
    if __name__ == "__main__":
        sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    import private  # type: ignore[import-not-found,no-redef,unused-ignore]

COMMAND_FD = 3
REPORT_FD = 4

#: How long what a kernel leaves behind has from SIGTERM to SIGKILL: srun, mpirun
#: and ssh cancel what they started elsewhere in less than a tenth of that.
GRACE_SECONDS = 1.0

#: What is added to the kernel's ``oom_score_adj`` (proc_pid_oom_score_adj(5)), so
#: that the OOM killer takes a kernel or its workers before the daemon.
OOM_SCORE = 500

#: How long the guardian tries to kill what is left before it reports anyway.
FELL_SECONDS = 3.0

#: How long it goes on after that when the daemon is gone and nobody else will.
LONE_SECONDS = 60.0

#: How long `give` keeps off the CPU at most until the kernel's program runs.
#: With two cores or fewer the caller's next imports would take one of them from
#: the new process, for several times what it needs.
HEAD_START = 0.03

#: The name in ``ps`` and ``top``, at most 15 bytes.
PROCESS_NAME = b"ipr-guardian"

#: Children that are not ours to kill.
_spared: set[int] = set()

#: Descriptors above 2 that this process was started with.
_inherited: list[int] = []

#: A file with the guardian's code, and its size (`hold`).
_held: "tuple[int, int] | None" = None

#: Signals that it was started with, ignored and blocked; None: not noted.
_ignored: "frozenset[int] | None" = None
_blocked: frozenset[int] = frozenset()

#: Python ignores these in itself, so nobody can tell what they were.  Whoever
#: starts a program from Python gives it the defaults (`subprocess.Popen`).
_PYTHON_IGNORES = frozenset((signal.SIGPIPE, signal.SIGXFSZ))

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

# What the guardian must not ignore: its own faults, and the signals it uses.
_NOT_IGNORED = frozenset(
    (
        signal.SIGKILL,
        signal.SIGSTOP,
        signal.SIGCONT,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    )
)


def note_origin(ignored: "Iterable[int]" = ()) -> None:
    """Note with which descriptors and signals this process was started.

    Each kernel is started with the same.  To be called before any of them is
    changed; Python's own descriptors are closed on exec, those here are not.

    :param ignored: signals that were found to be ignored, but are not any more.
    """
    global _ignored, _blocked
    _ignored = _ignored_now().union(ignored)
    _blocked = frozenset(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    try:
        fds = sorted(int(name) for name in os.listdir("/dev/fd"))
    except (OSError, ValueError):
        # Whoever starts a program has few descriptors open.
        fds = list(range(256))
    _inherited[:] = [fd for fd in fds if fd > 2 and _is_inheritable(fd)]


def _ignored_now() -> frozenset[int]:
    return frozenset(
        int(number)
        for number in signal.valid_signals() - _PYTHON_IGNORES
        if signal.getsignal(number) == signal.SIG_IGN
    )


def _is_inheritable(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False  # closed


def inherited() -> dict[int, int]:
    """Return the descriptors that a kernel inherits, and where a guardian has them.

    To be handed to a guardian that is spawned, and to `command_line`.

    :return: by its number in the daemon and in the kernel: that in the guardian,
        which is another one for fd 3 and 4.
    """
    there = [fd for fd in _inherited if _is_inheritable(fd)]
    places = {fd: fd for fd in there if fd not in (COMMAND_FD, REPORT_FD)}
    free = REPORT_FD + 1
    for fd in there:
        if fd not in places:
            while free in places.values():
                free += 1
            places[fd] = free
    return places


def command_line(
    inherited: "Mapping[int, int] | None" = None, folders: "Sequence[str]" = ()
) -> list[str]:
    """Return the argv that starts a guardian with its pipes at fd 3 and 4.

    :param inherited: what the kernel inherits, as `inherited` returns it.
    :param folders: as for `fork`.

    ``python -I -S guardian.py`` does the same, but a script is compiled again at
    each start; as a module it comes from its cached byte code.  The folder goes
    last on the path, so that no module of this package hides one of Python's.
    """
    folder = os.path.dirname(os.path.abspath(__file__))
    call = f"guardian.main({dict(inherited or {})!r})"
    code = f"sys.path.append({folder!r});import guardian;{call}"
    return [*_python(code), *folders]


def _python(code: str) -> list[str]:
    """Return the argv of a Python that has "sys" and runs *code*, little else."""
    if os.environ.get("PYTHONHOME"):
        # A Python that cannot do without; -I would not look at it.
        code = f"import sys;sys.path[:]=filter(None,sys.path);{code}"
        return [sys.executable, "-s", "-S", "-c", code]
    return [sys.executable, "-I", "-S", "-c", f"import sys;{code}"]


def hold() -> None:
    """Keep the guardian's code: guardians can be started without this package.

    It may be upgraded or removed while a daemon runs, for weeks.
    """
    global _held
    if _held is not None or not hasattr(os, "memfd_create"):
        return
    import marshal

    code = []
    for module in (private, sys.modules[__name__]):
        spec = module.__spec__
        get = getattr(spec and spec.loader, "get_code", None)
        if get is None:
            return  # then it is to be found where it is
        code.append((module.__name__.rpartition(".")[2], get(module.__name__)))
    data = marshal.dumps(code)
    fd = os.memfd_create("ipr-guardian")
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    _held = fd, len(data)


#: What a guardian runs that is started from what is held.
_FROM_HELD = """\
import marshal, os
for name, code in marshal.loads(os.pread({fd}, {size}, 0)):
    module = sys.modules[name] = type(sys)(name)
    exec(code, vars(module))
module.main({inherited})
"""


def to_spawn(
    inherited: "Mapping[int, int]", folders: "Sequence[str]" = ()
) -> tuple[list[str], dict[int, int]]:
    """Return a guardian's argv, and which of our descriptors it needs.

    :param inherited: what the kernel inherits, as `inherited` returns it.
    :param folders: as for `fork`.
    :return: the descriptors as their number in the guardian, and here; besides
        those up to `REPORT_FD`.
    """
    places = {there: here for here, there in inherited.items()}
    if _held is None:
        return command_line(inherited, folders), places
    there = REPORT_FD + 1
    while there in places:
        there += 1
    fd, size = _held
    places[there] = fd
    code = _FROM_HELD.format(fd=there, size=size, inherited=dict(inherited))
    return [*_python(code), *folders], places


def encode_order(
    argv: "Sequence[str]", env: "Mapping[str, str]", cwd: str = "", remove: str = ""
) -> bytes:
    """Make the bytes that tell a guardian what to run.

    :param argv: the kernel's command; looked up in the ``PATH`` of *env* unless
        it holds a slash, a relative one relative to *cwd*.
    :param env: the complete environment.
    :param cwd: the kernel's working directory; empty: the guardian's own.
    :param remove: absolute path of the private folder (see `private`) that goes
        with the kernel; empty: none.
    :return: with it goes which signals are ignored and blocked (`note_origin`;
        where nothing was noted, those that are ignored now).
    :raises ValueError: nothing to run, a NUL byte, an impossible variable name,
        or a *remove* that is not absolute.
    """
    order = _checked(argv, env, cwd, remove)
    fields = [order.cwd, order.remove, order.signals]
    fields += [b"%d" % len(order.argv), *order.argv]
    fields += [name + b"=" + value for name, value in order.env.items()]
    payload = b"".join([field + b"\0" for field in fields])
    return b"%d:%b," % (len(payload), payload)


def fork(folders: "Sequence[str]" = ()) -> tuple[int, int, int, int]:
    """Fork a guardian off this process; it waits to be told what to run.

    To be called from the main thread while there is no other.  It settles while
    the caller finds out what to `give` it; closing its pipes ends it.

    :param folders: paths at which the private folder may be made from now on;
        removed when the guardian ends without an order.
    :return: the guardian's pid, to be reaped by the caller when the report pipe
        has ended; the command pipe (to write); the report pipe and the kernel's
        stderr (to read).  The three are blocking and not inheritable; the command
        pipe must not be copied into a process that outlives the caller.
    :raises OSError: no pipe or no process could be made.
    """
    _open_standard()
    daemon = os.getpid()
    pipes: list[int] = []
    # Nothing may interrupt the child before it has settled: not by a traceback
    # in code of the caller, which it must never return into.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        for _ in range(3):
            pipes += os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.dup2(pipes[5], 2)
                inherited = {fd: fd for fd in _inherited}
                _obey(pipes[0], pipes[3], daemon, inherited, folders)
                code = 0
            except BaseException as error:
                _last_words(error)
            finally:
                # No atexit, no flush: buffers and files belong to the caller.
                os._exit(code)
    except OSError:
        for fd in pipes:
            os.close(fd)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    command_r, command_w, report_r, report_w, stderr_r, stderr_w = pipes
    for fd in (command_r, report_w, stderr_w):
        os.close(fd)
    return pid, command_w, report_r, stderr_r


def give(started: tuple[int, int, int, int], order: bytes) -> None:
    """Give a forked guardian its order; return when the kernel's program runs.

    Or when it cannot run, or after `HEAD_START`.

    :param started: what `fork` returned.
    :param order: what `encode_order` returned.
    """
    _, command, report, _ = started
    try:
        while order:
            order = order[os.write(command, order) :]
    except BrokenPipeError:
        pass  # it was killed; the end of its report pipe says so
    poll = select.poll()
    poll.register(report, select.POLLIN)
    poll.poll(HEAD_START * 1000)


def try_fork(folders: "Sequence[str]" = ()) -> "tuple[int, int, int, int] | None":
    """Do what `fork` does; None when no pipe or no process could be made."""
    try:
        return fork(folders)
    except OSError:
        return None


def dismiss(started: "tuple[int, int, int, int] | None") -> None:
    """End a forked guardian that got no order; return when it is gone."""
    if started is None:
        return
    pid, *pipes = started
    for fd in pipes:
        os.close(fd)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # whoever started us has SIGCHLD ignored


def become_subreaper() -> bool:
    """Make the calling process adopt every orphan below it; say if it does.

    Linux only (prctl(2), ``PR_SET_CHILD_SUBREAPER``).  Not inherited by fork.
    """
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def spare_children() -> None:
    """Leave alone, in each `sweep` to come, the children that there are now.

    To be called before any is forked.  A wrapper that starts a tunnel or a monitor
    and then becomes the daemon by exec leaves it one.
    """
    me = os.getpid()
    children = _children(me)
    if children is not None:
        _spared.update(children)
        return
    try:
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return  # not Linux, or no /proc: there is no sweep either
    for pid in pids:
        about = _stat(pid)
        if about is not None and about[0] == me:
            _spared.add(pid)


def _children(pid: int) -> list[int] | None:
    """Return the children of a process with one thread; None: nobody knows."""
    try:
        # proc_pid_task(5): there where the kernel has CONFIG_PROC_CHILDREN.
        return [
            int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()
        ]
    except OSError:
        return None


def sweep(keep: frozenset[int], seconds: float = 1.0) -> int:
    """SIGKILL and reap whatever is below the calling process, Linux only.

    For the daemon, when a guardian was itself killed: what it guarded is the
    daemon's by then, if the daemon is a subreaper.

    :param keep: pids of children to leave alone, with all that is below them:
        live guardians, and whatever else the caller itself started and waits for;
        those of `spare_children` come on top.
    :param seconds: how long to block at most; a process needs a moment to die.
    :return: how many processes were found.  0 means that there is nothing; after
        another number, what could not die in time may still be there.
    """
    me = os.getpid()
    found: set[int] = set()
    deadline = time.monotonic() + seconds
    while victims := _hunt(me, keep | _spared):
        for pid, parent, _ in victims:
            found.add(pid)
            if parent == me:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass  # somebody else here waited for it
        if time.monotonic() >= deadline:
            break
        time.sleep(0.001)
    return len(found)


def main(inherited: "Mapping[int, int] | None" = None) -> None:
    """Be a guardian: the pipes are at fd 3 and 4, the order comes on fd 3.

    :param inherited: what the kernel inherits, and under which number it is here.

    Does not return.  Exit code 0: done; 1: a fault of its own; 2: not started
    by the daemon.
    """
    code = 1
    try:
        daemon = os.getppid()
        _open_standard()
        try:
            os.fstat(COMMAND_FD)
            os.fstat(REPORT_FD)
        except OSError:
            _complain("the guardian is started by ipr, with pipes at fd 3 and 4")
            code = 2
        else:
            _obey(COMMAND_FD, REPORT_FD, daemon, inherited or {}, sys.argv[1:])
            code = 0
    except BaseException as error:
        _last_words(error)
    finally:
        # Nothing to flush, nothing to tidy: skip the interpreter's own end.
        os._exit(code)


class Order:
    """What to run; every field as the bytes that the system call gets."""

    __slots__ = ("argv", "cwd", "env", "remove", "signals")

    def __init__(
        self,
        argv: list[bytes],
        env: dict[bytes, bytes],
        cwd: bytes,
        remove: bytes,
        signals: bytes,
    ) -> None:
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.remove = remove
        self.signals = signals

    def numbers(self) -> tuple[list[int], list[int]]:
        """Return the signals to ignore and those to block."""
        valid = signal.valid_signals()
        ignored, _, blocked = self.signals.partition(b"/")
        return (
            [int(word) for word in ignored.split(b",") if int(word or 0) in valid],
            [int(word) for word in blocked.split(b",") if int(word or 0) in valid],
        )


def _obey(
    command: int,
    report: int,
    daemon: int,
    inherited: "Mapping[int, int]",
    folders: "Sequence[str]",
) -> None:
    """Settle, read the order and carry it out, until nothing of it is left.

    For a fresh process: it takes over signals and descriptors.

    :param command: fd of the command pipe, read end.
    :param report: fd of the report pipe, write end.
    :param daemon: the pid whose end counts as the end of the daemon.
    :param inherited: what the kernel inherits: its fd there, and here.
    :param folders: see `fork`.
    """
    wake = _settle(command, report, inherited)
    data, order = b"", None
    while True:
        chunk = os.read(command, 65536)
        if not chunk:
            break  # the daemon is gone, or has changed its mind
        data += chunk
        head, colon, rest = data.partition(b":")
        if not head.isdigit() or len(head) > 9:
            break
        length = int(head)
        if colon and len(rest) > length:
            order = _decoded(rest[:length]) if rest[length] == ord(",") else None
            said = rest[length + 1 :]
            break
    if order is not None:
        _guard(order, _Daemon(daemon, command, report, wake, said), inherited)
        return
    for path in folders:
        _remove(private.find(path))
    if chunk:
        _tell(report, b"failed 22 the guardian was given an order it cannot read")


class _Daemon:
    """The daemon, as a guardian hears it.

    :ivar gone: whether it has ended, or closed its pipes.
    :ivar kills: whether it has said "kill".
    :ivar spares: whether it has said "spare", and not "sweep" since.
    :ivar lines: what else it has said, and has not been carried out.
    """

    __slots__ = (
        *("_begun", "_command", "_pid", "_report"),
        *("gone", "kills", "lines", "spares", "wake"),
    )

    def __init__(
        self, pid: int, command: int, report: int, wake: int, said: bytes
    ) -> None:
        """Make one.

        :param wake: fd that is readable after a signal (SIGCHLD, or the end of the
            daemon).
        :param said: what it has said already.
        """
        self._pid = pid
        self._command = command
        self._report = report
        self._begun = said
        self.wake = wake
        self.gone = self.kills = self.spares = False
        self.lines: list[bytes] = []
        for fd in (command, wake):
            os.set_blocking(fd, False)

    def watched(self) -> "select.poll":
        """Return a poll object that wakes up when there may be something to hear."""
        poll = select.poll()
        poll.register(self._command, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        return poll

    def hear(self) -> None:
        """Take all that has come since the last time, without waiting."""
        _read_some(self.wake)
        chunk = _read_some(self._command)
        if chunk == b"" or os.getppid() != self._pid:
            self.gone = True
        *lines, self._begun = (self._begun + (chunk or b"")).split(b"\n")
        for line in lines:
            if line == b"kill":
                self.kills = True
            elif line in (b"spare", b"sweep"):
                self.spares = line == b"spare"
            else:
                self.lines.append(line)

    def tell(self, line: bytes) -> None:
        """Report something; when nobody is there to read it, the daemon is gone."""
        if not _tell(self._report, line):
            self.gone = True

    def hang_up(self) -> None:
        """Close what it reads from us: all has been told."""
        os.close(self._report)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 2)
        os.close(null)

    def has_hung_up(self) -> bool:
        """Whether it is gone, or has closed the command pipe by now."""
        return self.gone or _hung_up(self._command)


def _guard(order: Order, daemon: _Daemon, inherited: "Mapping[int, int]") -> None:
    """Be the guardian of one kernel until nothing of it is left."""
    me = os.getpid()
    # By its name now, by this from here on: names can be given to other things.
    folder = private.find(os.fsdecode(order.remove)) if order.remove else None
    # A kernel that was started to be independent has none.
    if b"JPY_PARENT_PID" in order.env:
        order.env[b"JPY_PARENT_PID"] = b"%d" % me
    try:
        kernel, starting = _spawn(order, me, inherited)
    except OSError as error:
        sentence = f"no process could be made for the kernel: {error.strerror}"
        _remove(folder)
        daemon.tell(b"failed %d %b" % (error.errno or 0, sentence.encode()))
        return
    _let_go(inherited)
    _import_resource()

    reason = _attend(kernel, starting, daemon)
    if reason:
        if kernel.status is None:
            os.waitpid(kernel.pid, 0)
        _remove(folder)
        daemon.tell(b"failed " + reason)
        return
    only = kernel.pid if daemon.spares and not daemon.gone else 0
    if not (daemon.gone or daemon.kills):
        _ask_to_end(kernel, daemon, only)
    left = _fell(kernel, daemon.wake, FELL_SECONDS, only)
    spared = _alive(me) - set(left) if only else set()
    _remove(folder)
    if not daemon.gone:
        if left:
            daemon.tell(b"left " + _named(left))
        if spared:
            daemon.tell(b"spared " + _named(sorted(spared)))
        status = signal.SIGKILL if kernel.status is None else kernel.status
        daemon.tell(b"exited %d %d" % (status, kernel.maxrss))
    if spared:
        daemon.hang_up()
        _keep(kernel, daemon)
    elif left and daemon.has_hung_up():
        _fell(kernel, daemon.wake, LONE_SECONDS)


def _named(pids: "Sequence[int]") -> bytes:
    return b" ".join([b"%d" % pid for pid in pids[:50]])


def _alive(me: int) -> set[int]:
    return {pid for pid, *_, state in _below(me, ()) if state not in b"ZX"}


def _keep(kernel: "_Kernel", daemon: _Daemon) -> None:
    """Be the parent of what was spared, until it or the daemon ends, or "sweep"."""
    poll = daemon.watched()
    while daemon.spares and not daemon.gone:
        if kernel.reap():
            return
        poll.poll()
        daemon.hear()
    _hunt(os.getpid(), (), signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    waiting = select.poll()
    waiting.register(daemon.wake, select.POLLIN)
    while not kernel.reap() and (wait := deadline - time.monotonic()) > 0:
        waiting.poll(wait * 1000 + 1)
        _read_some(daemon.wake)
    _fell(kernel, daemon.wake, LONE_SECONDS)


def _attend(kernel: "_Kernel", starting: int, daemon: _Daemon) -> bytes:
    """Carry out what the daemon says, until it or the kernel has ended, or "kill".

    :param starting: the pipe of `_spawn`.
    :return: ``ERRNO SENTENCE`` when the kernel's program could not be run.
    """
    running = False
    os.set_blocking(starting, False)
    poll = daemon.watched()
    poll.register(starting, select.POLLIN)
    while True:
        # All of it in each round, and once before the first wait: the daemon may
        # have died before we could be told so.  The order matters: when the
        # kernel has ended, what it wrote before that is there to be read.
        daemon.hear()
        over = kernel.has_ended()
        if not running and (reason := _read_some(starting)) is not None:
            if reason:
                return reason
            running = True
            poll.unregister(starting)
            os.close(starting)
            daemon.tell(b"started %d" % kernel.pid)
        if over or daemon.gone or daemon.kills:
            return b""
        # What is not the kernel yet must not get its signals.
        if running:
            for line in daemon.lines:
                _carry_out(line, kernel)
            daemon.lines.clear()
        poll.poll()


def _let_go(inherited: "Mapping[int, int]") -> None:
    """Close what only the kernel needs, and leave its working directory.

    The kernel has the daemon's descriptors now, and its own idea of where it is: a
    guardian that lives for weeks must not pin any of it.
    """
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    for fd in (null, *inherited.values()):
        os.close(fd)
    os.chdir("/")


def _import_resource() -> None:
    """Import now what wait4() imports.

    In weeks from now the environment may have been replaced under our feet.  A
    guardian that was forked has the daemon's path, in which a user's own module
    may hide Python's.
    """
    path = sys.path
    standard = os.path.dirname(os.__file__)
    # Somebody may have put a Path in, which Python itself passes over.
    sys.path = [
        entry for entry in path if isinstance(entry, str) and entry.startswith(standard)
    ]
    try:
        import resource  # noqa: F401
    except ImportError:
        pass  # then there is no peak memory to report
    finally:
        sys.path = path


def _wait(pid: int) -> tuple[int, int, int]:
    """Do what wait4(2) does, without blocking; the third is ru_maxrss, or 0."""
    if hasattr(sys.modules.get("resource"), "struct_rusage"):
        child, status, usage = os.wait4(pid, os.WNOHANG)
        return child, status, usage.ru_maxrss
    return *os.waitpid(pid, os.WNOHANG), 0


def _carry_out(line: bytes, kernel: "_Kernel") -> None:
    """Do what one line from the daemon says, "kill" apart."""
    verb, _, number = line.partition(b" ")
    if verb == b"signal" and number.isdigit() and int(number) in signal.valid_signals():
        kernel.signal(int(number))
    else:
        _complain(f"not a command: {line[:80]!r}")


class _Kernel:
    """The kernel's process, as its parent sees it.

    :ivar pid: its process, process group and session.
    :ivar status: the raw wait status, None until it has been reaped.
    :ivar maxrss: KiB, 0 until it has been reaped.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.maxrss = 0

    def signal(self, number: int) -> None:
        """Signal the process group, unless the kernel has been reaped.

        Until then its number cannot belong to anybody else.
        """
        if self.status is None:
            try:
                os.killpg(self.pid, number)
            except OSError:
                pass  # it changed its user, or (macOS) all of it is dead

    def slay(self) -> None:
        """SIGKILL to the process group, also when it has no group yet."""
        self.signal(signal.SIGKILL)
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except OSError:
                pass  # it changed its user

    def has_ended(self) -> bool:
        """Say whether the kernel ended, and reap every other child that did.

        The kernel itself is left a zombie: as long as it is one, its number
        still stands for its process group.
        """
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            if self.reap():
                try:
                    os.killpg(self.pid, signal.SIGKILL)
                except OSError:
                    pass
            return self.status is not None
        while True:
            looking = os.WEXITED | os.WNOHANG | os.WNOWAIT
            child = os.waitid(os.P_ALL, 0, looking)
            if child is None:
                return False
            if child.si_pid == self.pid:
                return True
            os.waitpid(child.si_pid, os.WNOHANG)

    def reap(self) -> bool:
        """Reap every child that ended, the kernel too; say if none is left."""
        while True:
            try:
                pid, status, peak = _wait(-1)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.status = status
                # getrusage(2): KiB, but bytes on macOS.
                unit = 1024 if sys.platform == "darwin" else 1
                self.maxrss = peak // unit


def _ask_to_end(kernel: _Kernel, daemon: _Daemon, only: int) -> None:
    """SIGTERM whatever a kernel that has ended left below us; wait for its end.

    For `GRACE_SECONDS` at most, and no longer than the daemon lets us.  What is
    started meanwhile is left for `_fell`.

    :param only: as for `_hunt`.
    """
    me = os.getpid()
    if _children(me) == [kernel.pid]:
        return  # as usual, nothing: this costs one look at one file
    kept = frozenset((kernel.pid,))
    left = {pid for pid, _, _ in _hunt(me, kept, signal.SIGTERM, only)}
    deadline = time.monotonic() + GRACE_SECONDS
    poll = daemon.watched()
    while True:
        daemon.hear()
        if daemon.gone:
            return
        for pid in list(left):
            about = _stat(pid)
            if about is None or about[3] in b"ZX":
                left.discard(pid)
            if about is not None and about[0] == me:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
        wait = deadline - time.monotonic()
        if not left or wait <= 0 or daemon.kills:
            return
        # The end of one whose parent is another one of them wakes nobody, but
        # the end of that other one does.
        poll.poll(wait * 1000 + 1)


def _fell(kernel: _Kernel, wake: int, seconds: float, only: int = 0) -> list[int]:
    """Kill and reap the kernel and everything below it; return who is left.

    "No child" is the proof: with a subreaper, every process of the tree is our
    child or has an ancestor that is.  Where some are spared, it is that two looks in
    a row find nobody else.

    :param only: as for `_hunt`.
    """
    deadline = time.monotonic() + seconds
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    me = os.getpid()
    seen: set[int] = set()
    left: list[int] = []
    empty = 0
    pause = 10
    while True:
        # The group first and at once: fork(2) cannot get away from killpg.
        kernel.slay()
        if kernel.reap():
            return []
        if time.monotonic() >= deadline:
            return left
        # A healthy tree dies of the above within a moment; /proc is for others.
        poll.poll(pause)
        _read_some(wake)
        if kernel.reap():
            return []
        victims = _hunt(me, frozenset(), signal.SIGKILL, only)
        left = [pid for pid, _, state in victims if state not in b"ZX"]
        empty = 0 if left or kernel.status is None else empty + 1
        if only and empty > 1:
            return []
        # Longer and longer pauses while the same ones remain; none to speak of
        # while new ones turn up, or while one hides from us (it forks and exits).
        pause = min(2 * pause, 250) if left and seen.issuperset(left) else 1
        seen.update(left)


def _hunt(
    root: int,
    keep: "Iterable[int]",
    number: int = signal.SIGKILL,
    only: int = 0,
) -> list[tuple[int, int, bytes]]:
    """Signal every process below *root*; return (pid, parent, state) of each.

    SIGKILL; or another one, once for each process, and SIGCONT after it, so that
    a stopped one heeds it.

    Each is killed the moment it is known to be below, and the newest first: of
    a chain of processes that fork, leave the group and exit, only the last link
    is alive, and not for long.  Whole process groups are killed as soon as one
    member is found, since killpg is what a fork cannot outrun.  The groups of
    the caller's own session are not ours to kill; any other session here was
    made by a process below *root*.

    A pid could only be reused between our look and our kill if all numbers had
    been used up in between.

    :param only: a session that is hunted, beside the caller's own; 0: all are.
    """
    session = os.getsid(0)
    groups: set[int] = set()
    victims: list[tuple[int, int, bytes]] = []
    for pid, parent, group, its_session, state in _below(root, keep):
        if only and its_session not in (only, session):
            continue
        victims.append((pid, parent, state))
        _kill(pid, number)
        if number != signal.SIGKILL:
            _kill(pid, signal.SIGCONT)
        elif its_session != session and group not in groups:
            groups.add(group)
            _kill(-group, number)
    return victims


def _below(
    root: int, keep: "Iterable[int]"
) -> "Iterator[tuple[int, int, int, int, bytes]]":
    """Yield each process below *root* as soon as it is found, the newest first.

    As (pid, parent, group, session, state); not those in *keep*, nor what is below
    them.
    """
    try:
        entries = os.listdir("/proc")
    except OSError:
        return  # not Linux, or no /proc: the group was all we could do
    newest = _newest()
    pids = [int(entry) for entry in entries if entry.isdigit()]
    pids.sort(key=lambda pid: (pid > newest, -pid))

    below = {0: False, 1: False, root: True}
    below.update(dict.fromkeys(keep, False))
    for pid in pids:
        # Walk up to a process that we know of.
        path: list[tuple[int, int, int, int, bytes]] = []
        at = pid
        while at not in below:
            about = _stat(at)
            if about is None:
                # Ended under our eyes; its children have another parent now,
                # and the next look finds it.
                below[at] = False
                break
            path.append((at, *about))
            below[at] = False  # for now; also, reused numbers make no loop
            at = about[0]
        if below[at]:
            below.update((one[0], True) for one in path)
            yield from path


def _kill(pid: int, number: int) -> None:
    if pid not in (-1, 0, 1):  # everybody, our own group, init
        try:
            os.kill(pid, number)
        except OSError:
            pass  # gone already, or not ours to kill: who is left is reported


def _newest() -> int:
    """Return the pid that was given out last (proc_loadavg(5))."""
    try:
        return int(_read("/proc/loadavg").split()[4])
    except (OSError, ValueError, IndexError):
        return 1 << 30


def _stat(pid: int) -> tuple[int, int, int, bytes] | None:
    """Return (parent, group, session, state) of a process, None if it is gone."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except OSError:
        return None
    # The name in parentheses may hold anything, parentheses too.
    fields = text[text.rfind(b")") + 1 :].split(None, 4)
    if len(fields) < 4:
        return None
    return int(fields[1]), int(fields[2]), int(fields[3]), fields[0]


def _read(path: str) -> bytes:
    """Return all of a file of /proc, which comes a page at a time at most."""
    fd = os.open(path, os.O_RDONLY)
    try:
        text = chunk = os.read(fd, 4096)
        while len(chunk) > 1024:
            chunk = os.read(fd, 4096)
            text += chunk
        return text
    finally:
        os.close(fd)


def _settle(command: int, report: int, inherited: "Mapping[int, int]") -> int:
    """Leave the daemon's session, signals and descriptors behind.

    :return: an fd that becomes readable with every signal.
    """
    try:
        os.setsid()
    except OSError:
        pass  # a session leader already: whoever spawned us saw to it
    for number in signal.valid_signals():
        if number not in _NOT_IGNORED:
            signal.signal(number, signal.SIG_IGN)
    wake, awake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(awake, False)
    signal.set_wakeup_fd(awake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _woken)
    # The end of the daemon shows as the end of the command pipe; but should
    # another process hold a copy of that, there is this, which none can hold.
    # It wakes us even if somebody has stopped us.
    signal.signal(signal.SIGCONT, _woken)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    become_subreaper()
    _prctl(_PR_SET_NAME, PROCESS_NAME)

    for fd in (command, report):
        os.set_inheritable(fd, False)
    _close_all_but((0, 1, 2, command, report, wake, awake, *inherited.values()))
    return wake


def _woken(_number: int, _frame: object) -> None:
    """Do nothing: the byte in the wake-up pipe is what counts."""


def _read_some(fd: int) -> bytes | None:
    """Read what is there; None when nothing is, empty when the pipe has ended."""
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return None


def _close_all_but(keep: "Sequence[int]") -> None:
    try:
        fds = [int(name) for name in os.listdir("/dev/fd")]
    except (OSError, ValueError):
        low = 0
        for fd in (*sorted(keep), os.sysconf("SC_OPEN_MAX")):
            # Not with nothing to close: CPython makes of (0, 0) a call of
            # close_range(2) that closes everything.
            if low < fd:
                os.closerange(low, fd)
            low = fd + 1
        return
    for fd in fds:
        if fd not in keep:
            try:
                os.close(fd)
            except OSError:
                pass  # the one that listdir() itself had open


def _open_standard() -> None:
    """See that fd 0 to 2 are open, so that no pipe of ours gets their numbers."""
    while True:
        fd = os.open(os.devnull, os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return
        os.set_inheritable(fd, True)


def _spawn(
    order: Order, me: int, inherited: "Mapping[int, int]"
) -> tuple[_Kernel, int]:
    """Fork the kernel.

    :return: the kernel, and a pipe that ends when its program runs, or holds
        ``ERRNO SENTENCE`` when it cannot.
    """
    starting, failed = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            error, sentence = _become_kernel(order, me, inherited)
            text = f"{error} {sentence}"
            os.write(failed, text.encode("utf-8", "backslashreplace")[:2000])
        except BaseException as error:
            os.write(failed, f"0 {type(error).__name__}: {error}".encode()[:2000])
        finally:
            os._exit(127)
    os.close(failed)
    return _Kernel(pid), starting


def _become_kernel(
    order: Order, me: int, inherited: "Mapping[int, int]"
) -> tuple[int, str]:
    """Become the kernel's program; return (errno, sentence) when that fails."""
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != me:
        os._exit(127)  # it died before it could be said that we die with it
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
    ignored, blocked = order.numbers()
    for ignoring in ignored:
        signal.signal(ignoring, signal.SIG_IGN)
    if blocked:
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    for fd, here in inherited.items():
        if fd != here:
            os.dup2(here, fd)
            os.close(here)
    _be_taken_first()
    if order.cwd:
        try:
            os.chdir(order.cwd)
        except OSError as error:
            where = os.fsdecode(order.cwd)
            return error.errno or 0, (
                f"the working directory {where!r} cannot be entered: {error.strerror}"
            )
    return _execute(order.argv, order.env)


def _be_taken_first() -> None:
    """Have the OOM killer prefer us to the daemon; more needs no right."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_RDWR)
        try:
            score = min(int(os.read(fd, 32)) + OOM_SCORE, 1000)
            os.write(fd, b"%d" % score)
        finally:
            os.close(fd)
    except (OSError, ValueError):
        pass  # not Linux, or a sandbox


def _execute(argv: list[bytes], env: dict[bytes, bytes]) -> tuple[int, str]:
    """Do what execvpe(3) does, as subprocess does it; say why it cannot.

    Not `os.execvpe`: that imports "warnings" to find the PATH.
    """
    name = argv[0]
    search = env.get(b"PATH", os.fsencode(os.defpath))
    if b"/" in name:
        candidates = [name]
    else:
        candidates = [
            folder + b"/" + name if folder else name for folder in search.split(b":")
        ]
    telling: OSError | None = None
    for path in candidates:
        try:
            os.execve(path, argv, env)
        except OSError as error:
            # The first one that is more than "not there" is the one to tell.
            if telling is None and not (
                isinstance(error, FileNotFoundError | NotADirectoryError)
                and not os.access(path, os.F_OK)
            ):
                telling = error
    shown = os.fsdecode(name)
    if telling is None:
        looked = "" if b"/" in name else f" (PATH is {os.fsdecode(search)[:1000]})"
        return 2, f"command not found: {shown!r}{looked}"
    at = os.fsdecode(telling.filename or name)
    if isinstance(telling, FileNotFoundError):
        return 2, (
            f"command {at!r} is there, but not the interpreter that it names: "
            f"{telling.strerror}"
        )
    return telling.errno or 0, f"command {at!r} cannot be run: {telling.strerror}"


def _tell(report: int, line: bytes) -> bool:
    """Write one line to the daemon; False when nobody is there to read it."""
    try:
        os.write(report, line.replace(b"\n", b" ") + b"\n")
    except OSError:
        return False
    return True


def _hung_up(command: int) -> bool:
    """Say whether the daemon's end of the command pipe is closed."""
    try:
        os.set_blocking(command, False)
        while os.read(command, 65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _remove(folder: "private.Folder | None") -> None:
    """Remove the private folder, if it was one."""
    if folder is not None:
        folder.remove()


def _prctl(option: int, value: int | bytes) -> bool:
    """Call prctl(2); False where there is none, or it refuses."""
    if sys.platform != "linux":
        return False
    try:
        # The C half of "ctypes": a fifth of the time.  The fallback covers a
        # Python that does not have it, or has it differently.
        import _ctypes

        call = _ctypes.call_function  # type: ignore[attr-defined,unused-ignore]
        itself = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
        address = _ctypes.dlsym(itself, "prctl")
        return bool(call(address, (option, value, 0, 0, 0)) == 0)
    except (ImportError, AttributeError, OSError):
        pass
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, AttributeError, OSError):
        return False


def _checked(
    argv: "Sequence[str]", env: "Mapping[str, str]", cwd: str, remove: str
) -> Order:
    if not argv or not argv[0]:
        raise ValueError("nothing to run: the kernel's command is empty")
    if remove and not remove.startswith("/"):
        raise ValueError(f"the path to remove must be absolute, not {remove!r}")
    order = Order(
        [os.fsencode(word) for word in argv],
        {os.fsencode(name): os.fsencode(env[name]) for name in env},
        os.fsencode(cwd),
        os.fsencode(remove),
        # Said, not left to inheritance: Twisted resets what it spawns.
        _listed(_ignored_now() if _ignored is None else _ignored)
        + b"/"
        + _listed(_blocked),
    )
    for text in (*order.argv, *order.env, *order.env.values(), order.cwd, order.remove):
        if b"\0" in text:
            raise ValueError(f"a NUL byte in {os.fsdecode(text)!r}")
    for name in order.env:
        if b"=" in name:
            raise ValueError(f"not a variable name: {os.fsdecode(name)!r}")
    # It can be inherited, but not passed on by exec.
    order.env.pop(b"", None)
    return order


def _listed(numbers: frozenset[int]) -> bytes:
    return b",".join([b"%d" % number for number in sorted(numbers)])


def _decoded(payload: bytes) -> Order | None:
    """Take an order apart; None when it is not one."""
    fields = payload.split(b"\0")
    if len(fields) < 6 or fields.pop() or not fields[3].isdigit():
        return None
    cwd, remove, signals, count = *fields[:3], int(fields[3])
    if (
        not signals.replace(b",", b"").replace(b"/", b"", 1).isdigit()
        and signals != b"/"
    ):
        return None
    argv, variables = fields[4 : 4 + count], fields[4 + count :]
    if len(argv) != count or not argv:
        return None
    env = {}
    for variable in variables:
        name, equals, value = variable.partition(b"=")
        if not name or not equals:
            return None
        env[name] = value
    return Order(argv, env, cwd, remove, signals)


def _complain(sentence: str) -> None:
    try:
        os.write(2, f"ipr guardian: {sentence}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _last_words(error: BaseException) -> None:
    """One line for a fault of our own: the kernel dies with us (PDEATHSIG)."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        line, trace = trace.tb_lineno, trace.tb_next
    _complain(f"fault in line {line}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
