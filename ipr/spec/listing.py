"""``ipr-spec list``: the kernelspecs by state, as text or as JSON.

Knows headings and marks, and what the terminal can show. Must not know how a state
comes about.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from ipr.spec import copies, folders, states
from ipr.spec.parser import target_of
from ipr.spec.states import Standing

_GROUPS = (
    (
        states.INSTALLED,
        "In place restarting installed on:",
        "✓",
        "Use: ipr-spec remove [name …] to remove",
    ),
    (
        states.INSIDE,
        "In place restarting installed on the far side of:",
        "✓",
        "Use: ipr-spec remove [name …] to remove",
    ),
    (
        states.EARLIER,
        "Patched by the earlier package inplace_restarter:",
        "-",
        "Use: ipr-spec install [name …] to upgrade",
    ),
    (
        states.INSTALLABLE,
        "In place restarting installable on:",
        "-",
        "Use: ipr-spec install [name …] to install",
    ),
    (states.IMPOSSIBLE, "Cannot be installed on:", "✘", ""),
)
_ASCII = {"✓": "+", "✘": "x", "…": "..."}


def shown(text: str) -> str:
    """Return *text* as the terminal can show it."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        for fine, plain in _ASCII.items():
            text = text.replace(fine, plain)
    return text


def run(args: argparse.Namespace) -> int:
    """List the kernelspecs.

    :returns: the exit code.
    """
    target = target_of(args)
    dirs = folders.kernel_dirs() if target is None else [target]
    survey = states.survey(dirs)
    if args.json:
        kernels = [_as_json(standing) for standing in survey]
        print(json.dumps({"kernels": kernels}, indent=1))
        return 0
    blocks = []
    for state, heading, mark, use in _GROUPS:
        group = [standing for standing in survey if standing.state == state]
        if group:
            blocks.append(_block(group, heading, mark, use, args.long))
    if not blocks:
        blocks.append(nothing_found(dirs))
    print(shown("\n\n".join(blocks)))
    return 0


def nothing_found(dirs: Sequence[str]) -> str:
    """Return the text for where there is no kernelspec at all."""
    return "No kernelspecs found. Looked in:\n" + "\n".join(f"  {d}" for d in dirs)


def _block(
    group: Sequence[Standing], heading: str, mark: str, use: str, long: bool
) -> str:
    rows = []
    for standing in group:
        found = standing.found
        row = [repr(found.name)]
        if long:
            row += [str(found.spec.get("display_name") or "-"), found.folder]
            # Whoever wrote them may not be whoever looks: a terminal obeys some signs.
            row = ["".join(filter(str.isprintable, cell)) for cell in row]
        rows.append([*row, standing.detail])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [heading]
    for standing, row in zip(group, rows, strict=True):
        shown_mark = "✘" if standing.broken else mark
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(f"  {shown_mark} {'   '.join(cells)}".rstrip())
    if use:
        lines += ["", use]
    return "\n".join(lines)


def _as_json(standing: Standing) -> dict[str, object]:
    found, wrapped = standing.found, standing.wrapping
    return {
        "name": found.name,
        "state": standing.state,
        "detail": standing.detail,
        "folder": found.folder,
        "display_name": found.spec.get("display_name"),
        "language": found.spec.get("language"),
        "python": None if wrapped is None else wrapped.python,
        "options": None if wrapped is None else list(wrapped.options),
        "copy_of": copies.copied_from(found.folder),
    }
