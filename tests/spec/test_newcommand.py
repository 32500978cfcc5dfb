"""The questions of ``ipr-spec new``, answered in a real terminal."""

from __future__ import annotations

import json
import os

import pexpect
import pytest

from tests.spec.home import PATIENCE, Home


def asked(home: Home, *words: str, there: str = "") -> pexpect.spawn:
    """Start it.

    :param there: a scheduler's command that is on the PATH.
    """
    folder = home.folder / "path"
    folder.mkdir()
    if there:
        (folder / there).write_text("#!/bin/sh\n")
        (folder / there).chmod(0o755)
    return pexpect.spawn(
        str(home.environment / "bin" / "ipr-spec"),
        ["new", *words],
        env={**home.env, "PATH": str(folder), "TERM": "dumb"},
        timeout=PATIENCE,
        encoding="utf-8",
        echo=False,
    )


def answer(child: pexpect.spawn, *pairs: tuple[str, str]) -> None:
    for question, text in pairs:
        child.expect_exact(question)
        child.sendline(text)


def test_what_is_missing_is_asked_for(home: Home) -> None:
    child = asked(home, there="srun")
    answer(
        child,
        ("Scheduler (slurm, sge, pbs, lsf) [slurm]: ", ""),
        ("Partition or queue: ", "gpu"),
        ("Memory, such as 4G: ", "lots"),
        ("'lots' is no amount of memory", ""),
        ("Time limit, such as 8h: ", "8h"),
        ("Processors: ", ""),
        ("GPUs: ", "1"),
        ("Name of the kernelspec [slurm-python]: ", ""),
    )
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    text = (home.own / "slurm-python" / "kernel.json").read_text()
    argv = json.loads(text)["argv"]
    assert argv[4:7] == ["--partition=gpu", "--time=08:00:00", "--gpus=1"]


def test_only_what_the_scheduler_has_words_for_is_asked(home: Home) -> None:
    child = asked(home, "--sge", "mine")
    answer(
        child,
        ("Partition or queue: ", ""),
        ("Memory, such as 4G: ", ""),
        ("Time limit, such as 8h: ", ""),
    )
    child.expect_exact("qrsh is not on the PATH of this machine")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    assert os.listdir(home.own) == ["mine"]


@pytest.mark.parametrize("end", ["\x04", "\x03"])
def test_nothing_is_written_when_the_answers_end(home: Home, end: str) -> None:
    child = asked(home, "--slurm")
    child.expect_exact("Partition or queue: ")
    child.send(end)
    child.expect(pexpect.EOF)
    assert child.wait() in (1, 2)
    assert "Traceback" not in (child.before or "")
    assert os.listdir(home.own) == []


def test_nothing_is_asked_where_enough_is_said(home: Home) -> None:
    child = asked(home, "--slurm", "--mem", "4G", "enough", there="srun")
    child.expect_exact("Try it, in a job that may wait")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
