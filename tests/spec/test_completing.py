"""Completion in a shell, asked for as argcomplete's shell functions do."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.spec import shapes
from tests.spec.home import PATIENCE, Home


def completed(
    line: str, module: str, env: Mapping[str, str], point: int | None = None
) -> set[str]:
    """:return: what a shell is offered at the end of a line, or at a place in it."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        done = subprocess.run(
            [sys.executable, "-m", module],
            env={
                **env,
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_IFS": "\n",
                "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
                "COMP_LINE": line,
                "COMP_POINT": str(len(line) if point is None else point),
                "COMP_TYPE": "9",
            },
            capture_output=True,
            check=False,
            text=True,
            timeout=PATIENCE,
        )
        assert not done.stdout, done.stdout
        assert "Traceback" not in done.stderr, done.stderr
        words = answer.read_text().split("\n") if answer.exists() else []
        return {word.strip() for word in words if word}


def spec(home: Home, line: str) -> set[str]:
    return completed(line, "ipr.spec.spec_cli", home.env)


def test_commands_and_their_options_are_completed(home: Home) -> None:
    assert spec(home, "ipr-spec in") == {"install"}
    assert spec(home, "ipr-spec install --pro") == {"--provisioner"}
    assert spec(home, "ipr-spec install --no-") == {"--no-provisioner"}


def test_kernelspecs_are_completed_by_name(home: Home) -> None:
    for name in ("ir", "irkernel", "julia"):
        home.add(name, shapes.IRKERNEL)
    home.run("install", "irkernel")
    assert spec(home, "ipr-spec install ir") == {"ir", "irkernel"}
    # Only where it is installed.
    assert spec(home, "ipr-spec remove ir") == {"irkernel"}
    assert spec(home, "ipr-spec check ju") == {"julia"}


def test_options_of_the_daemon_are_completed_after_dashes(
    home: Home,
) -> None:
    assert spec(home, "ipr-spec install ü -- --stand") == {"--standby"}
    assert "--log-level" in spec(home, "ipr-spec install ir -- --standby full --l")
    assert spec(home, "ipr-spec install ir --stand") == set()


def test_word_before_dashes_is_one_of_install(home: Home) -> None:
    line = "ipr-spec install --dry -- --standby full"
    at = line.index(" --standby") - len(" --")
    found = completed(line, "ipr.spec.spec_cli", home.env, at)
    assert found == {"--dry-run"}


def test_commands_of_ipr_are_completed(home: Home) -> None:
    assert completed("ipr re", "ipr.terminal.cli", home.env) == {"restart"}
    assert completed("ipr restart --no-", "ipr.terminal.cli", home.env) == {"--no-wait"}


def test_nothing_happens_where_no_shell_asks(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ipr.spec.spec_cli", "list"],
        env=home.env,
        capture_output=True,
        check=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "ipr.boot.completing" in done.stderr
    assert "argcomplete" not in done.stderr


def test_shell_that_asks_where_argcomplete_is_missing_gets_nothing(
    home: Home,
) -> None:
    blocked = home.folder / "blocked"
    blocked.mkdir()
    (blocked / "argcomplete.py").write_text("raise ImportError\n")
    env = {**home.env, "PYTHONPATH": str(blocked)}
    assert completed("ipr-spec ins", "ipr.spec.spec_cli", env) == set()
