"""The rooms of the house, held by walking the syntax trees.

A room is a folder of the package. Imports go down only: from a room into itself or
into those below it. What a room may know of others' packages stands here; which of
its modules are pure stands in the room's own ``__init__``, in a line ``Pure: a, b.``
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import attrs

import ipr
from tests.case import Case
from tests.pure import pure

FOLDER = os.path.dirname(os.path.abspath(ipr.__file__))
ROOT = os.path.dirname(FOLDER)

#: The rooms from the top down; those of one row do not know each other.
ORDER: tuple[tuple[str, ...], ...] = (
    # What Python starts, and what the Jupyter server loads.
    ("__main__", "provisioner"),
    ("daemon", "server"),
    ("relay",),
    ("lifecycle",),
    ("kernel",),
    # terminal: it asks whose port it is.
    ("spec", "terminal"),
    ("sockets",),
    # boot: before attrs and Twisted are imported, so that it knows no pure room.
    ("boot", "jupyter"),
)

#: The modules that lie in no folder: others find them by these names.
ENTRIES = ORDER[0]

#: Of what is neither ours nor Python's own, what a room may import.
FOREIGN: dict[str, set[str]] = {
    "__main__": {"twisted"},
    "provisioner": {"jupyter_client"},
    "server": {"attrs", "jupyter_client", "zmq"},
    "daemon": {"attrs", "constantly", "jupyter_core", "twisted", "zope"},
    "relay": {"attrs", "twisted"},
    "lifecycle": {"attrs", "twisted"},
    "kernel": {"attrs", "twisted", "zope", "constantly"},
    "sockets": {"attrs", "twisted", "zmq", "txzmq", "zope"},
    "terminal": {"attrs", "jupyter_core", "zmq"},
    "spec": {"attrs", "jupyter_core", "jupyter_client", "prompt_toolkit"},
    # Late, where a kernel's name is looked up.
    "boot": {"jupyter_core"},
    "jupyter": {"attrs"},
}

#: Modules that may import what their room may not, and what for.
ALSO: dict[str, set[str]] = {
    # It says which front address is taken.
    "daemon.parts": {"zmq"},
    # It names the versions of pyzmq and libzmq.
    "daemon.report": {"zmq"},
    # A pair of keys, where a kernel declares CurveZMQ.
    "boot.connection": {"zmq"},
    # Its own view of which extensions are enabled.
    "spec.extension": {"jupyter_server"},
    # Only when a shell asks for completions.
    "boot.completing": {"argcomplete"},
    # Its neighbour, where it runs alone.
    "boot.guardian": {"private"},
    # A file in that format; imported only when there is one.
    "kernel.envfile": {"dotenv"},
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

#: Attributes of a class, lines of a function, lines of a module.
MOST_ATTRIBUTES, MOST_IN_FUNCTION, MOST_IN_MODULE = 10, 50, 299
#: It says itself why.
ONE_FILE = {"boot.guardian"}

#: Modules whose tests are not in a file of their name, and where they are; None: only
#: names and types, for mypy.
TESTED_IN: dict[str, str | None] = {
    "boot.completing": "spec/test_completing.py",
    "daemon.inside": "daemon/test_commands.py",
    "daemon.ports": None,
    "jupyter.optionwords": "jupyter/test_magics.py",
    "jupyter.remote": "relay/test_remote.py",
    "kernel.reactor": None,
    "kernel.startable": "kernel/test_surroundings.py",
    "kernel.tree": "kernel/test_holdings.py",
    "lifecycle.effects": None,
    "lifecycle.endings": "lifecycle/test_transitions.py",
    "lifecycle.events": None,
    "lifecycle.performing": "lifecycle/test_restarter.py",
    "lifecycle.ports": None,
    "lifecycle.retired": "lifecycle/test_current.py",
    "lifecycle.standby": "lifecycle/test_standbytable.py",
    "relay.business": "relay/test_inbound.py",
    "relay.codefile": "relay/test_preload.py",
    "relay.interrupts": "relay/test_owner.py",
    "relay.listening": "relay/test_standby.py",
    "relay.kept": "relay/test_lines.py",
    "relay.namesakes": "relay/test_ledger.py",
    "relay.passing": "relay/test_ledger.py",
    "relay.parts": "relay/relay_case.py",
    "relay.ports": None,
    "relay.program": "relay/test_initial.py",
    "relay.questions": "relay/test_conversation.py",
    "relay.ran": "relay/test_cellhistory.py",
    "relay.restartcells": "relay/test_cells.py",
    "relay.replay": "relay/test_replays.py",
    "relay.replaying": "relay/test_replays.py",
    "relay.turnrules": "relay/test_turntable.py",
    "relay.turneffects": None,
    "relay.turnevents": None,
    "relay.turns": None,
    "relay.underway": "relay/test_restarts.py",
    "relay.waiting": "relay/test_restarts.py",
    "sockets.monitor": "sockets/test_inner.py",
    "sockets.reactor": None,
    "spec.errors": "spec/test_files.py",
    "spec.folders": "spec/test_listing.py",
    "spec.newparser": "spec/test_making.py",
    "spec.parser": "spec/test_spec_cli.py",
    "spec.plan": "spec/test_spec_cli.py",
    "spec.session": "spec/test_check.py",
    "terminal.commands": "e2e/test_terminal.py",
    "terminal.files": "e2e/test_terminal.py",
    "terminal.fromcode": "e2e/test_terminal.py",
    "terminal.parser": "terminal/test_cli.py",
    "terminal.problem": None,
}

MAY_USE_THE_REACTOR = {"__main__", "daemon.byhand", "daemon.tap"}
MAY_PRINT = MAY_USE_THE_REACTOR


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


def path_of(module: str) -> str:
    """Return the file of a module of ours; ``room`` alone is its ``__init__``."""
    path = os.path.join(FOLDER, *module.split("."))
    return os.path.join(path, "__init__.py") if os.path.isdir(path) else f"{path}.py"


@functools.cache
def tree_of(module: str) -> ast.Module:
    with open(path_of(module), encoding="utf-8") as file:
        return ast.parse(file.read())


def imports(tree: ast.AST) -> Iterator[Import]:
    """Return every import, those inside functions too, but none for types only."""
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


@functools.cache
def rooms() -> dict[str, list[str]]:
    """Return the folders of the package, and the modules that lie in each."""
    found = {name: [name] for name in ENTRIES}
    for name in sorted(os.listdir(FOLDER)):
        folder = os.path.join(FOLDER, name)
        if os.path.isdir(folder) and os.path.exists(
            os.path.join(folder, "__init__.py")
        ):
            found[name] = sorted(
                f"{name}.{file.removesuffix('.py')}"
                for file in os.listdir(folder)
                if file.endswith(".py") and file != "__init__.py"
            )
    return found


def modules() -> list[str]:
    return [module for room in rooms().values() for module in room]


def room_of(module: str) -> str:
    return module.partition(".")[0]


def height_of(room: str) -> int:
    """Return how far down a room lies."""
    return next(at for at, row in enumerate(ORDER) if room in row)


def place_of(file: str) -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), file)


def ours(found: Import) -> list[str]:
    """Return the modules of ours that an import names."""
    if found.top != "ipr":
        return []
    parts = found.module.split(".")[1:]
    if len(parts) == 2:
        return [".".join(parts)]
    named = [".".join([*parts, name]) for name in found.names]
    return [name for name in named if name in modules()]


@functools.cache
def all_imports() -> dict[str, list[Import]]:
    return {name: list(imports(tree_of(name))) for name in modules()}


class RoomsTests(Case):
    """What the folders are."""

    def test_every_folder_is_a_room(self) -> None:
        """And every room has a folder, and says in a few lines what it is."""
        self.assertEqual(set(rooms()), {room for row in ORDER for room in row})
        for room in rooms():
            said = ast.get_docstring(tree_of(room)) or ""
            self.assertTrue(len(said) > 60, f"{room}: what does it know?")

    def test_no_module_lies_flat(self) -> None:
        flat = {
            name
            for name in os.listdir(FOLDER)
            if name.endswith(".py") and name != "__init__.py"
        }
        self.assertEqual(flat, {f"{name}.py" for name in ENTRIES})

    def test_the_folders_hold_nothing_but_their_docstring(self) -> None:
        """What an ``__init__`` imports, everybody pays for."""
        for room in set(rooms()) - set(ENTRIES):
            self.assertEqual(len(tree_of(room).body), 1, room)

    def test_pure_modules_are_there(self) -> None:
        """A name in a ``Pure:`` line that is none would be held to nothing."""
        self.assertEqual(set(pure()) - set(modules()), set())
        for name in ("lifecycle.machine", "relay.ledger", "relay.answers"):
            self.assertTrue(name in pure(), name)


class ImportsTests(Case):
    def setUp(self) -> None:
        self.imports = all_imports()

    def test_downwards_only(self) -> None:
        """A module imports from its own room and from those below it."""
        wrong = [
            f"{name}:{found.line} imports {target}"
            for name, all_of_it in self.imports.items()
            for found in all_of_it
            for target in ours(found)
            if room_of(target) != room_of(name)
            and height_of(room_of(target)) <= height_of(room_of(name))
        ]
        self.assertEqual(wrong, [])

    def test_ipr_spec_knows_nothing_of_the_daemon(self) -> None:
        wrong = [
            f"{name}:{found.line} imports {target}"
            for name in rooms()["spec"]
            for found in self.imports[name]
            for target in ours(found)
            if room_of(target) not in ("spec", "boot")
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
            f"{name}:{found.line} imports {found.module}"
            for name, all_of_it in self.imports.items()
            for found in all_of_it
            if found.top != "ipr"
            and found.top not in sys.stdlib_module_names
            and found.top not in FOREIGN[room_of(name)] | ALSO.get(name, set())
        ]
        self.assertEqual(wrong, [])

    def test_no_exception_is_left_over(self) -> None:
        for name, allowed in ALSO.items():
            used = {found.top for found in self.imports[name]}
            self.assertEqual(allowed - used, set(), name)

    def test_txzmq_is_imported_in_one_room(self) -> None:
        """It installs a reactor when it is imported."""
        knowing = {
            room_of(name)
            for name, all_of_it in self.imports.items()
            if any(found.top == "txzmq" for found in all_of_it)
        }
        self.assertEqual(knowing, {"sockets"})

    def test_no_global_reactor(self) -> None:
        """The reactor is handed in; only an entry imports it, and late."""
        wrong = [
            f"{name}:{found.line}"
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
            f"{name}:{found.line} imports {found.module}"
            for name in pure()
            for found in self.imports[name]
            if found.top in sys.stdlib_module_names and found.top not in PURE_STDLIB
        ]
        self.assertEqual(wrong, [])

    def test_pure_uses_nothing_of_the_system(self) -> None:
        """Of os and signal a pure module takes names of numbers, and no deeds."""
        wrong = []
        for name in pure():
            for node in ast.walk(tree_of(name)):
                if isinstance(node, ast.Attribute):
                    package, _, used = ast.unparse(node).partition(".")
                    allowed = PURE_ATTRIBUTES.get(package)
                    if allowed is not None and not (
                        used in allowed or used.startswith(UNDER)
                    ):
                        wrong.append(f"{name}:{node.lineno} {package}.{used}")
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ("open", "print", "input", "exec", "eval")
                ):
                    wrong.append(f"{name}:{node.lineno} {node.func.id}()")
        self.assertEqual(wrong, [])

    def test_no_print(self) -> None:
        """Library code does not print; command lines do."""
        wrong = [
            f"{name}:{node.lineno}"
            for name in modules()
            if room_of(name) not in ("spec", "terminal") and name not in MAY_PRINT
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


def attributes(found: ast.ClassDef) -> set[str]:
    """Return what each instance has: its fields, and what is assigned to ``self``."""
    fields = {
        node.target.id
        for node in found.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "ClassVar" not in ast.unparse(node.annotation)
    }
    return fields | {
        node.attr
        for node in ast.walk(found)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


class MirrorTests(Case):
    """Who looks for the tests of a module finds them by its name."""

    def test_each_module_has_a_file_of_tests_or_it_is_said_where_they_are(self) -> None:
        own = {
            name
            for name in modules()
            if room_of(name) != name
            and os.path.exists(place_of(name.replace(".", "/test_") + ".py"))
        }
        rest = set(modules()) - own - {"__main__", "provisioner"}
        self.assertEqual(rest, set(TESTED_IN), "without, and said to be elsewhere")

    def test_names_of_tests_say_an_outcome_and_only_one_test_has_each(self) -> None:
        """One word is a subject; two tests of one name in a folder mean two things."""
        names: dict[tuple[str, str], list[str]] = {}
        for room in set(rooms()) - {"__main__", "provisioner"}:
            for file in sorted(os.listdir(place_of(room))):
                if not re.fullmatch(r"test_\w+\.py", file):
                    continue
                with open(place_of(f"{room}/{file}"), encoding="utf-8") as opened:
                    tests = re.findall(
                        r"^ *def (test_\w+)", opened.read(), re.MULTILINE
                    )
                for name in tests:
                    names.setdefault((room, name), []).append(file)
        wrong = {
            name: files
            for name, files in names.items()
            if len(files) > 1 or name[1].count("_") < 2
        }
        self.assertEqual(wrong, {})

    def test_the_files_that_are_said_to_test_a_module_are_there(self) -> None:
        elsewhere = {file for file in TESTED_IN.values() if file is not None}
        wrong = {file for file in elsewhere if not os.path.exists(place_of(file))}
        self.assertEqual(wrong, set())

    def test_what_is_said_to_be_names_and_types_does_nothing(self) -> None:
        """No function in it has a body, other than an exception's."""
        for name, file in TESTED_IN.items():
            if file is None:
                deeds = [
                    node.name
                    for node in tree_of(name).body
                    if isinstance(node, ast.FunctionDef)
                ]
                self.assertEqual(deeds, [], name)


