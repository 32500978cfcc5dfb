"""Where the words of each launcher end, a row of the table each."""

from __future__ import annotations

import re

import pytest

from ipr.spec import farside, launchers, parser

KERNEL = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.mark.parametrize(
    "words",
    [
        "qrsh -V -now n -cwd -N jupyter",
        "/opt/sge/bin/qrsh -l h_rt=1:0:0,h_vmem=2G -pe smp 4 -q all.q",
        "qrsh",
        "qsub -sync y -terse -b y -V -cwd -shell n -o out -j y",
        "qsub -sync yes -b yes",
        "qsub -W block=true -l select=1:ncpus=4 -l walltime=1:0:0 -V --",
        "bsub -K -q short",
        "condor-run.sh",
        "/home/me/bin/condor-run.sh",
        "bsub -I -q short -n 4 -W 1:00 -R rusage[mem=4000]",
        "bsub -Is -J name -x",
        "flux run -n 1 --time-limit=30m",
        "flux run -N 1 -t 30m --exclusive",
        "salloc -n 1 --mem=4G -Q srun --pty",
        "salloc /usr/bin/srun -n1",
    ],
)
def test_kernel_begins_after_the_words_of_its_launcher(words: str) -> None:
    launcher = words.split()
    assert farside.launcher_end([*launcher, *KERNEL]) == len(launcher)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("qsub -V", "without -b y starts a script"),
        ("qsub -b n", "without -b y starts a script"),
        ("qsub -b y", "without -sync y does not wait"),
        ("qsub -l walltime=1:0:0 --", "without -W block=true does not wait"),
        ("bsub -q short", "without -I or -K does not wait"),
        ("sbatch -n1", "starts a script, .*; use srun"),
        ("/usr/bin/condor_submit", "starts a script"),
        ("condor_run", "as one word; see .* for a wrapper"),
        ("oarsub -l nodes=1", "as one word, and does not wait"),
        ("qlogin -now n", "login shell, and no command; use qrsh"),
        ("qrsh -frobnicate", "does not know the qrsh option -frobnicate"),
        ("flux run --frobnicate 2", "does not know the flux option --frobnicate"),
        ("flux submit -n1", "no launcher that ipr-spec knows"),
    ],
)
def test_what_cannot_be_placed_is_refused(words: str, why: str) -> None:
    with pytest.raises(farside.CannotPlace, match=why):
        farside.launcher_end([*words.split(), *KERNEL])


def test_each_row_is_reached_by_its_name() -> None:
    for row in launchers.LAUNCHERS:
        assert launchers.known([*row.name, row.mark or "x"]) is row
        assert not set(row.takes) & row.alone


def test_example_of_the_help_knows_which_options_have_a_value() -> None:
    found = re.search(r"--launcher '([^']+)' sge-python", parser._INSTALL_EXAMPLES)
    assert found is not None
    words = ["qrsh", "-cwd", "-l", "h_rt=1:0:0", "-V", "-now", "n", "-N"]
    for length in (1, 2, 4, 5, 7):
        argv = [*words[:length], *KERNEL]
        assert farside.launcher_end(argv, pattern=found[1]) == length
