"""Usage, exit codes and output of ``ipr-spec``."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipr.spec import listing, plan, spec_cli
from ipr.spec.plan import Step
from tests.spec import shapes
from tests.spec.home import (
    PATIENCE,
    Home,
)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["frobnicate"],
        ["install"],
        ["install", "--all", "ir"],
        ["install", "ir", "--user", "--sys-prefix"],
        ["install", "ir", "--prefix", "/no/such/folder"],
        ["install", "ir", "--after", "2"],
        ["install", "ir", "--python", "python"],
        ["install", "ir", "--inside", "--after", "x"],
        ["install", "ir", "--inside", "--launcher", "("],
        ["install", "ir", "--inside", "--abandoned-timeout", "soon"],
        ["install", "--inside", "--all"],
        ["remove"],
        ["remove", "ir", "--", "x"],
        ["list", "ir"],
        ["check", "--timeout", "0"],
    ],
)
def test_wrong_usage_exits_with_2(home: Home, args: list[str]) -> None:
    path = home.add("ir", shapes.IRKERNEL)
    ran = home.run(*args)
    assert ran.code == 2
    assert ran.err
    assert not ran.out
    assert path.read_bytes() == shapes.IRKERNEL


@pytest.mark.parametrize(
    ("args", "example"),
    [
        (["python3", "--standby", "full"], "--standby WHICH"),
        (["--log-level=DEBUG", "python3"], "--log-level LEVEL"),
        (["--all", "--no-exec", "--user"], "--no-exec"),
    ],
)
def test_option_of_the_daemon_among_those_of_install_is_explained(
    home: Home, args: list[str], example: str
) -> None:
    ran = home.run("install", *args)
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert "is an option of the daemon" in line
    assert line.endswith(f"ipr-spec install NAME -- {example}")


def test_option_that_nobody_knows_is_named(home: Home) -> None:
    for command in ("install", "list"):
        ran = home.run(command, "--frobnicate", "--standby-in")
        assert ran.code == 2
        assert "unrecognized arguments: --frobnicate --standby-in" in ran.err


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        *([name, "--help"] for name in ("list", "install", "remove", "check")),
    ],
)
def test_help_has_examples(home: Home, args: list[str]) -> None:
    ran = home.run(*args)
    assert ran.code == 0
    assert "\nexamples:\n  ipr-spec" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 88


@pytest.mark.slow
def test_python_m_ipr_does_the_same(home: Home) -> None:
    home.add("ir", shapes.IRKERNEL)

    def run(*args: str) -> tuple[int, str]:
        done = subprocess.run(
            [home.python, "-m", "ipr", *args],
            env=home.env,
            cwd=home.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout

    assert run("list") == (0, home.run("list").out)
    assert run("install", "ir") == (0, "installed on 'ir'\n")
    assert run("list") == (0, home.run("list").out)
    assert run("remove", "ir") == (0, "removed from 'ir'\n")
    assert run("remove", "zzz")[0] == 1
    assert run("install")[0] == 2


def test_it_starts_fast(home: Home) -> None:
    """Without what the daemon needs: a prompt must not be kept waiting."""
    home.add("ir", shapes.IRKERNEL)
    code = (
        "import sys; from ipr.spec.spec_cli import main; main(['list']);"
        "main(['install', 'ir', '--', '--no-exec']); main(['remove', 'ir']);"
        "print([m for m in ('twisted', 'zmq', 'txzmq', 'jupyter_client', 'IPython')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [home.python, "-c", code], env=home.env, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_output_that_cannot_be_written_is_reported(home: Home) -> None:
    """One sentence; who has closed it does not want to hear even that."""
    home.add("bash", shapes.BASH_KERNEL, home.own)
    ran = home.run("list", before=["sh", "-c", 'exec "$@" >/dev/full', "sh"])
    assert (ran.code, ran.err) == (1, "ipr-spec: the disk is full\n")
    ran = home.run("list", before=["sh", "-c", 'exec "$@" >&-', "sh"])
    assert (ran.code, ran.err) == (0, "")
    ran = home.run("check", "bash", env={"JUPYTER_RUNTIME_DIR": "/proc/nothing"})
    assert ran.code == 1
    assert "no connection file can be put into /proc/nothing" in ran.err


def test_what_the_program_can_do(home: Home) -> None:
    ran = home.run()
    assert ran.code == 2
    assert "install" in ran.err
    assert "ipr-spec check python3" in ran.err
    home.add("ir", shapes.IRKERNEL)
    assert home.run("install", "ir").code == 0
    assert home.run("uninstall", "ir").out == "removed from 'ir'\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["install", "--all", "ir"], "names or --all, not both"),
        (["install"], "pass the names of kernelspecs, or --all"),
        (["check", "--timeout", "soon"], "'soon' is not a number of seconds above 0"),
        (["check", "--timeout", "inf"], "'inf' is not a number of seconds above 0"),
        (["check", "--timeout", "-1"], "is not a number of seconds above 0"),
    ],
)
def test_plain_words(home: Home, args: list[str], words: str) -> None:
    ran = home.run(*args)
    assert ran.code == 2
    assert words in ran.err


def test_what_was_done_is_reported_despite_a_later_error(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Lines that wait in a buffer are lines that nobody reads."""
    for name in ("bash", "ir", "julia"):
        home.add(name, shapes.IRKERNEL)
    for variable, value in home.env.items():
        monkeypatch.setenv(variable, value)
    perform = plan.perform

    def failing(step: Step) -> list[str]:
        if step.name == "ir":
            raise OSError(5, "Input/output error", step.path)
        return perform(step)

    monkeypatch.setattr(plan, "perform", failing)
    shown, said = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", said)
    assert spec_cli.main(["install", "bash", "ir", "julia"]) == 1
    assert shown.getvalue() == "installed on 'bash'\ninstalled on 'julia'\n"
    trouble = f"ipr-spec: 'ir': {home.own}/ir/kernel.json: input/output error\n"
    assert said.getvalue() == trouble


def test_lines_before_an_error_come_out(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Into a file, where they are not written line by line."""

    def failing(_: object) -> int:
        print("a line")
        raise OSError(5, "Input/output error", "/folder")

    monkeypatch.setattr(listing, "run", failing)
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert spec_cli.main(["list"]) == 1
        # _drop_output would have put /dev/null in its place.
        assert os.path.samestat(os.fstat(file.fileno()), (tmp_path / "out").stat())
    assert (tmp_path / "out").read_text() == "a line\n"
