"""ipr after a launcher, or in remote_ikernel's ``--kernel_cmd``."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest

from ipr.spec.around import starter
from ipr.spec.errors import SpecError
from ipr.spec.inside import patched_inside
from ipr.spec.restoring import restored
from ipr.spec.wrapping import wrapping_of
from tests.spec import shapes

START = ["/ipr/python", "-P", "-m", "ipr"]


PLACE = ["-f", "{connection_file}", "--resource-dir", "{resource_dir}"]


def test_behind_srun() -> None:
    spec = json.loads(shapes.SLURM)
    new = patched_inside(spec, START, ["--abandoned-timeout", "3600"])
    assert new["argv"] == [
        *["srun", "-Q", "-n1", "--time=2:00:00", "-J", "jupyter-kernel"],
        *START,
        *PLACE,
        *["--interrupt-mode", "message", "--abandoned-timeout", "3600", "--"],
        *["/opt/envs/analysis/bin/python", "-m", "ipykernel_launcher"],
        *["-f", "{inner_connection_file}"],
    ]
    wrapping = wrapping_of(new)
    assert wrapping is not None
    assert wrapping.kind == "inside"
    assert wrapping.options[:2] == ("--interrupt-mode", "message")
    assert restored(new) == spec


def test_the_launcher_must_not_have_the_connection_file() -> None:
    spec = {"argv": ["start", "{connection_file}", "now"]}
    with pytest.raises(SpecError, match="nothing after its launcher"):
        patched_inside(spec, START, after=2)


def kernel_cmd(command: str, **how: object) -> str:
    """Wrap the command of a remote_ikernel spec; it must come back from it too."""
    argv = ["p", "-m", "remote_ikernel", "--kernel_cmd", command, "{connection_file}"]
    spec = {"argv": argv, "remote_ikernel_argv": []}
    new = patched_inside(spec, ["py", "-m", "ipr"], **how)  # type: ignore[arg-type]
    assert restored(new) == spec
    wrapping = wrapping_of(new)
    assert wrapping is not None
    assert (wrapping.kind, wrapping.python) == ("inside", "py")
    words = new["argv"]
    assert isinstance(words, list)
    assert words[:4] == argv[:4]
    assert words[5:] == argv[5:]
    text: str = words[4]
    return text


OWN = "py -m ipr -f {host_connection_file} --"


INNER = "'{{inner_connection_file}}'"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "python -m ipykernel_launcher -f {host_connection_file}",
            f"{OWN} python -m ipykernel_launcher -f {INNER}",
        ),
        (
            ". ~/env/bin/activate && A=1 exec python -f={host_connection_file} >l",
            f". ~/env/bin/activate && A=1 exec {OWN} python -f={INNER} >l",
        ),
        (
            "module load R; R -e 'IR::main()' {host_connection_file} 2>&1 | tee log",
            f"module load R; {OWN} R -e 'IR::main()' {INNER} 2>&1 | tee log",
        ),
        (
            'bash -c "module load R; kernel {host_connection_file}"',
            f'{OWN} bash -c "module load R; kernel {{{{inner_connection_file}}}}"',
        ),
        (
            "cd $(dirname {host_connection_file}); k '{host_connection_file}' &",
            f"cd $(dirname {{host_connection_file}}); {OWN} k {INNER} &",
        ),
        (
            'k "\\"" {host_connection_file}; true',
            f'{OWN} k "\\"" {INNER}; true',
        ),
        (
            "srun -n1 -c 2 k {host_connection_file}",
            f"srun -n1 -c 2 {OWN} k {INNER}",
        ),
        (
            "k {connection_file}",
            f"py -m ipr -f {{connection_file}} -- k {INNER}",
        ),
    ],
)
def test_in_front_of_a_command_of_remote_ikernel(before: str, after: str) -> None:
    assert kernel_cmd(before) == after


def test_a_launcher_on_the_far_side() -> None:
    command = "singularity exec image.sif k {host_connection_file}"
    wrapped = f"singularity exec image.sif {OWN} k {INNER}"
    assert kernel_cmd(command, after=3) == wrapped
    assert kernel_cmd(command, pattern=r"singularity exec \S+") == wrapped


def test_options_and_quoting() -> None:
    text = kernel_cmd("k {host_connection_file}", options=["--log-level", "a b{c}"])
    assert text.startswith(
        "py -m ipr -f {host_connection_file} --log-level 'a b{{c}}' -- k "
    )


def test_no_place_in_a_command_of_remote_ikernel() -> None:
    with pytest.raises(SpecError, match=r"does not contain \{host_conn"):
        kernel_cmd("ipython kernel")


@pytest.mark.parametrize(
    "command",
    [
        "printf '%s\\n' python -f {host_connection_file}",
        'A=1 printf "%s\\n" "x {host_connection_file}"; true',
        "true && printf '%s\\n' --f={host_connection_file} \"a'b\" 'c\"d'",
    ],
)
def test_what_a_real_shell_makes_of_it(command: str) -> None:
    """As remote_ikernel does: format it, and type it into a shell."""
    start = starter("far python")
    argv = ["-m", "remote_ikernel", "--kernel_cmd", command, "{connection_file}"]
    new = patched_inside({"argv": argv}, start)
    # The server fills in what it knows in the whole of argv.
    field = re.compile(r"\{([A-Za-z0-9_]+)\}")
    served = [
        field.sub(
            lambda match: {"connection_file": "/served"}.get(match[1], match[0]), w
        )
        for w in new["argv"]  # type: ignore[attr-defined]
    ]
    line = served[3].format(host_connection_file="./rik.json", ci={})
    # Only the interpreter is missing here: a function takes its place.
    line = line.replace("'far python'", "show")
    show = 'show() { for word in "$@"; do printf "<%s>" "$word"; done; }\n'
    out = subprocess.run(
        ["bash", "-c", show + line], capture_output=True, text=True, check=True
    ).stdout
    words = re.findall("<(.*?)>", out, re.DOTALL)
    assert words[:3] == ["-P", "-m", "ipr"]
    assert words[3:6] == ["-f", "./rik.json", "--"]
    plain = command.split("&& ")[-1].removeprefix("A=1 ").partition(";")[0]
    inner = plain.replace("{host_connection_file}", "{inner_connection_file}")
    assert words[6:] == shlex.split(inner)


@pytest.mark.parametrize(
    ("argv", "after", "words"),
    [
        (["srun", "k"], None, "contains {connection_file}"),
        (["python", "k"], None, "which is no launcher that ipr-spec knows"),
        (["p", "--kernel_cmd", "k"], None, "does not contain {host_connection_file}"),
        (
            ["p", "--kernel_cmd", "srun -J {host_connection_file} k"],
            3,
            "after its launcher contains {host_connection_file}",
        ),
    ],
)
def test_a_command_without_a_place_for_the_file_is_refused(
    argv: list[str], after: int | None, words: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        patched_inside({"argv": argv}, START, [], after)


def test_kernel_cmd_with_an_equals_sign_keeps_it() -> None:
    argv = ["p", "--kernel_cmd=k {host_connection_file}"]
    found = patched_inside({"argv": argv}, START, [])["argv"]
    assert isinstance(found, list)
    assert found[1].startswith("--kernel_cmd=/ipr/python -P -m ipr")
