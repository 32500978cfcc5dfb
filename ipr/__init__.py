"""Restart a Jupyter kernel in place, behind the connections of its clients.

In a kernel with ipr, :func:`restart` restarts that kernel.
"""

from __future__ import annotations

__version__ = "0.2.0"

# Not typing's: each start of a kernel imports this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class NotRestarted(RuntimeError):
    """A restart was refused; the text says why."""


class NotInKernel(NotRestarted):
    """There is no daemon: this code does not run in a kernel with ipr."""


def restart(
    *,
    now: bool = False,
    env: Mapping[str, str] | None = None,
    unset: Iterable[str] = (),
    env_file: str = "",
    cwd: str = "",
    modules: Iterable[str] = (),
    kernel: str = "",
    reset: bool = False,
    keep_detached: bool = False,
    run: str = "",
    replay: str | int | bool = False,
) -> None:
    """Restart the kernel that this code runs in, in place.

    That is when the cells that were sent up to now have finished; the parameters are
    the options of ``%restart``. A path is looked for from the working directory.

    :param now: do not wait: this call does not return, and its cell ends.
    :param replay: run the cells again that have succeeded since the kernel started:
        True, a number for the last ones only, or ``"all"``.
    :raises NotInKernel: this code does not run in a kernel with ipr.
    :raises NotRestarted: an option is invalid; nothing is restarted.
    """
    from ipr.terminal import fromcode

    fromcode.restart(
        now=now,
        env=env,
        unset=unset,
        env_file=env_file,
        cwd=cwd,
        modules=modules,
        kernel=kernel,
        reset=reset,
        keep_detached=keep_detached,
        run=run,
        replay=replay,
    )