class SizesTests(Case):
    """What has grown too large knows too much: it is two."""

    def test_classes_have_ten_attributes_at_most(self) -> None:
        """With those of the classes of ours that they are made from."""
        classes = [
            (name, node)
            for name in modules()
            for node in ast.walk(tree_of(name))
            if isinstance(node, ast.ClassDef)
        ]

        def all_of(module: str, node: ast.ClassDef) -> set[str]:
            """Its own, and those of its bases in the same module or an imported one."""
            bases = {ast.unparse(base) for base in node.bases}
            near = {name for line in imports(tree_of(module)) for name in ours(line)}
            found = [
                (where, base)
                for where, base in classes
                if base.name in bases and where in {module, *near}
            ]
            here = [(where, base) for where, base in found if where == module]
            inherited = [all_of(*base) for base in here or found]
            return attributes(node).union(*inherited)

        wrong = [
            f"{module}.{node.name}: {sorted(found)}"
            for module, node in classes
            if len(found := all_of(module, node)) > MOST_ATTRIBUTES
        ]
        self.assertEqual(wrong, [])

    def test_functions_have_fifty_lines_at_most(self) -> None:
        wrong = [
            f"{name}.{node.name}: {length}"
            for name in modules()
            for node in ast.walk(tree_of(name))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_IN_FUNCTION
        ]
        self.assertEqual(wrong, [])

    def test_modules_have_fewer_than_300_lines(self) -> None:
        lengths = {}
        for name in modules():
            with open(path_of(name), encoding="utf-8") as file:
                lengths[name] = len(file.readlines())
        wrong = {name for name, length in lengths.items() if length > MOST_IN_MODULE}
        self.assertEqual(wrong, ONE_FILE)


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

    def test_boot_loads_nothing_heavy(self) -> None:
        """All modules of boot together."""
        found = self.loaded(f"import ipr.{', ipr.'.join(rooms()['boot'])}")
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

    def test_the_server_loads_nothing_of_the_daemon(self) -> None:
        """Two event loops in one process would be one too many."""
        found = self.loaded("import ipr.provisioner")
        tops = {name.partition(".")[0] for name in found}
        self.assertEqual(tops & {"twisted", "txzmq"}, set())
        rooms_of_it = {name.split(".")[1] for name in found if name.startswith("ipr.")}
        self.assertEqual(
            rooms_of_it, {"boot", "jupyter", "provisioner", "server", "spec"}
        )

    def test_main(self) -> None:
        """Importing the entry loads nothing but Python's own."""
        found = self.loaded("import ipr.__main__")
        self.assertEqual(
            {name for name in found if name.startswith("ipr")}, {"ipr", "ipr.__main__"}
        )
