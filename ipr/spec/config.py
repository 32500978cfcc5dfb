"""``ipr-spec config``: which options hold for a daemon, and where each comes from.

Knows the order of precedence: kernel.json, then the files ``ipr.toml``, then the
built-in values. Must not know what an option does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

import attrs

from ipr import __version__
from ipr.boot import options, settings
from ipr.spec import folders
from ipr.spec.errors import SpecError
from ipr.spec.wrapping import Wrapping, wrapping_of

BUILT_IN = "built in"


@attrs.frozen
class Row:
    """One option.

    :ivar origin: in words, or a file and line.
    """

    name: str
    value: object
    origin: str


def run(args: argparse.Namespace) -> int:
    """Show the options that hold for a kernelspec, or for every one.

    :returns: the exit code: 1 when a file is wrong somewhere.
    :raises SpecError: ipr is not on that kernelspec.
    """
    words: Sequence[str] = ()
    path, prefix = "", sys.prefix
    if args.name:
        found = folders.find(args.name, folders.kernel_dirs())
        wrapped = _wrapping(found)
        words, path = wrapped.options, found.path
        prefix = os.path.dirname(os.path.dirname(wrapped.python)) or prefix
    files = settings.read(os.environ, prefix)
    rows = _rows(words, path, files)
    looked = [
        os.path.join(f, settings.NAME) for f in settings.folders(os.environ, prefix)
    ]
    if args.json:
        print(json.dumps(_as_json(rows, looked, files.told), indent=1))
    else:
        print(_as_text(rows, looked))
    for sentence in () if args.json else files.told:
        print(f"ipr-spec config: {sentence}", file=sys.stderr)
    return 1 if files.told else 0


def _wrapping(found: folders.Kernelspec) -> Wrapping:
    wrapped = wrapping_of(found.spec)
    if wrapped is None:
        raise SpecError(
            f"{found.name}: ipr is not installed on it; ipr-spec config without a name"
            " shows what holds everywhere"
        )
    return wrapped


def _rows(words: Sequence[str], path: str, files: settings.Settings) -> list[Row]:
    marks: dict[str, object] = {
        option.key: _Unset() for option in options.OPTIONS if option.metavar
    }
    written = vars(options.parser(__version__, marks).parse_args(list(words)))
    older = written.get("RestarterApp_log_level")
    if not isinstance(older, _Unset):
        written["log_level"] = older
    rows = []
    for option in options.OPTIONS:
        if option.name in settings.OF_ONE_KERNEL:
            continue
        given = written[option.key]
        if not isinstance(given, _Unset) and (option.metavar or given):
            rows.append(Row(option.name, given, path))
        elif option.key in files.values:
            value = files.values[option.key]
            rows.append(Row(option.name, value, files.origins[option.key]))
        else:
            rows.append(Row(option.name, option.default, BUILT_IN))
    return rows


class _Unset:
    """In place of an option that a command line does not have."""


def _as_text(rows: Sequence[Row], looked: Sequence[str]) -> str:
    cells = [(row.name, _shown(row.value), row.origin) for row in rows]
    names, values = (max(len(cell[at]) for cell in cells) for at in (0, 1))
    lines = [f"{n.ljust(names)}  {v.ljust(values)}  {o}" for n, v, o in cells]
    lines += ["", "Files, the first one that has an option wins:"]
    lines += [
        f"  {path}{'' if os.path.exists(path) else '  (not there)'}" for path in looked
    ]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(_shown, value)) or "-"
    if value == -1.0:
        # --start-timeout, where the command decides.
        return "auto"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value) or "-"


def _as_json(
    rows: Sequence[Row], looked: Sequence[str], told: Sequence[str]
) -> dict[str, object]:
    shown = {row.name: {"value": row.value, "from": row.origin} for row in rows}
    return {"options": shown, "files": list(looked), "problems": list(told)}
