"""``ipr-spec new``: what is written, where, and what is refused."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.spec import shapes
from tests.spec.home import Home, lock, unprivileged


def made(home: Home, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home.own / name / "kernel.json").read_text())
    return found


def test_new_kernelspec_runs_ipr_in_the_job(home: Home) -> None:
    ran = home.run("new", "--slurm", "--mem", "200", "--env", "A=b c", "Big.Job")
    assert ran.code == 0, ran.err
    spec = made(home, "big.job")
    at = spec["argv"].index("ipr")
    assert spec["argv"][0] == "srun"
    assert spec["argv"][at - 4] == "--mem=200M"
    assert (
        spec["argv"][at - 2 : at + 3]
        == ["-P", "-m", "ipr", "-f", "{connection_file}"][:5]
    )
    assert spec["argv"][-1] == "{inner_connection_file}"
    assert spec["display_name"] == "Python (Big.Job)"
    assert spec["env"] == {"A": "b c"}
    assert "ipr-spec check --timeout 600 Big.Job" in ran.out
    # It is one like those that install makes.
    assert "'big.job'" in home.run("list").out
    assert home.run("remove", "big.job").code == 0
    assert "ipr" not in made(home, "big.job")["argv"]


def test_modules_are_loaded_before_the_kernel_starts(home: Home) -> None:
    ran = home.run("new", "--slurm", "--module", "gcc/12", "--module", "cuda", "m")
    assert ran.code == 0, ran.err
    argv = made(home, "m")["argv"]
    inner = argv[argv.index("--") + 1 :]
    assert inner[:2] == ["bash", "-c"]
    assert inner[2].endswith(' module load gcc/12 cuda && exec "$@"')
    assert argv[argv.index("--") - 2 : argv.index("--")] == ["--inner-transport", "ipc"]


def test_interpreter_of_the_job_may_be_another_one(home: Home) -> None:
    words = ["--python", "/far/bin/python", "--display-name", "Far"]
    ran = home.run("new", "--sge", *words, "--extra", "-pe smp 4", "far")
    assert ran.code == 0, ran.err
    spec = made(home, "far")
    assert spec["argv"].count("/far/bin/python") == 2
    assert spec["display_name"] == "Far"
    at = spec["argv"].index("-pe")
    assert spec["argv"][at : at + 4] == ["-pe", "smp", "4", "/far/bin/python"]


@pytest.mark.parametrize(
    ("words", "passed_on"),
    [
        (["--extra", "--constraint=a100", "n"], ["--constraint=a100"]),
        (["--extra", "-notify", "--extra=-R y", "n"], ["-notify", "-R", "y"]),
        (["n", "--extra", "-w"], ["-w"]),
    ],
)
def test_extra_words_may_begin_with_a_dash(
    home: Home, words: list[str], passed_on: list[str]
) -> None:
    """As most of a scheduler's do, and the page's example."""
    ran = home.run("new", "--slurm", *words)
    assert ran.code == 0, ran.err
    argv = made(home, "n")["argv"]
    at = argv.index("--ntasks=1") + 1
    assert argv[at : at + len(passed_on)] == passed_on


def test_extra_without_words_is_wrong_usage(home: Home) -> None:
    ran = home.run("new", "--slurm", "n", "--extra")
    assert ran.code == 2
    assert "--extra: expected one argument" in ran.err


def test_dry_run_only_shows_it(home: Home) -> None:
    ran = home.run("new", "--lsf", "--dry-run", "--abandoned-timeout", "60", "x")
    argv = json.loads(ran.out)["argv"]
    at = argv.index("--abandoned-timeout")
    assert argv[at + 1] == "60"
    assert os.listdir(home.own) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--slurm", "ir"], "there is a kernelspec 'ir' already"),
        (["--slurm", "IR"], "there is a kernelspec 'IR' already"),
        (["--slurm", "a/b"], "'a/b' is no name for a kernelspec"),
        (["--slurm", ".."], "'..' is no name for a kernelspec"),
        (["--slurm", "--mem", "x", "n"], "--mem: 'x' is no amount of memory"),
        (["--slurm", "--env", "A", "n"], "--env: 'A' is not NAME=VALUE"),
        (["--slurm", "--env", "a-b=1", "n"], "--env: 'a-b=1' is not NAME=VALUE"),
        (["--slurm", "--module", "a;b", "n"], "--module: 'a;b' is not a module's name"),
        (["--sge", "--module", "a", "n"], "--module is for Slurm"),
        (["--slurm", "--python", "python", "n"], "is no absolute path"),
        (["--slurm", "--extra", "'", "n"], "no closing quotation"),
    ],
)
def test_bad_input_gets_a_sentence_and_nothing_is_written(
    home: Home, words: list[str], sentence: str
) -> None:
    home.add("ir", shapes.IRKERNEL)
    ran = home.run("new", *words)
    assert ran.code == 1
    assert sentence in ran.err
    assert len(ran.err.splitlines()) == 1
    assert os.listdir(home.own) == ["ir"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["n"], "pass one of --slurm, --sge, --pbs, --lsf"),
        (["--slurm"], "pass a name for the kernelspec"),
        (["--slurm", "--pbs", "n"], "not allowed with argument --slurm"),
        (["--slurm", "n", "--prefix", "/no/such"], "there is no such folder"),
    ],
)
def test_wrong_usage_of_new_exits_with_2(
    home: Home, words: list[str], sentence: str
) -> None:
    ran = home.run("new", *words)
    assert ran.code == 2
    assert sentence in ran.err
    assert os.listdir(home.own) == []


def test_folder_that_cannot_be_written_gets_a_sentence(home: Home) -> None:
    lock(home.own)
    ran = home.run("new", "--slurm", "n", before=unprivileged())
    assert ran.code == 1
    assert "n cannot be made: permission denied" in ran.err
    assert os.listdir(home.own) == []
