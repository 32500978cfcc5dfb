"""Which modules are pure, as the rooms themselves say.

A room's ``__init__`` has a line ``Pure: a, b.``, or says ``Pure, the whole room``.
``python -m tests.pure`` prints the files, as ``coverage --include`` takes them.
"""

from __future__ import annotations

import ast
import pathlib
import re

PACKAGE = pathlib.Path(__file__).parent.parent / "ipr"


def pure() -> list[str]:
    """Return the modules, each as ``room.module``."""
    found = []
    for init in sorted(PACKAGE.glob("*/__init__.py")):
        room = init.parent.name
        said = ast.get_docstring(ast.parse(init.read_text("utf-8"))) or ""
        named = re.search(r"^Pure: ([a-z_,\s]+)\.$", said, re.MULTILINE)
        if named is not None:
            found += [f"{room}.{name}" for name in re.split(r",\s*", named[1])]
        elif re.search(r"^Pure, the whole room", said, re.MULTILINE):
            modules = sorted(path.stem for path in init.parent.glob("[!_]*.py"))
            found += [f"{room}.{name}" for name in modules]
    return found


if __name__ == "__main__":
    print(",".join(f"ipr/{name.replace('.', '/')}.py" for name in pure()))
