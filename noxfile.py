"""What a release must pass, one session each: ``nox -l`` lists them.

``nox -s tests-3.12`` runs the unit tests and one restart of a real kernel under
that Python, where it is installed; ``nox -s lowest`` does so with the oldest
dependencies that setup.cfg allows.
"""

from __future__ import annotations

import configparser
import pathlib

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "tests", "lowest", "coverage", "docs", "package"]

PYTHONS = ["3.11", "3.12", "3.13"]

#: Without real kernels; a minute.
UNIT = (
    *("--ignore=tests/e2e", "--ignore=tests/places", "--ignore=tests/browser"),
    *("--ignore=tests/kernels", "--ignore=tests/benchmarks"),
)

#: The tests of pure rooms, and nothing that waits for a process, which it slows down.
PURE = (
    *("tests/daemon", "tests/jupyter", "tests/kernel", "tests/lifecycle"),
    *("tests/relay", "tests/spec", "tests/terminal", "tests/test_properties.py"),
    *("tests/server/test_changes.py", "--ignore=tests/kernel/test_generation.py"),
)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, spelling."""
    session.install("-e", ".[test]", "codespell")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("codespell", "ipr", "tests", "docs", "README.rst", "CONTRIBUTING.rst")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The unit tests, and one restart of a real kernel."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *UNIT, *session.posargs)
    session.run("ipr-spec", "check", "python3")


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """The same with the lowest versions that setup.cfg allows."""
    session.install(*_lowest("options", "install_requires"))
    # What the tests themselves need may be new, but must not raise those again.
    tools = ("pytest", "hypothesis", "pexpect", "psutil", "docutils", "ipykernel<7")
    tools += ("argcomplete", "pyyaml")
    # The Restart button is pressed through one.
    tools += ("jupyter_server",)
    lowest_wizard = _lowest("options.extras_require", "wizard")
    session.install(
        "jupyter_kernel_test", *tools, *_lowest("options", "install_requires")
    )
    session.install("--no-deps", *lowest_wizard)
    session.install("--no-deps", "-e", ".")
    session.run("python", "-m", "pytest", *UNIT, *session.posargs)
    session.run("ipr-spec", "check", "python3")


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """Every branch of the pure modules is taken by a unit test."""
    session.install("-e", ".[test]", "coverage")
    pure = session.run("python", "-m", "tests.pure", silent=True)
    assert isinstance(pure, str)
    session.run(
        *("coverage", "run", "--branch", "--include", pure.strip()),
        *("-m", "pytest", "-q", "-m", "core", *PURE),
    )
    session.run("coverage", "report", "--show-missing", "--fail-under=100")


@nox.session
def docs(session: nox.Session) -> None:
    """The pages as a site, in ``docs/_build``; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-q", "-W", "-E", "docs", "docs/_build")


@nox.session
def package(session: nox.Session) -> None:
    """What is uploaded: it is complete, and it describes itself."""
    session.install(
        "build", "twine", "check-wheel-contents", "check-manifest", "-e", "."
    )
    folder = session.create_tmp()
    session.run("python", "-m", "tests.manpages", "--check")
    session.run("check-manifest")
    session.run("python", "-m", "build", "--outdir", folder)
    made = sorted(str(path) for path in pathlib.Path(folder).glob("*0*"))
    session.run("twine", "check", "--strict", *made)
    (wheel,) = (name for name in made if name.endswith(".whl"))
    # W009: the plugin lies in Twisted's own folder, as Twisted wants it.
    session.run("check-wheel-contents", "--ignore", "W009", wheel)


def _lowest(section: str, field: str) -> list[str]:
    """Give the requirements of setup.cfg with each ``>=`` as ``==``."""
    config = configparser.ConfigParser()
    config.read("setup.cfg")
    lines = config[section][field].split("\n")
    return [line.strip().replace(">=", "==") for line in lines if line.strip()]
