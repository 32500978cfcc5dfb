"""The words after ``%restart``: switches, and options with their values.

Knows their names, and how many values each has. Must not know what they are for.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipr.jupyter.howmany import HowMany, how_many


class Wrong(ValueError):
    """A line of ours is wrong; the text says how."""


def options(words: list[str]) -> tuple[set[str], dict[str, list[str]]]:
    """Part the words into switches, and options with their values.

    :raises Wrong: one is unknown, or has too few values or too many.
    """
    switches: set[str] = set()
    found: dict[str, list[str]] = {}
    option = ""
    for word in words:
        if word in ("now", "--now") and option not in _ONE:
            switches.add("now")
            option = ""
        elif word in _SWITCHES:
            switches.add(word)
            option = ""
        elif word.startswith("--"):
            option, equals, value = word.partition("=")
            if option not in _KNOWN:
                raise Wrong(f"unknown option {word!r}")
            found.setdefault(option, [])
            if equals:
                found[option].append(value)
                option = ""
        elif option:
            found[option].append(word)
            if option in _ONE or option in _ONE_OR_NONE:
                option = ""
        else:
            raise Wrong(f"unknown argument {word!r}")
    for name, values in found.items():
        _check(name, values)
    return switches, found


def pair(text: str) -> tuple[str, str]:
    """Read the value of ``--env``.

    :raises Wrong: it is none.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise Wrong(f"--env needs NAME=VALUE, not {text!r}")
    return name, value


def replay(values: Mapping[str, list[str]]) -> HowMany | None:
    """Read the value of ``--replay``; None: it is not wanted.

    :raises Wrong: it is none.
    """
    words = values.get("--replay")
    if words is None:
        return None
    try:
        return how_many(words)
    except ValueError as error:
        raise Wrong(f"--replay: {error}") from None


def _check(name: str, values: list[str]) -> None:
    if name in _ONE_OR_NONE and len(values) < 2:
        return
    if not all(values) or not values or (name not in _MORE and len(values) > 1):
        wanted = "a value" if name in _MORE else "one value"
        raise Wrong(f"{name} needs {wanted}")


_SWITCHES = frozenset({"--reset", "--keep-detached"})
_ONE = frozenset({"--env-file", "--cwd", "--kernel", "--run"})
_ONE_OR_NONE = frozenset({"--replay"})
_MORE = frozenset({"--env", "--unset", "--module"})
_KNOWN = _ONE | _ONE_OR_NONE | _MORE
