"""The rooms of the design, held by walking the syntax trees.

Imports go downwards only. A module that stands in no room fails here: say
where it belongs.
"""

from __future__ import annotations

import ast
import functools
import os
import subprocess
import sys
from collections.abc import Iterator

import attrs

import ipr
from tests.case import Case

FOLDER = os.path.dirname(os.path.abspath(ipr.__file__))
ROOT = os.path.dirname(FOLDER)

# From the top down. Within a room imports may go anywhere but round.
ROOMS: dict[str, tuple[str, ...]] = {
    "entry": ("__main__", "byhand", "ownfile", "tap", "spec_cli", "wizard", "check"),
    "compose": ("service", "specplan", "specfolders", "kernelspec", "speccopy"),
    "shell": (
        "cells",
        "commands",
        "completion",
        "conversation",
        "errands",
        "gate",
        "greetings",
        "hearing",
        "inbound",
        "ports",
        "questions",
        "readiness",
        "relay",
        "restarter",
        "restarts",
        "timer",
        "trace",
        "underway",
        "voice",
    ),
    "sides": (
        "envmodules",
        "generation",
        "front",
        "inner",
        "listeners",
        "surroundings",
    ),
    "edges": (
        "allocation",
        "apart",
        "asking",
        "channels",
        "listeners",
        "upkeep",
        "clock",
        "envfile",
        "memory",
        "notebooklog",
        "process",
        "startable",
        "watch",
    ),
    # Needed before the first inner kernel is spawned.
    "early": (
        "argv",
        "connection",
        "early",
        "guardian",
        "launch",
        "options",
        "plainfile",
        "private",
        "signals",
        "spare",
    ),
    "pure": (
        "answers",
        "author",
        "causes",
        "farside",
        "jsontext",
        "ledger",
        "machine",
        "magichelp",
        "magics",
        "messages",
        "obituary",
        "request",
        "status",
        "subshells",
        "turns",
        "turntable",
        "wire",
    ),
}
#: What a guardian imports that is started without the package around it.
ALONE = {"private"}
ORDER = list(ROOMS)
ROOM_OF = {module: room for room, modules in ROOMS.items() for module in modules}

#: Of what is neither ours nor Python's own, what a room may import.
FOREIGN: dict[str, set[str]] = {
    "entry": {"attrs", "twisted", "jupyter_core", "jupyter_client", "prompt_toolkit"},
    "compose": {"attrs", "twisted", "zmq", "jupyter_core", "jupyter_client"},
    "shell": {"attrs", "twisted"},
    "sides": {"attrs", "twisted", "zmq"},
    "edges": {"attrs", "twisted", "zmq", "txzmq", "zope", "constantly", "dotenv"},
    "early": {"jupyter_core", "zmq"},
    "pure": {"attrs"},
}

#: Only these know ZeroMQ; txZMQ, which installs a reactor, only the first; and
#: the last only to make a pair of keys, where a kernel wants one.
ZEROMQ = {
    "channels": {"zmq", "txzmq"},
    "front": {"zmq"},
    "inner": {"zmq"},
    "service": {"zmq"},
    "connection": {"zmq"},
}

#: Python's own that a pure module may import: what neither opens a file, a
#: socket or a process, nor asks a clock.
PURE_STDLIB = {
    "__future__",
    "collections",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "html",
    "itertools",
    "json",
    "operator",
    "os",
    "re",
    "shlex",
    "signal",
    "textwrap",
    "typing",
}

