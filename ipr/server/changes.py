"""What a restart changes: whether it can be done in place, and what is told.

Knows which of a launch's arguments the daemon can take over, and which start another
process. Must not know how they are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

#: What jupyter_client sets for each process, or takes out.
NOT_PASSED_ON = frozenset({"JPY_PARENT_PID", "PYTHONEXECUTABLE"})


@attrs.frozen
class Launched:
    """What a kernel was launched with.

    :ivar command: after jupyter_client has filled it in.
    :ivar others: the arguments for Popen other than ``env`` and ``cwd``.
    :ivar connection: the connection info, ports and key included.
    :ivar env: the whole environment, as it was before the launch changed it.
    :ivar cwd: the folder, absolute.
    """

    command: tuple[str, ...]
    others: Mapping[str, object]
    connection: Mapping[str, object]
    env: Mapping[str, str]
    cwd: str

    def same_process(self, other: Launched) -> bool:
        """Whether nothing differs but what a running daemon can take over."""
        return (
            self.command == other.command
            and self.others == other.others
            and self.connection == other.connection
        )


def launched(
    command: Sequence[str],
    arguments: Mapping[str, object],
    connection: Mapping[str, object],
    here: str,
) -> Launched:
    """Note what a kernel is launched with.

    :param arguments: those of ``launch_kernel``.
    :param here: the folder in which a process starts if none is said.
    """
    others = {key: value for key, value in arguments.items() if key != "env"}
    env = arguments.get("env")
    cwd = others.pop("cwd", None)
    return Launched(
        tuple(command),
        others,
        dict(connection),
        dict(env) if isinstance(env, Mapping) else {},
        str(cwd or here),
    )


def in_folder(launched: Launched, cwd: str) -> Launched:
    """Return the same launch in another folder."""
    return attrs.evolve(launched, cwd=cwd)


def of_environment(
    before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, str | None]:
    """Return what differs: the new values, None for a variable that is gone.

    Only that is told, since the far side of a launcher has an environment of its own.
    What is not text cannot be told, and is left out.
    """
    changed: dict[str, str | None] = {
        name: value for name, value in after.items() if before.get(name) != value
    }
    changed.update({name: None for name in before if name not in after})
    return {
        name: value
        for name, value in sorted(changed.items())
        if name not in NOT_PASSED_ON and _is_text(name) and _is_text(value or "")
    }


def _is_text(value: str) -> bool:
    # os.environ has bytes that are not UTF-8 as lone surrogates.
    return not any("\ud800" <= char <= "\udfff" for char in value)
