"""Completion in a shell, by argcomplete where that is installed.

Knows how argcomplete asks, and that options of another command may follow ``--``. Must
not know which words there are: a command line's own parser says that.

argcomplete runs the command itself, with what is typed in the environment:
https://kislyuk.github.io/argcomplete/
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, MutableMapping

_BETWEEN = " -- "


def completed_by(
    action: argparse.Action, words: Callable[[], Iterable[str]]
) -> argparse.Action:
    """Have an argument's values completed.

    :param words: asked when somebody completes one.
    """

    def completer(**_: object) -> list[str]:
        try:
            return sorted(words())
        except Exception:
            # Half a command line is no place for a complaint.
            return []

    vars(action)["completer"] = completer
    return action


def offer(
    parser: argparse.ArgumentParser,
    after: Callable[[], argparse.ArgumentParser] | None = None,
    environ: MutableMapping[str, str] = os.environ,
) -> None:
    """Answer, and end, if a shell asks for completions; otherwise do nothing.

    :param after: makes the parser of what follows ``--``.
    """
    if "_ARGCOMPLETE" not in environ:
        return
    try:
        import argcomplete
    except ImportError:
        # The shell has it from another environment.
        os._exit(1)
    if after is not None and _begin_after(environ):
        parser = after()
    argcomplete.autocomplete(parser)


def _begin_after(environ: MutableMapping[str, str]) -> bool:
    """Make what follows ``--`` the whole line, if it is there that a word is typed."""
    # By characters, as ${#COMP_LINE} counts them (bash(1)).
    typed = environ["COMP_LINE"][: int(environ["COMP_POINT"])]
    before, dashes, rest = typed.partition(_BETWEEN)
    if not dashes:
        return False
    line = f"{before.split()[-1] if before else ''} {rest}"
    environ["COMP_LINE"] = line
    environ["COMP_POINT"] = str(len(line))
    return True
