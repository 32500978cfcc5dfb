"""Knows the kernels that are compared: where an installation is found, what its
kernelspec says, and how its language prints, fails, asks, loops and remembers; must
not know what is measured of them, nor anything of ``ipr``.

``.ci/install-kernels`` installs them; ``$IPR_KERNELS`` says where.
"""

from __future__ import annotations

import dataclasses
import glob
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.harness import SOURCE

Json = dict[str, Any]

FOLDER = os.path.abspath(
    os.environ.get("IPR_KERNELS") or os.path.join(SOURCE, ".cache", "kernels")
)
_PYTHON = os.path.join(FOLDER, "python", "bin", "python")
_NODE = os.path.join(FOLDER, "node", "node_modules")
_INSTALL = "run .ci/install-kernels"

#: Seconds that a cell loops when nobody interrupts it.
LOOP = 5


class Missing(Exception):
    """A kernel is not installed; the text says what is not there."""


@dataclass(frozen=True)
class Cells:
    """What a kernel is given to execute.

    :ivar print: prints 42.
    :ivar fail: ends in an error.
    :ivar loop: prints "on", then is busy for ``LOOP`` seconds.
    :ivar keep: gives a name the value "secret41".
    :ivar recall: prints that value, if it is there.
    :ivar ask: asks "? " and prints "got " and the answer; "" where the kernel has
        no such thing.
    """

    print: str
    fail: str
    loop: str
    keep: str
    recall: str
    ask: str = ""