#: What a pure module may use of these two, where it may import them.
PURE_ATTRIBUTES = {
    "os": {
        "WIFSIGNALED",
        "WTERMSIG",
        "waitstatus_to_exitcode",
        "path",
        "path.basename",
    },
    "signal": {"SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "Signals", "strsignal"},
}
#: Whatever follows these is a piece of text or a number.
UNDER = ("Signals(",)

MAY_USE_THE_REACTOR = {"__main__", "byhand", "tap"}


@attrs.frozen
class Import:
    """One import: of a module, and perhaps of names in it."""

    line: int
    module: str
    names: tuple[str, ...]

    @property
    def top(self) -> str:
        """The package."""
        return self.module.partition(".")[0]


@functools.cache
def tree_of(module: str) -> ast.Module:
    with open(os.path.join(FOLDER, f"{module}.py"), encoding="utf-8") as file:
        return ast.parse(file.read())


def imports(tree: ast.AST) -> Iterator[Import]:
    """Give every import, those inside functions too, but none for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from imports(ast.Module([other], []))
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, ())
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"relative: {ast.dump(node)}"
            assert node.module is not None
            names = tuple(alias.name for alias in node.names)
            yield Import(node.lineno, node.module, names)
        yield from imports(node)


def modules() -> list[str]:
    return sorted(
        name.removesuffix(".py")
        for name in os.listdir(FOLDER)
        if name.endswith(".py") and name != "__init__.py"
    )


def ours(found: Import) -> list[str]:
    """Give the modules of ours that an import names."""
    if found.module in ALONE:
        return [found.module]
    if found.top != "ipr":
        return []
    if found.module != "ipr":
        return [found.module.partition(".")[2]]
    return [name for name in found.names if name in ROOM_OF]


@functools.cache
def all_imports() -> dict[str, list[Import]]:
    return {name: list(imports(tree_of(name))) for name in modules()}


class ImportsTests(Case):
    def setUp(self) -> None:
        self.imports = all_imports()

    def test_every_module_has_a_room(self) -> None:
        """And no room has a module that is not there."""
        self.assertEqual(
            [name for name in modules() if name not in ROOM_OF],
            [],
            "say in ROOMS where it belongs",
        )
        self.assertEqual(set(ROOM_OF) - set(modules()), set())

    def test_downwards_only(self) -> None:
        """A module imports from its own room and those below it."""
        wrong = [
            f"{name}.py:{found.line} imports {target}"
            for name, all_of_it in self.imports.items()
            for found in all_of_it
            for target in ours(found)
            if ORDER.index(ROOM_OF[target]) < ORDER.index(ROOM_OF[name])
        ]
        self.assertEqual(wrong, [])

    def test_pure_is_below_everything(self) -> None:
        """Pure rooms know no early ones, and early ones nothing pure.

        The early ones must not import attrs, which all the pure ones do.
        """
        wrong = [
            f"{name}.py:{found.line} imports {target}"
            for name, all_of_it in self.imports.items()
            for found in all_of_it
            for target in ours(found)
            if {ROOM_OF[name], ROOM_OF[target]} == {"pure", "early"}
        ]
        self.assertEqual(wrong, [])

    def test_not_round(self) -> None:
        """No module needs itself, by whatever way."""
        needs = {
            name: {target for found in all_of_it for target in ours(found)}
            for name, all_of_it in self.imports.items()
        }
        done: set[str] = set()
        while len(done) < len(needs):
            free = {n for n, targets in needs.items() if targets - {n} <= done} - done
            self.assertTrue(free, f"round: {sorted(set(needs) - done)}")
            done |= free

    def test_foreign(self) -> None:
        """Each room imports of others' packages only what it may."""
        wrong = [
            f"{name}.py:{found.line} imports {found.module}"
            for name, all_of_it in self.imports.items()
            for found in all_of_it
            if found.top != "ipr"
            and not ours(found)
            and found.top not in sys.stdlib_module_names
            and found.top not in FOREIGN[ROOM_OF[name]]
        ]
        self.assertEqual(wrong, [])

    def test_zeromq(self) -> None:
        """Sockets are the business of a few modules."""
        knowing = {
            name: {found.top for found in all_of_it} & {"zmq", "txzmq"}
            for name, all_of_it in self.imports.items()
        }
        self.assertEqual({k: v for k, v in knowing.items() if v}, ZEROMQ)

    def test_no_global_reactor(self) -> None:
        """The reactor is handed in; only an entry imports it, and late."""
        wrong = [
            f"{name}.py:{found.line}"
            for name, all_of_it in self.imports.items()
            for found in all_of_it
            if found.module == "twisted.internet.reactor"
            or (found.module == "twisted.internet" and "reactor" in found.names)
            if name not in MAY_USE_THE_REACTOR
        ]
        self.assertEqual(wrong, [])
        for name in MAY_USE_THE_REACTOR:
            outermost = [
                names
                for node in tree_of(name).body
                if isinstance(node, ast.ImportFrom)
                for names in [alias.name for alias in node.names]
            ]
            self.assertFalse("reactor" in outermost, name)

    def test_pure_opens_nothing(self) -> None:
        """Pure modules import only what asks no clock and opens nothing."""
        wrong = [
            f"{name}.py:{found.line} imports {found.module}"
            for name in ROOMS["pure"]
            for found in self.imports[name]
            if found.top in sys.stdlib_module_names and found.top not in PURE_STDLIB
        ]
        self.assertEqual(wrong, [])

    def test_pure_uses_nothing_of_the_system(self) -> None:
        """Of os and signal a pure module takes names of numbers, and no deeds."""
        wrong = []
        for name in ROOMS["pure"]:
            for node in ast.walk(tree_of(name)):
                if isinstance(node, ast.Attribute):
                    package, _, used = ast.unparse(node).partition(".")
                    allowed = PURE_ATTRIBUTES.get(package)
                    if allowed is not None and not (
                        used in allowed or used.startswith(UNDER)
                    ):
                        wrong.append(f"{name}.py:{node.lineno} {package}.{used}")
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ("open", "print", "input", "exec", "eval")
                ):
                    wrong.append(f"{name}.py:{node.lineno} {node.func.id}()")
        self.assertEqual(wrong, [])

    def test_no_print(self) -> None:
        """Library code does not print; command lines do."""
        wrong = [
            f"{name}.py:{node.lineno}"
            for name in modules()
            if ROOM_OF.get(name) != "entry"
            for node in ast.walk(tree_of(name))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
        self.assertEqual(wrong, [])

    def test_plugin(self) -> None:
        """The plugin file imports nothing of ours: twistd reads it for every run."""
        path = os.path.join(ROOT, "twisted", "plugins", "ipr_plugin.py")
        with open(path, encoding="utf-8") as file:
            found = list(imports(ast.parse(file.read())))
        self.assertEqual(
            [found_import.module for found_import in found],
            ["twisted.application.service"],
        )


class LoadedTests(Case):
    """What is in memory after an import; in a process of its own."""

    def loaded(self, statement: str) -> set[str]:
        code = f"{statement}\nimport sys\nprint(*sys.modules)"
        environment = {**os.environ, "PYTHONPATH": ROOT}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env=environment,
            timeout=30,
        )
        return set(done.stdout.decode().split())

    def test_early(self) -> None:
        """All of the early rooms together load nothing heavy."""
        found = self.loaded(f"from ipr import {', '.join(ROOMS['early'])}")
        tops = {name.partition(".")[0] for name in found}
        heavy = {"attr", "attrs", "twisted", "zmq", "txzmq", "jupyter_core", "asyncio"}
        heavy |= {"typing", "json", "re", "enum", "collections", "contextlib"}
        self.assertEqual(tops & heavy, set())

    def test_left_for_later(self) -> None:
        """What Twisted only passes on is not loaded before somebody uses it."""
        code = (
            "from ipr.__main__ import _leave_for_later\n"
            "_leave_for_later('http.cookiejar')\n"
            "import twisted.internet.reactor"
        )
        self.assertEqual(self.loaded(code) & {"http.client", "urllib.request"}, set())
        used = f"{code}\nfrom http.cookiejar import CookieJar\nCookieJar()"
        self.assertTrue("urllib.request" in self.loaded(used))

    def test_main(self) -> None:
        """Importing the entry loads nothing but Python's own."""
        found = self.loaded("import ipr.__main__")
        self.assertEqual(
            {name for name in found if name.startswith("ipr")}, {"ipr", "ipr.__main__"}
        )
