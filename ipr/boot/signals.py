"""Signals that the daemon passes on to the inner kernel, from its first moments on.

Knows which they are. Must not know how they are passed on. A kernel by itself
would run its handler, or die of it; the daemon must do neither: SIGUSR1 from
``scancel --signal`` or ``KernelManager.signal_kernel`` is meant for the kernel.
"""

from __future__ import annotations

# Not typing's: nothing here may cost time before the first kernel starts.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType
else:
    try:
        # The C half of "signal": the other half is enums, 6 ms of them.
        import _signal as signal
    except ImportError:
        import signal

#: Not caught. Of the first two nobody can; SIGCHLD is the reactor's; the next two
#: end the daemon in order, as a shutdown does; a program that caught the stop for
#: writing to its terminal would write again, and again; the others are faults of
#: our own.
OURS = frozenset(
    number
    for name in (
        *("SIGKILL", "SIGSTOP", "SIGCHLD", "SIGTERM", "SIGHUP", "SIGTTIN", "SIGTTOU"),
        *("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS"),
        "SIGEMT",
    )
    if (number := getattr(signal, name, None)) is not None
)

#: Those that came before there was anybody to pass them on to.
early: list[int] = []

_take: Callable[[int], object] = early.append


def _caught(number: int, _frame: FrameType | None) -> None:
    _take(number)


def catch() -> None:
    """Catch all that is to be passed on, and SIGINT; they are kept in :data:`early`.

    What our parent has ignored stays ignored, in the kernel as well; and what
    Python ignores in itself (SIGPIPE, SIGXFSZ).
    """
    for number in signal.valid_signals() - OURS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _caught)


def caught() -> list[int]:
    """Return the signals that :func:`catch` caught."""
    return [n for n in signal.valid_signals() if signal.getsignal(n) is _caught]


def pass_on(take: Callable[[int], object]) -> None:
    """Have ``take`` called with each signal from now on, in the signal handler."""
    global _take
    _take = take