@dataclass(frozen=True)
class Subject:
    """A kernel.

    :ivar name: the name of the kernelspec, and of the row's tests.
    :ivar title: what the table calls it.
    :ivar language: what its kernel_info must name.
    :ivar version: gives the version of what was installed.
    :ivar find: gives the content of its kernel.json and the folder that it came
        from ("" when it was written here).
    :ivar environment: further variables.
    :ivar modules: a folder that must be there as ``node_modules`` where it works.
    :ivar pid: a cell that prints the pid of the kernel, where another process was
        started as such.
    :ivar settling: seconds between its first answer and the moment from which it
        can be given a cell.
    :ivar loose: what it sends for a cell, and in which order, is not the same each
        time: output after the idle, an interrupted cell that is "ok" or an error.
    :ivar unsteady: what the kernel itself does now and then only, by check.
    :ivar private: whether it listens on Unix sockets that only its owner can reach.
    :ivar weight: seconds that its longer half takes; the long ones go first.
    """

    name: str
    title: str
    language: str
    cells: Cells
    version: Callable[[], str]
    find: Callable[[], tuple[Json, str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    modules: str = ""
    pid: str = ""
    settling: float = 0.0
    loose: bool = False
    unsteady: Mapping[str, str] = field(default_factory=dict)
    private: bool = False
    weight: float = 10.0

    def missing(self) -> str:
        """:return: why it cannot run here, "" if it can."""
        try:
            self.find()
        except Missing as error:
            return str(error)
        return ""

    def lay(self, specs: str, name: str) -> str:
        """Put a copy of its kernelspec below *specs*; :return: the kernel.json.

        :raises Missing: when it is not installed.
        """
        content, resources = self.find()
        folder = os.path.join(specs, name)
        if resources:
            shutil.copytree(resources, folder)
        else:
            os.makedirs(folder)
        path = os.path.join(folder, "kernel.json")
        with open(path, "w") as file:
            json.dump(content, file, indent=1)
        return path


def _shipped(folder: str) -> tuple[Json, str]:
    """Read the kernelspec that came with a kernel.

    :raises Missing: when it is not there.
    """
    try:
        with open(os.path.join(folder, "kernel.json")) as file:
            content: Json = json.load(file)
    except FileNotFoundError:
        raise Missing(f"{folder} has no kernel.json: {_INSTALL}") from None
    return content, folder


def _from_pypi(name: str) -> Callable[[], tuple[Json, str]]:
    def find() -> tuple[Json, str]:
        content, folder = _shipped(
            os.path.join(FOLDER, "python", "share", "jupyter", "kernels", name)
        )
        # A bare "python" means the environment that the Jupyter server runs in, and
        # that is not the one of these tests.
        if content["argv"][0].startswith("python"):
            content["argv"][0] = _PYTHON
        return content, folder

    return find


def _from_debian(name: str, *needed: str) -> Callable[[], tuple[Json, str]]:
    def find() -> tuple[Json, str]:
        for program in needed:
            _program(program)
        return _shipped(os.path.join("/usr/share/jupyter/kernels", name))

    return find


def _needing(
    find: Callable[[], tuple[Json, str]], *programs: str
) -> Callable[[], tuple[Json, str]]:
    def both() -> tuple[Json, str]:
        for program in programs:
            _program(program)
        return find()

    return both


def _by_message(
    find: Callable[[], tuple[Json, str]],
) -> Callable[[], tuple[Json, str]]:
    """The same kernelspec after a user asked for interrupts by message."""

    def changed() -> tuple[Json, str]:
        content, folder = find()
        return {**content, "interrupt_mode": "message"}, folder

    return changed


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Missing(f"there is no {name!r} on the PATH: {_INSTALL}")
    return found


def _own_ipykernel() -> tuple[Json, str]:
    # As "ipykernel install" writes it, for the interpreter of these tests.
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    metadata = {"debugger": True, "supported_encryption": "curve"}
    return {
        "argv": argv,
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "metadata": metadata,
        "kernel_protocol_version": "5.5",
    }, ""


def _tslab() -> tuple[Json, str]:
    script = os.path.join(_NODE, "tslab", "bin", "tslab")
    if not os.path.exists(script):
        raise Missing(f"{script} is missing: {_INSTALL}")
    # As "tslab install --binary" writes it.
    argv = [_program("node"), script, "kernel", "--config-path", "{connection_file}"]
    return {"argv": argv, "display_name": "TypeScript", "language": "typescript"}, ""


def _deno() -> tuple[Json, str]:
    program = os.path.join(_NODE, ".bin", "deno")
    if not os.path.exists(program):
        raise Missing(f"{program} is missing: {_INSTALL}")
    # As "deno jupyter --install" writes it.
    argv = [program, "jupyter", "--kernel", "--conn", "{connection_file}"]
    return {"argv": argv, "display_name": "Deno", "language": "typescript"}, ""


def _pypi_version(name: str) -> Callable[[], str]:
    def version() -> str:
        pattern = os.path.join(FOLDER, "python", "lib", "python*", "site-packages")
        (found,) = importlib.metadata.distributions(name=name, path=glob.glob(pattern))
        return found.version

    return version


def _npm_version(name: str) -> Callable[[], str]:
    def version() -> str:
        with open(os.path.join(_NODE, name, "package.json")) as file:
            return str(json.load(file)["version"])

    return version


def _debian_version(name: str) -> Callable[[], str]:
    def version() -> str:
        asked = ["dpkg-query", "-W", "-f", "${Version}", name]
        return subprocess.run(asked, capture_output=True, text=True).stdout

    return version


PYTHON_CELLS = Cells(
    print="print(6 * 7)",
    fail="1 / 0",
    loop=(
        "import time\nprint('on', flush=True)\n"
        f"end = time.monotonic() + {LOOP}\nwhile time.monotonic() < end: pass"
    ),
    keep="kept = 'secret41'",
    recall="print(kept)",
    ask="print('got', input('? '))",
)
_TYPESCRIPT_CELLS = Cells(
    print="console.log(6 * 7)",
    fail='throw new Error("oops")',
    loop=(
        f'console.log("on");\nawait new Promise(done => setTimeout(done, {LOOP}000));'
    ),
    keep='const kept = "secret41"',
    recall="console.log(kept)",
)

SUBJECTS: tuple[Subject, ...] = (
    Subject(
        "ipykernel7",
        "ipykernel 7",
        "python",
        PYTHON_CELLS,
        lambda: importlib.metadata.version("ipykernel"),
        _own_ipykernel,
        private=True,
    ),
    Subject(
        "ipykernel6",
        "ipykernel 6",
        "python",
        PYTHON_CELLS,
        _pypi_version("ipykernel"),
        _from_pypi("python3"),
        private=True,
    ),
    Subject(
        "debian",
        "Debian's ipykernel",
        "python",
        PYTHON_CELLS,
        _debian_version("python3-ipykernel"),
        _from_debian("python3"),
        private=True,
    ),
    Subject(
        "xeus-python",
        "xeus-python",
        "python",
        PYTHON_CELLS,
        _pypi_version("xeus-python"),
        _from_pypi("xpython"),
    ),
    Subject(
        "bash",
        "bash_kernel",
        "bash",
        Cells(
            print="echo $((6 * 7))",
            fail="ls /no/such/file",
            loop=f"echo on; sleep {LOOP}",
            keep="kept=secret41",
            recall='echo "kept: $kept"',
        ),
        _pypi_version("bash_kernel"),
        _from_pypi("bash"),
        unsteady={"shutdown": "not always"},
        private=True,
        weight=20,
    ),
    Subject(
        "ir",
        "IRkernel",
        "R",
        Cells(
            print="cat(6 * 7, '\\n')",
            fail="stop('oops')",
            loop=(
                "cat('on\\n'); flush.console()\n"
                f"end <- Sys.time() + {LOOP}\nwhile (Sys.time() < end) {{}}"
            ),
            keep="kept <- 'secret41'",
            recall="print(kept)",
            ask="cat('got', readline('? '))",
        ),
        _debian_version("r-cran-irkernel"),
        _from_debian("ir", "R"),
        private=True,
    ),
    Subject(
        "octave",
        "octave_kernel",
        "octave",
        Cells(
            print="disp(6 * 7)",
            fail="error('oops')",
            loop=(
                "disp('on'); fflush(stdout);\n"
                f"start = time(); while time() - start < {LOOP}, end"
            ),
            keep="kept = 'secret41';",
            recall="disp(kept)",
            ask="answer = input('? ', 's'); disp(['got ' answer])",
        ),
        _pypi_version("octave_kernel"),
        _needing(_from_pypi("octave"), "octave-cli"),
        {"OCTAVE_EXECUTABLE": shutil.which("octave-cli") or "octave-cli"},
        unsteady={"shutdown": "not always"},
        private=True,
        weight=20,
    ),
    Subject(
        "scheme",
        "calysto_scheme",
        "scheme",
        Cells(
            print="(display (* 6 7))",
            fail="(car 5)",
            loop=(
                '(import "time")(display "on")(newline)'
                f"(define end (+ (time.time) {LOOP}))"
                "(let again () (if (< (time.time) end) (again)))"
            ),
            keep='(define kept "secret41")',
            recall="(display kept)",
        ),
        _pypi_version("calysto_scheme"),
        _from_pypi("calysto_scheme"),
        loose=True,
        unsteady={"shutdown": "not always"},
        private=True,
        weight=20,
    ),
    # Without the types that came with it, it does not know "console".
    Subject(
        "tslab",
        "tslab",
        "typescript",
        _TYPESCRIPT_CELLS,
        _npm_version("tslab"),
        _tslab,
        modules=_NODE,
        weight=30,
    ),
    Subject(
        "deno",
        "deno",
        "typescript",
        Cells(
            **{
                **vars(_TYPESCRIPT_CELLS),
                "ask": 'console.log("got", prompt("? "))',
            }
        ),
        _npm_version("deno"),
        _deno,
        loose=True,
        # Its cache may stay; it must not look for a newer version of itself.
        environment={
            "DENO_DIR": os.path.join(FOLDER, "deno-cache"),
            "DENO_NO_UPDATE_CHECK": "1",
        },
    ),
    Subject(
        "lua",
        "ilua",
        "lua",
        Cells(
            print="print(6 * 7)",
            fail="error('oops')",
            loop=(
                "print('on')\n"
                f"local stop = os.time() + {LOOP}\nwhile os.time() < stop do end"
            ),
            keep="kept = 'secret41'",
            recall="print(kept)",
        ),
        _pypi_version("ilua"),
        _needing(_from_pypi("lua"), "lua5.3"),
        # It answers kernel_info before it has its interpreter, and a cell that comes
        # in between ends it (exit code 0).
        settling=3.0,
        weight=20,
    ),
    Subject(
        "kotlin",
        "Kotlin",
        "kotlin",
        Cells(
            print="println(6 * 7)",
            fail='throw Exception("oops")',
            loop=f'println("on"); Thread.sleep({LOOP}000)',
            keep='val kept = "secret41"',
            recall="println(kept)",
            ask='println("got " + readLine())',
        ),
        _pypi_version("kotlin-jupyter-kernel"),
        _needing(_from_pypi("kotlin"), "java"),
        # Half a dozen cells do not pay for an optimising compiler.
        {"KOTLIN_JUPYTER_JAVA_OPTS_EXTRA": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
        weight=60,
    ),
)


def _again_by_message(name: str, loop: str) -> Subject:
    """:return: a row for a kernel that dies of what its kernelspec asks for."""
    (subject,) = (subject for subject in SUBJECTS if subject.name == name)
    return dataclasses.replace(
        subject,
        name=f"{name}-message",
        title=f"{subject.title} (interrupt_mode message)",
        find=_by_message(subject.find),
        cells=dataclasses.replace(subject.cells, loop=loop),
    )


SUBJECTS += (
    _again_by_message("xeus-python", PYTHON_CELLS.loop),
    # A loop that works: one that awaits a promise is never heard of again, and
    # neither is the kernel.
    _again_by_message(
        "deno",
        f'console.log("on");\nconst end = Date.now() + {LOOP}000;\n'
        "while (Date.now() < end) {}",
    ),
)
BY_NAME = {subject.name: subject for subject in SUBJECTS}
