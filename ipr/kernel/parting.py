"""Whether a kernel that has closed its sockets may end beside the next one.

Knows what of a kernel another one may need, or may see half done. Must not know when
that is asked. What is left of an interpreter then only tidies up: it has run its exit
handlers, but what it has not written yet of its open files it writes at its very end.
So nothing of this is ever cut short; a kernel that holds something is waited for.

It looks at procfs, and in a thread: devices are asked there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import attrs

from ipr.kernel import apart, holdings, memory, tree
from ipr.kernel.process import InnerProcess
from ipr.kernel.reactor import Threads

#: Seconds that a look at what a kernel holds may take.
LOOK_TIME = 1.0

#: Bits of the flags of open(2) that say how a file was opened.
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR


@attrs.frozen
class Own:
    """What a kernel had when it was ready, before any cell.

    :ivar sockets: their inodes.
    :ivar written: files that it had open for writing: its history, a log.
    """

    sockets: frozenset[int] = frozenset()
    written: frozenset[str] = frozenset()


class Parting:
    """Looks at one kernel, when it is ready and when it parts.

    :param visible: whether the kernel is surely a process of ours, and not one that
        a launcher has started elsewhere.
    """

    def __init__(
        self, reactor: Threads, process: InnerProcess, *, visible: bool
    ) -> None:
        self._reactor = reactor
        self._process = process
        self._visible = visible
        self._own = Own()

    def settle(self) -> None:
        """Note what it has that is ready; it takes less than a millisecond."""
        if self._visible:
            self._own = own(self._process.pid)

    def look(self, done: Callable[[str], None]) -> None:
        """Call ``done`` with what the next kernel should not meet; ``""``: nothing."""
        if not self._visible:
            done("its processes cannot be seen from here")
            return
        look = partial(in_the_way, self._process.pid, self._own)
        looking = apart.run(self._reactor, LOOK_TIME, look)
        looking.addErrback(lambda why: f"it cannot be looked at ({why.value})")
        looking.addCallback(done)


def own(pid: int) -> Own:
    """Look at what a kernel has."""
    return Own(holdings.sockets(pid), frozenset(_written(pid)))


def in_the_way(pid: int, own: Own) -> str:
    """Return what of a kernel the next one should not meet; ``""``: nothing.

    :param own: of the same kernel.
    """
    if tree.is_zombie(pid):
        return "it has ended, and its guardian is about to say so"
    others = [other for other in tree.of(pid) if other != pid]
    if not all(map(tree.is_zombie, others)):
        return "processes that it has started"
    held = holdings.held([pid], own.sockets)
    if held:
        return held[0]
    for name in _written(pid):
        if name not in own.written:
            return f"{name}, which is open for writing"
    return _much_memory(pid)


def _much_memory(pid: int) -> str:
    """Name the memory that it has, if that is too much beside the next kernel's."""
    job = memory.job()
    left = [memory.available()]
    if job is not None and job.limit is not None:
        left.append(job.limit - job.used)
    free = min((each for each in left if each is not None), default=0)
    resident, _ = memory.resident(pid)
    return f"{resident >> 20} MiB of memory" if resident > free / 2 else ""


def _written(pid: int) -> Iterator[str]:
    """Return the files that a process has open for writing.

    A descriptor that cannot be looked at is named by its number.
    """
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)
    except OSError:
        yield "a file"
        return
    for descriptor in descriptors:
        try:
            target = os.readlink(f"{folder}/{descriptor}")
            if target.startswith("/") and _may_write(pid, descriptor):
                yield target
        except FileNotFoundError:
            continue  # closed meanwhile
        except OSError:
            yield f"descriptor {descriptor}"


def _may_write(pid: int, descriptor: str) -> bool:
    with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as file:
        for line in file:
            if line.startswith("flags:"):
                return int(line.split()[1], 8) & _ACCESS != os.O_RDONLY
    return True
