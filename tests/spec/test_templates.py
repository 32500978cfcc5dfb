"""The words by which each scheduler starts a kernel in a job."""

from __future__ import annotations

import pytest

from ipr.spec import launchers
from ipr.spec.errors import SpecError
from ipr.spec.templates import TEMPLATES

ALL = {
    "partition": "long",
    "account": "me",
    "mem": "4G",
    "time": "90m",
    "cpus": "4",
    "gpus": "2",
}
FEW = {name: ALL[name] for name in ("partition", "account", "mem", "time")}


@pytest.mark.parametrize(
    ("scheduler", "wishes", "words"),
    [
        (
            "slurm",
            ALL,
            (
                "srun --quiet --job-name=jupyter --ntasks=1 --partition=long"
                " --account=me --mem=4096M --time=01:30:00 --cpus-per-task=4 --gpus=2"
            ),
        ),
        (
            "sge",
            FEW,
            "qrsh -V -now n -cwd -N jupyter -q long -P me -l h_vmem=4096M -l h_rt=5400",
        ),
        (
            "pbs",
            ALL,
            (
                "qsub -W block=true -V -N jupyter -q long -A me -l mem=4096mb"
                " -l walltime=01:30:00 -l ncpus=4 -l ngpus=2 --"
            ),
        ),
        (
            "lsf",
            ALL,
            (
                "bsub -I -J jupyter -q long -P me -M 4096MB -W 90 -n 4 -R span[hosts=1]"
                " -gpu num=2"
            ),
        ),
    ],
)
def test_wishes_become_words_that_the_launcher_table_knows(
    scheduler: str, wishes: dict[str, str], words: str
) -> None:
    made = TEMPLATES[scheduler].words(wishes)
    assert made == words.split()
    assert launchers.end([*made, "python", "-m", "ipykernel_launcher"]) == len(made)


def test_nothing_is_said_that_nobody_wished() -> None:
    for template in TEMPLATES.values():
        assert template.words({}) == [*template.start, *template.end]


@pytest.mark.parametrize(
    ("text", "mib"), [("200", 200), ("1.5g", 1536), ("2048K", 2), ("1TB", 1 << 20)]
)
def test_memory_is_read_with_or_without_a_unit(text: str, mib: int) -> None:
    assert TEMPLATES["slurm"].words({"mem": text})[-1] == f"--mem={mib}M"


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("90", "01:30:00"),
        ("90m", "01:30:00"),
        ("3600s", "01:00:00"),
        ("2d", "48:00:00"),
        ("08:00:00", "08:00:00"),
        ("1-02:00:30", "26:00:30"),
    ],
)
def test_time_is_read_as_people_write_it(text: str, clock: str) -> None:
    assert TEMPLATES["slurm"].words({"time": text})[-1] == f"--time={clock}"


@pytest.mark.parametrize(
    ("scheduler", "name", "text", "sentence"),
    [
        ("slurm", "mem", "3q", "--mem: '3q' is no amount of memory"),
        ("slurm", "mem", "0", "--mem: '0' is no amount of memory"),
        ("slurm", "mem", "-1G", "--mem: '-1G' is no amount of memory"),
        ("slurm", "time", "0", "--time: '0' is no time of a minute or more"),
        ("slurm", "time", "1:30", "--time: '1:30' is no time"),
        ("slurm", "time", "01:99:00", "--time: '01:99:00' is no time"),
        ("slurm", "cpus", "0", "--cpus: '0' is no number of 1 or more"),
        ("slurm", "cpus", "two", "--cpus: 'two' is no number"),
        ("slurm", "gpus", "²", "--gpus: '²' is no number"),
        ("slurm", "partition", "a b", "--partition: 'a b' is not a name"),
        ("slurm", "account", "--gres=x", "--account: '--gres=x' is not a name"),
        ("sge", "cpus", "4", "Grid Engine has no --cpus that holds at every site; say"),
        ("sge", "gpus", "1", "such as --extra '-pe smp 4'"),
    ],
)
def test_bad_value_gets_a_sentence(
    scheduler: str, name: str, text: str, sentence: str
) -> None:
    with pytest.raises(SpecError) as caught:
        TEMPLATES[scheduler].words({name: text})
    assert sentence in str(caught.value)
