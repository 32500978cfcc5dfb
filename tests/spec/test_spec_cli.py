from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec

from ipr.spec import listing, plan, spec_cli
from ipr.spec.plan import Step
from tests.spec import spec_shapes
from tests.spec.spec_home import (
    PATIENCE,
    Home,
    kept,
    make_environment,
    starter,
    unprivileged,
)


def daemon(home: Home, path: Path) -> list[str]:
    """:return: the command line of the daemon in the kernel.json at *path*."""
    return [
        *starter(home.python),
        *("-f", "{connection_file}", "--resource-dir", "{resource_dir}"),
        *("--spec-dir", str(path.parent)),
    ]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("spec") / "environment")


@pytest.fixture
def home(tmp_path: Path, environment: Path) -> Home:
    return Home(tmp_path, environment)


def read(path: Path) -> dict[str, object]:
    spec = json.loads(path.read_bytes())
    assert isinstance(spec, dict)
    return spec


# list


def test_list_looks_as_its_users_know_it(home: Home) -> None:
    home.add("atk", spec_shapes.IRKERNEL)
    home.add("python3", spec_shapes.IPYKERNEL)
    home.add("ir", spec_shapes.IRKERNEL, home.site)
    home.add("broken", b'{\n "argv":\n  [,]\n}')
    home.add("slurm", spec_shapes.SLURM)
    home.add("rik", spec_shapes.REMOTE_IKERNEL)
    home.add("old", spec_shapes.EARLIER)
    home.add("oldrik", spec_shapes.EARLIER_FAR_SIDE)
    assert home.run("install", "atk").code == 0
    assert home.run("install", "--inside", "slurm", "rik").code == 0
    assert home.run("list").out == (
        "In place restarting installed on:\n"
        "  ✓ 'atk'\n"
        "\n"
        "Use: ipr-spec remove [name …] to remove\n"
        "\n"
        "In place restarting installed on the far side of:\n"
        "  ✓ 'rik'     remote_ikernel\n"
        "  ✓ 'slurm'   srun\n"
        "\n"
        "Use: ipr-spec remove [name …] to remove\n"
        "\n"
        "Patched by the earlier package inplace_restarter:\n"
        "  - 'old'\n"
        "  - 'oldrik'   on the far side\n"
        "\n"
        "Use: ipr-spec install [name …] to upgrade\n"
        "\n"
        "In place restarting installable on:\n"
        "  - 'ir'\n"
        "  - 'python3'\n"
        "\n"
        "Use: ipr-spec install [name …] to install\n"
        "\n"
        "Cannot be installed on:\n"
        "  ✘ 'broken'   kernel.json is not valid JSON (line 3)\n"
    )
    states = {name: kernel["state"] for name, kernel in home.listed().items()}
    assert states == {
        "atk": "installed",
        "broken": "impossible",
        "ir": "installable",
        "old": "earlier",
        "oldrik": "earlier",
        "python3": "installable",
        "rik": "inside",
        "slurm": "inside",
    }


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_list_where_the_marks_cannot_be_shown(home: Home, encoding: str) -> None:
    home.add("a", spec_shapes.IRKERNEL)
    home.add("b", b"")
    home.run("install", "a")
    ran = home.run("list", env={"PYTHONIOENCODING": encoding})
    assert ran.code == 0, ran.err
    plain = encoding != "utf-8"
    assert ("  + 'a'" if plain else "  ✓ 'a'") in ran.out
    assert ("  x 'b'" if plain else "  ✘ 'b'") in ran.out
    assert ("[name ...]" if plain else "[name …]") in ran.out


def test_list_of_nothing_says_where_it_looked(home: Home) -> None:
    ran = home.run("list")
    assert ran.code == 0
    assert str(home.own) in ran.out
    assert str(home.site) in ran.out


def test_list_into_a_closed_pipe(home: Home) -> None:
    for number in range(200):
        home.add(f"k{number}", spec_shapes.IRKERNEL)
    command = f"{home.environment}/bin/ipr-spec list --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", command], env=home.env, capture_output=True, timeout=PATIENCE
    )
    assert len(done.stdout) == 10
    assert done.stderr == b""


def test_list_says_why_not(home: Home) -> None:
    for name, data in {
        "empty": b"",
        "array": b"[]",
        "bytes": b'{"argv": ["\xff"]}',
        "noargv": b'{"display_name": "x"}',
        "noconnection": b'{"argv": ["x"]}',
        "cloud": b'{"argv": ["x", "{connection_file}"], "metadata": '
        b'{"kernel_provisioner": {"provisioner_name": "cloud"}}}',
    }.items():
        home.add(name, data)
    (home.own / "missing").mkdir()
    (home.own / "dangling").symlink_to(home.folder / "nowhere")
    os.mkfifo(home.add("fifo", b"").with_name("pipe"))
    (home.own / "fifo" / "kernel.json").unlink()
    (home.own / "fifo" / "pipe").rename(home.own / "fifo" / "kernel.json")
    home.add("gone", spec_shapes.IRKERNEL)
    assert home.run("install", "gone").code == 0
    gone = home.own / "gone" / "kernel.json"
    gone.write_bytes(gone.read_bytes().replace(b"bin/python", b"gone/python"))
    listed = home.listed()
    details = {name: kernel["detail"] for name, kernel in listed.items()}
    python = read(gone)["argv"][0]  # type: ignore[index]
    assert details == {
        "array": "kernel.json is not a JSON object",
        "bytes": "kernel.json is not UTF-8 (line 1)",
        "cloud": "its provisioner 'cloud' may not run argv (--force installs anyway)",
        "dangling": "it is a symlink that leads nowhere",
        "empty": "kernel.json is empty",
        "fifo": "kernel.json is not a file",
        "gone": f"{python} is gone, it cannot start; 'ipr-spec install gone' mends it",
        "missing": "kernel.json is missing",
        "noargv": "kernel.json has no argv",
        "noconnection": (
            "its argv does not contain {connection_file} (--force installs anyway)"
        ),
    }
    assert home.run("install", "gone").out == "brought 'gone' up to date\n"
    assert home.listed()["gone"]["detail"] == ""


def test_another_environment(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    kernels = other / "share" / "jupyter" / "kernels"
    path = home.add("python3", spec_shapes.IPYKERNEL, kernels)
    assert "python3" not in home.listed()
    assert list(home.listed("--prefix", str(other))) == ["python3"]
    assert home.run("install", "--prefix", str(other), "python3").code == 0
    assert read(path)["argv"] == daemon(home, path)
    assert home.run("remove", "--prefix", str(other), "python3").code == 0
    assert path.read_bytes() == spec_shapes.IPYKERNEL
    # JUPYTER_PATH, as for everything that is Jupyter's
    env = {"JUPYTER_PATH": str(other / "share" / "jupyter")}
    assert "'python3'" in home.run("list", env=env).out


# install and remove


def test_install_and_remove(home: Home) -> None:
    """The files of all these projects, as processes see them."""
    paths = {name: home.add(name, data) for name, data in spec_shapes.ALL.items()}
    for path in paths.values():
        path.chmod(0o640)
    before = home.content()

    def run(command: str) -> list[str]:
        ran = home.run(command, *paths)
        assert ran.code == 0
        if command == "install" and between is None:
            # These start elsewhere, and ipr would not go along.
            told = [line.partition("so each")[0] for line in ran.err.splitlines()]
            assert told == [
                (
                    "ipr-spec: 'rik_ssh_node1_py3': its command starts with"
                    " remote_ikernel, "
                ),
                "ipr-spec: 'slurm': its command starts with srun, ",
            ]
        else:
            assert ran.err == ""
        return ran.out.splitlines()

    between = None
    assert run("install") == [f"installed on {name!r}" for name in paths]
    between = home.content()
    for name, path in paths.items():
        spec, old = read(path), json.loads(spec_shapes.ALL[name])
        assert spec["argv"] == daemon(home, path)
        assert kept(spec)["restarter_original_argv"] == old["argv"]
        assert path.stat().st_mode & 0o7777 == 0o640
        _load_with_no_new_warning(path, old)
    already = "nothing to do: ipr is installed on {!r} already"
    assert run("install") == [already.format(name) for name in paths]
    assert home.content() == between
    assert run("remove") == [f"removed from {name!r}" for name in paths]
    assert home.content() == before
    not_there = "nothing to do: ipr is not installed on {!r}"
    assert run("remove") == [not_there.format(name) for name in paths]
    assert home.content() == before
    for path in paths.values():
        assert path.stat().st_mode & 0o7777 == 0o640


def _load_with_no_new_warning(path: Path, old: dict[str, object]) -> None:
    def warned(spec: dict[str, object]) -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            KernelSpec(resource_dir=str(path.parent), **spec)
        return [str(w.message).partition("(")[0] for w in caught]

    assert warned(read(path)) == warned(old)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = KernelSpec.from_resource_dir(str(path.parent))
    assert loaded.interrupt_mode == "message"
    assert loaded.language == old["language"]


def test_all_but_what_cannot_be(home: Home) -> None:
    paths = {name: home.add(name, data) for name, data in spec_shapes.ALL.items()}
    broken = home.add("broken", b"{")
    before = home.content()
    ran = home.run("install", "--all")
    assert ran.code == 0, ran.err
    assert "skipped 'broken': kernel.json is not valid JSON" in ran.out
    for path in paths.values():
        assert read(path)["argv"] == daemon(home, path)
    assert broken.read_bytes() == b"{"
    assert home.run("install", "--all").code == 0
    ran = home.run("remove", "--all")
    assert ran.code == 0, ran.err
    assert home.content() == before
    assert home.run("remove", "--all").out.startswith("nothing to do")


def test_one_wrong_name_among_others(home: Home) -> None:
    home.add("ir", spec_shapes.IRKERNEL)
    home.add("bash", spec_shapes.BASH_KERNEL)
    ran = home.run("install", "ir", "bsh", "bash")
    assert ran.code == 1
    assert ran.out == "installed on 'ir'\ninstalled on 'bash'\n"
    assert ran.err == "ipr-spec: 'bsh': there is no such kernel; did you mean 'bash'?\n"
    ran = home.run("remove", "ir", "zzz", "bash")
    assert ran.code == 1
    assert ran.err.startswith("ipr-spec: 'zzz': there is no such kernel; there are")
    assert ran.out == "removed from 'ir'\nremoved from 'bash'\n"


def test_names_are_jupyters(home: Home) -> None:
    path = home.add("IR-4.2", spec_shapes.IRKERNEL)
    assert home.run("install", "ir-4.2").code == 0
    assert home.run("remove", "Ir-4.2").code == 0
    assert path.read_bytes() == spec_shapes.IRKERNEL


def test_dry_run(home: Home) -> None:
    path = home.add("ir", spec_shapes.IRKERNEL)
    ran = home.run("install", "--dry-run", "ir")
    assert ran.code == 0
    assert ran.out.startswith("would install on 'ir'\n--- ")
    assert '+{"argv": [' in ran.out
    assert ' "display_name":"R",\n' in ran.out
    assert path.read_bytes() == spec_shapes.IRKERNEL
    home.run("install", "ir")
    between = path.read_bytes()
    ran = home.run("remove", "--dry-run", "ir")
    assert ran.out.startswith("would remove from 'ir'\n--- ")
    assert path.read_bytes() == between
    ran = home.run("install", "--user", "--dry-run", "ir")
    assert ran.out == "nothing to do: ipr is installed on 'ir' already\n"


def test_options_for_the_daemon(home: Home) -> None:
    path = home.add("ir", spec_shapes.IRKERNEL)
    own = daemon(home, path)
    words = ["--RestarterApp.log_level=DEBUG", "--restart-limit", "2"]
    assert home.run("install", "ir", "--", *words).code == 0
    assert read(path)["argv"] == [*own, *words]
    # Not said again, they stay.
    assert "already" in home.run("install", "ir").out
    assert read(path)["argv"] == [*own, *words]
    ran = home.run("install", "ir", "--option", "no-exec", "--option=--log-level INFO")
    assert ran.out == "brought 'ir' up to date\n"
    assert read(path)["argv"] == [*own, "--no-exec", "--log-level", "INFO"]
    assert home.run("install", "ir", "--").code == 0
    assert read(path)["argv"] == own
    # A user may write them there.
    spec = read(path)
    spec["argv"] = [*own, "--start-timeout=5"]
    path.write_text(json.dumps(spec))
    assert home.run("install", "ir").code == 0
    assert read(path)["argv"] == [*own, "--start-timeout=5"]
    assert home.run("remove", "ir").code == 0
    assert read(path) == json.loads(spec_shapes.IRKERNEL)


@pytest.mark.parametrize(
    "words",
    [
        ["--frobnicate"],
        ["--restart-limit", "many"],
        ["--log-level"],
        ["-f", "x"],
        ["--resource-dir=x"],
        ["--kernel", "x"],
        ["--help"],
        ["--", "kernel"],
        ["stray"],
    ],
)
def test_options_that_the_daemon_would_refuse(home: Home, words: list[str]) -> None:
    path = home.add("ir", spec_shapes.IRKERNEL)
    ran = home.run("install", "ir", "--", *words)
    assert ran.code == 2
    assert ran.err.startswith("ipr-spec install: ")
    assert ran.err.count("\n") == 1
    assert path.read_bytes() == spec_shapes.IRKERNEL


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
def test_wrong_usage(home: Home, args: list[str]) -> None:
    path = home.add("ir", spec_shapes.IRKERNEL)
    ran = home.run(*args)
    assert ran.code == 2
    assert ran.err
    assert not ran.out
    assert path.read_bytes() == spec_shapes.IRKERNEL


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


def test_python_m_ipr_does_the_same(home: Home) -> None:
    home.add("ir", spec_shapes.IRKERNEL)

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
    home.add("ir", spec_shapes.IRKERNEL)
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


# bad input


BAD: dict[str, tuple[bytes | None, str]] = {
    "empty": (b"", "kernel.json is empty"),
    "truncated": (spec_shapes.IPYKERNEL[:40], "not valid JSON (line 5)"),
    "array": (b"[]", "not a JSON object"),
    "number": (b"1", "not a JSON object"),
    "noargv": (b"{}", "has no argv"),
    "emptyargv": (b'{"argv": []}', "argv is empty"),
    "stringargv": (b'{"argv": "x {connection_file}"}', "not a list of strings"),
    "mixedargv": (b'{"argv": ["{connection_file}", 1]}', "not a list of strings"),
    "latin": (b'{"argv": ["{connection_file}"], "display_name": "\xe9"}', "UTF-8"),
    "mode": (b'{"argv": ["{connection_file}"], "interrupt_mode": 1}', "interrupt_mode"),
    "stray": (
        b'{"argv": ["{connection_file}"], "restarter_original_argv": ["x"]}',
        "restarter_original_argv",
    ),
    "mangled": (
        b'{"argv": ["/p", "-m", "ipr", "-f", "x"], "restarter_original_argv": "x"}',
        "restarter_original_argv is not a list of strings",
    ),
    "lost": (
        b'{"argv": ["/p", "-m", "ipr", "-f", "{connection_file}"]}',
        "restarter_original_argv is missing",
    ),
    "oldlost": (
        b'{"argv": ["/p", "-m", "inplace_restarter", "-f", "{connection_file}"]}',
        "restarter_original_argv is missing",
    ),
    "twice": (
        b'{"argv": ["p", "-m", "ipr"], "restarter_original_argv": ["p", "-m", "ipr"]}',
        "starts ipr once more",
    ),
    "hand": (
        b'{"argv": ["/p", "-m", "ipr", "-f", "{connection_file}", "--", "k"]}',
        "by hand",
    ),
    "missing": (None, "kernel.json is missing"),
    "../ir": (None, "not a kernel's name"),
    "/etc": (None, "not a kernel's name"),
    "": (None, "not a kernel's name"),
}


@pytest.mark.parametrize("command", ["install", "remove"])
def test_bad_input(home: Home, command: str) -> None:
    for name, (data, _) in BAD.items():
        if data is not None:
            home.add(name, data)
    (home.own / "missing").mkdir()
    before = home.content()
    ran = home.run(command, *BAD)
    assert home.content() == before
    assert ran.code == 1
    lines = ran.err.splitlines()
    for name, (_, words) in BAD.items():
        (line,) = [line for line in lines if line.startswith(f"ipr-spec: {name!r}: ")]
        assert words in line


def test_force(home: Home) -> None:
    data = (
        b'{"argv": ["x"], "metadata":'
        b' {"kernel_provisioner": {"provisioner_name": "cloud"}}}'
    )
    path = home.add("cloud", data)
    assert home.run("install", "cloud").code == 1
    ran = home.run("install", "--force", "cloud")
    assert ran.code == 0
    assert ran.err == (
        "ipr-spec: 'cloud': its provisioner 'cloud' may start the kernel without its"
        " argv, and then ipr does not run; try it: ipr-spec check cloud\n"
    )
    assert home.run("remove", "cloud").code == 0
    assert path.read_bytes() == data


def test_the_built_in_python3(home: Home) -> None:
    ran = home.run("install", "python3")
    assert ran.code == 1
    assert "-m ipykernel install --sys-prefix" in ran.err


# the earlier package


def test_upgrade(home: Home) -> None:
    path = home.add("ir", spec_shapes.EARLIER)
    assert home.run("install", "ir").out == "upgraded 'ir' from the earlier package\n"
    spec = read(path)
    assert spec["argv"] == [*daemon(home, path), "--RestarterApp.log_level=DEBUG"]
    assert (
        kept(spec)["restarter_original_argv"]
        == json.loads(spec_shapes.IRKERNEL)["argv"]
    )
    assert kept(spec)["restarter_original_interrupt_mode"] == "message"
    assert home.run("remove", "ir").code == 0
    assert read(path) == {
        **json.loads(spec_shapes.IRKERNEL),
        "interrupt_mode": "message",
    }


def test_upgrade_on_the_far_side(home: Home) -> None:
    path = home.add("rik", spec_shapes.EARLIER_FAR_SIDE)
    assert home.run("install", "rik").out == "upgraded 'rik' from the earlier package\n"
    assert home.listed()["rik"]["state"] == "inside"
    assert home.run("remove", "rik").code == 0
    assert path.read_bytes() == spec_shapes.REMOTE_IKERNEL


def test_remove_the_earlier_package(home: Home) -> None:
    path = home.add("ir", spec_shapes.EARLIER)
    far = home.add("rik", spec_shapes.EARLIER_FAR_SIDE)
    assert home.run("remove", "--all").code == 0
    assert read(path) == {
        **json.loads(spec_shapes.IRKERNEL),
        "interrupt_mode": "message",
    }
    assert far.read_bytes() == spec_shapes.REMOTE_IKERNEL


# on the far side


def test_inside(home: Home) -> None:
    rik = home.add("rik", spec_shapes.REMOTE_IKERNEL)
    slurm = home.add("slurm", spec_shapes.SLURM)
    ran = home.run(
        *["install", "--inside", "--python", "~/env/bin/python"],
        *["--abandoned-timeout", "3600", "rik", "slurm"],
    )
    assert ran.code == 0, ran.err
    command = read(rik)["argv"][8]  # type: ignore[index]
    assert command.startswith("~/env/bin/python -P -m ipr -f ")
    assert command.endswith(
        " -f {host_connection_file} --abandoned-timeout 3600 --"
        " /opt/envs/analysis/bin/python -m ipykernel_launcher"
        " -f '{{inner_connection_file}}'"
    )
    words = read(slurm)["argv"]
    assert isinstance(words, list)
    assert words[:7] == [
        *["srun", "-Q", "-n1", "--time=2:00:00", "-J", "jupyter-kernel"],
        # No shell expands it there.
        f"{home.folder}/home/env/bin/python",
    ]
    at = words.index("--abandoned-timeout")
    assert words[at + 1 : at + 3] == ["3600", "--"]
    listed = home.listed()
    assert listed["rik"]["state"] == listed["slurm"]["state"] == "inside"
    # install alone changes nothing about it
    between = home.content()
    assert "far side of 'rik' already" in home.run("install", "rik").out
    assert home.content() == between
    assert home.run("remove", "rik", "slurm").code == 0
    assert rik.read_bytes() == spec_shapes.REMOTE_IKERNEL
    assert slurm.read_bytes() == spec_shapes.SLURM


def test_from_around_to_inside(home: Home) -> None:
    path = home.add("slurm", spec_shapes.SLURM)
    assert home.run("install", "slurm").code == 0
    assert home.listed()["slurm"]["state"] == "installed"
    assert home.run("install", "--inside", "slurm").code == 0
    assert home.listed()["slurm"]["state"] == "inside"
    words = read(path)["argv"]
    assert isinstance(words, list)
    assert words[6 : 6 + len(starter("x"))] == starter(home.python)
    assert home.run("install", "--inside", "slurm", "--", "--no-exec").code == 0
    assert read(path)["argv"].count("--interrupt-mode") == 1  # type: ignore[attr-defined]
    assert home.run("remove", "slurm").code == 0
    assert path.read_bytes() == spec_shapes.SLURM


def test_inside_of_what_is_not_known(home: Home) -> None:
    path = home.add("conda", spec_shapes.CONDA)
    ran = home.run("install", "--inside", "conda")
    assert ran.code == 1
    assert "--after N" in ran.err
    assert path.read_bytes() == spec_shapes.CONDA
    pattern = r"\S+ -m nb_conda_kernels.runner \S+ \S+"
    assert home.run("install", "--inside", "--launcher", pattern, "conda").code == 0
    one = path.read_bytes()
    assert home.run("remove", "conda").code == 0
    assert home.run("install", "--inside", "--after", "5", "conda").code == 0
    assert path.read_bytes() == one
    words = read(path)["argv"]
    assert isinstance(words, list)
    assert words[words.index("--") + 1] == "/opt/conda/envs/gpu/bin/python"
    assert home.listed()["conda"]["detail"] == "python"


# not to be written by this user


def lock(folder: Path) -> None:
    """Make a kernelspec somebody else's."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 1000, 1000)
        os.chown(folder.parent, 1000, 1000)
    else:
        folder.chmod(0o555)
        (folder / "kernel.json").chmod(0o444)


def test_a_kernelspec_of_the_admins(home: Home) -> None:
    data = spec_shapes.BASH_KERNEL.replace(
        b'"-m", "bash_kernel"', b'"{resource_dir}/start.py"'
    ).replace(b'"$"', b'"{resource_dir}"')
    path = home.add("bash", data, home.site)
    (path.parent / "more").mkdir()
    (path.parent / "more" / "kernel.js").write_text("//")
    (path.parent / "logo-64x64.png").chmod(0o444)
    lock(path.parent)
    before = home.content()
    plain = unprivileged()

    ran = home.run("install", "bash", before=plain)
    assert ran.code == 1
    assert "do not have permission to write to" in ran.err
    assert ran.err.endswith("ipr-spec install --user bash\n")
    assert home.run("install", "--dry-run", "bash", before=plain).code == 1
    assert home.content() == before

    ran = home.run("install", "--user", "--dry-run", "bash", before=plain)
    assert ran.code == 0, ran.err
    assert "would copy 'bash'" in ran.out
    assert home.content() == before

    ran = home.run("install", "--user", "bash", before=plain)
    assert ran.code == 0, ran.err
    copy = home.own / "bash"
    spec = read(copy / "kernel.json")
    assert spec["argv"] == daemon(home, copy / "kernel.json")
    original = kept(spec)["restarter_original_argv"]
    assert isinstance(original, list)
    assert original[1] == f"{path.parent}/start.py", "what it meant before"
    assert spec["env"] == {"PS1": str(path.parent)}
    assert (copy / "more" / "kernel.js").read_text() == "//"
    assert (copy / "logo-64x64.png").read_bytes().startswith(b"\x89PNG")
    assert path.read_bytes() == data
    listed = home.listed()["bash"]
    assert (listed["folder"], listed["copy_of"]) == (str(copy), str(path.parent))
    again = home.run("install", "--user", "bash", before=plain)
    assert again.out == "nothing to do: ipr is installed on 'bash' already\n"

    ran = home.run("remove", "bash", before=plain)
    assert ran.code == 0, ran.err
    assert home.content() == before
    assert not copy.exists()


def test_remove_deletes_only_what_it_made(home: Home) -> None:
    home.add("bash", spec_shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").code == 0
    copy = home.own / "bash"
    # A copy of the copy is the user's own work: it is restored, not deleted.
    shutil.copytree(copy, home.own / "mine")
    assert home.run("remove", "mine").out == "removed from 'mine'\n"
    assert (home.own / "mine" / "kernel.json").exists()
    # So is what has come into the folder, or was changed there.
    (copy / "notes.txt").write_text("important")
    ran = home.run("remove", "bash")
    assert ran.code == 1
    assert "notes.txt" in ran.err
    (copy / "notes.txt").unlink()
    logo = (copy / "logo-64x64.png").read_bytes()
    (copy / "logo-64x64.png").write_bytes(b"drawn anew")
    ran = home.run("remove", "bash")
    assert ran.code == 1
    assert "logo-64x64.png" in ran.err
    (copy / "logo-64x64.png").write_bytes(logo)
    # Options for ipr may be written into its argv: that goes with ipr.
    spec = read(copy / "kernel.json")
    argv = spec["argv"]
    assert isinstance(argv, list)
    argv += ["--log-level", "DEBUG"]
    (copy / "kernel.json").write_text(json.dumps(spec))
    assert home.run("remove", "bash").code == 0
    assert not copy.exists()
    assert home.listed()["bash"]["folder"] == str(home.site / "bash")


def test_remove_keeps_what_was_made_of_a_copy(home: Home) -> None:
    """Edited, or the only one left: it is restored like any other."""
    home.add("bash", spec_shapes.BASH_KERNEL, home.site)
    copy = home.own / "bash"
    assert home.run("install", "--user", "bash").code == 0
    spec = read(copy / "kernel.json")
    spec["env"] = {"A": "1"}
    (copy / "kernel.json").write_text(json.dumps(spec))
    assert home.run("remove", "bash").out == "removed from 'bash'\n"
    assert read(copy / "kernel.json")["env"] == {"A": "1"}
    assert home.run("remove", "bash").code == 0  # nothing to do
    shutil.rmtree(copy)
    # Another program has written it anew, without ipr.
    assert home.run("install", "--user", "bash").code == 0
    (copy / "kernel.json").write_bytes(spec_shapes.BASH_KERNEL)
    assert home.run("remove", "bash").out.startswith("nothing to do")
    assert copy.exists()
    shutil.rmtree(copy)
    # The site has given the kernel up.
    assert home.run("install", "--user", "bash").code == 0
    shutil.rmtree(home.site / "bash")
    assert home.run("remove", "bash").out == "removed from 'bash'\n"
    assert home.listed()["bash"]["state"] == "installable"


def test_another_copy_at_the_same_time(home: Home) -> None:
    """What somebody works on is not taken for what a kill left."""
    home.add("bash", spec_shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").code == 0
    copy = home.own / "bash"
    (copy / "kernel.json").unlink()
    with open(copy / "ipr-copy.json", "rb") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        ran = home.run("install", "--user", "bash")
        assert ran.code == 1
        assert "another ipr-spec; try again" in ran.err
    assert home.run("install", "--user", "bash").code == 0


def test_inside_once_more(home: Home) -> None:
    """Other options leave the interpreter over there and its place alone."""
    argv = ["qrsh", "-q", "gpu", "python3", "-m", "k", "-f", "{connection_file}"]
    home.add("sge", json.dumps({"argv": argv}).encode(), home.own)
    python = "/far/env/bin/python"
    first = ["install", "--inside", "--after", "3", "--python", python, "sge"]
    assert home.run(*first).code == 0
    assert home.run("install", "--all", "--", "--log-level", "DEBUG").code == 0
    found = read(home.own / "sge" / "kernel.json")["argv"]
    assert isinstance(found, list)
    assert found[:4] == ["qrsh", "-q", "gpu", python]
    assert found[found.index("--log-level") + 1] == "DEBUG"
    assert home.run("remove", "sge").code == 0
    assert read(home.own / "sge" / "kernel.json")["argv"] == argv


def test_a_provisioner_without_a_name(home: Home) -> None:
    """One odd kernel.json must not take the list of all others along."""
    odd = {
        "argv": ["x", "{connection_file}"],
        "display_name": "x",
        "metadata": {"kernel_provisioner": {"provisioner_name": ["x"]}},
    }
    home.add("odd", json.dumps(odd).encode(), home.own)
    home.add("bash", spec_shapes.BASH_KERNEL, home.own)
    assert home.listed()["bash"]["state"] == "installable"
    assert home.listed()["odd"]["state"] == "impossible"


def test_half_a_copy_is_in_nobodys_way(home: Home) -> None:
    """As a kill leaves it: the marker comes first and goes last."""
    home.add("bash", spec_shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").code == 0
    (home.own / "bash" / "kernel.json").unlink()
    assert home.listed()["bash"]["folder"] == str(home.site / "bash")
    assert home.run("install", "--user", "bash").code == 0
    assert home.listed()["bash"]["state"] == "installed"
    assert home.run("remove", "bash").code == 0
    # But somebody else's folder of that name is not touched.
    (home.own / "bash").mkdir()
    (home.own / "bash" / "notes").write_text("")
    ran = home.run("install", "--user", "bash")
    assert ran.code == 1
    assert "is there already" in ran.err


def test_user_where_it_lies_there_already(home: Home) -> None:
    path = home.add("bash", spec_shapes.BASH_KERNEL)
    home.add("bash", spec_shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").out == "installed on 'bash'\n"
    assert home.listed()["bash"]["copy_of"] is None
    assert home.run("remove", "bash").code == 0
    assert path.read_bytes() == spec_shapes.BASH_KERNEL


def test_a_copy_that_would_never_be_used(home: Home) -> None:
    first = home.folder / "first"
    home.add("bash", spec_shapes.BASH_KERNEL, first / "kernels")
    env = {"JUPYTER_PATH": str(first)}
    ran = home.run("install", "--user", "bash", env=env)
    assert ran.code == 1
    assert "would never be used" in ran.err
    assert not (home.own / "bash").exists()


def test_sys_prefix_and_prefix(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "env2")
    (tmp_path / "home").mkdir()
    home = Home(tmp_path / "home", environment)
    site = home.add("ir", spec_shapes.IRKERNEL, home.site)
    assert home.run("install", "--sys-prefix", "ir").code == 0
    copy = environment / "share" / "jupyter" / "kernels" / "ir"
    assert read(copy / "kernel.json")["argv"] == daemon(home, copy / "kernel.json")
    assert home.listed()["ir"]["folder"] == str(copy)
    assert home.run("remove", "--sys-prefix", "ir").code == 0
    assert not copy.exists()
    # A folder that this Jupyter does not look into is for another one.
    other = tmp_path / "other"
    other.mkdir()
    assert home.run("install", "--prefix", str(other), "ir").code == 0
    assert home.run("remove", "ir").out.startswith("nothing to do")
    assert home.run("remove", "--prefix", str(other), "ir").code == 0
    assert site.read_bytes() == spec_shapes.IRKERNEL
    ran = home.run("remove", "--user", "ir")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"nothing to do: ipr is not installed on 'ir' in {home.own}\n"
    ran = home.run("remove", "--user", "irr")
    assert ran.code == 1
    assert "no such kernel in" in ran.err


# the right interpreter


def test_a_bare_python_of_another_environment(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    kernels = other / "share" / "jupyter" / "kernels"
    path = home.add("python3", spec_shapes.IPYKERNEL, kernels)
    (other / "bin").mkdir()
    (other / "bin" / "python").symlink_to(sys.executable)
    env = {"JUPYTER_PATH": str(other / "share" / "jupyter")}
    assert home.run("install", "python3", env=env).code == 0
    spec = read(path)
    assert spec["argv"][0] == home.python  # type: ignore[index]
    assert kept(spec)["restarter_interpreter"] == str(other / "bin" / "python")
    assert kept(spec)["restarter_original_argv"][0] == "python"
    assert "already" in home.run("install", "python3", env=env).out
    assert home.run("remove", "python3", env=env).code == 0
    assert path.read_bytes() == spec_shapes.IPYKERNEL


def test_a_bare_python_in_a_copy(home: Home, tmp_path: Path) -> None:
    """A copy lies in no environment, so it says which one it came from."""
    system = home.site.parents[1]
    prefix = tmp_path / "usr"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").symlink_to(sys.executable)
    (prefix / "share").symlink_to(system)
    home.add("python3", spec_shapes.IPYKERNEL, home.site)
    env = {"XDG_DATA_DIRS": str(prefix / "share")}
    assert home.run("install", "--user", "python3", env=env).code == 0
    spec = read(home.own / "python3" / "kernel.json")
    assert kept(spec)["restarter_interpreter"] == str(prefix / "bin" / "python3")
    assert "already" in home.run("install", "python3", env=env).out


def test_a_bare_python_of_the_user_belongs_to_no_environment(home: Home) -> None:
    data = home.folder / "local" / "share" / "jupyter"
    (home.folder / "local" / "bin").mkdir(parents=True)
    (home.folder / "local" / "bin" / "python").symlink_to(sys.executable)
    path = home.add("python3", spec_shapes.IPYKERNEL, data / "kernels")
    assert home.run("install", "python3", env={"JUPYTER_DATA_DIR": str(data)}).code == 0
    assert "restarter_interpreter" not in kept(read(path))


def test_output_that_cannot_be_written(home: Home) -> None:
    """One sentence; who has closed it does not want to hear even that."""
    home.add("bash", spec_shapes.BASH_KERNEL, home.own)
    ran = home.run("list", before=["sh", "-c", 'exec "$@" >/dev/full', "sh"])
    assert (ran.code, ran.err) == (1, "ipr-spec: the disk is full\n")
    ran = home.run("list", before=["sh", "-c", 'exec "$@" >&-', "sh"])
    assert (ran.code, ran.err) == (0, "")
    ran = home.run("check", "bash", env={"JUPYTER_RUNTIME_DIR": "/proc/nothing"})
    assert ran.code == 1
    assert "no connection file can be put into /proc/nothing" in ran.err


# words for people


def test_what_the_program_can_do(home: Home) -> None:
    ran = home.run()
    assert ran.code == 2
    assert "install" in ran.err
    assert "ipr-spec check python3" in ran.err
    home.add("ir", spec_shapes.IRKERNEL)
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


def test_all_of_none(home: Home) -> None:
    ran = home.run("install", "--all", "--prefix", str(home.folder), env=NOWHERE)
    assert ran.code == 0
    assert ran.out.startswith("No kernelspecs found. Looked in:\n  ")


#: Jupyter's folders elsewhere: those of the environment have nothing in them.
NOWHERE = {"JUPYTER_DATA_DIR": "/nowhere", "XDG_DATA_DIRS": "/nowhere"}


def test_a_long_list(home: Home) -> None:
    """The short one keeps its look."""
    home.add("ir", spec_shapes.IRKERNEL)
    home.add("julia-1.11", spec_shapes.IJULIA)
    short = home.run("list").out
    assert "  - 'ir'\n  - 'julia-1.11'\n" in short
    for option in ("-l", "--long"):
        assert (
            f"  - 'ir'           R            {home.own}/ir\n"
            f"  - 'julia-1.11'   Julia 1.11   {home.own}/julia-1.11\n"
        ) in home.run("list", option).out


def test_around_a_launcher(home: Home) -> None:
    """Each restart is a new job, and the way not to have that is named."""
    home.add("slurm", spec_shapes.SLURM)
    words = "to keep it and restart only the kernel: ipr-spec install --inside slurm"
    for args in (["--dry-run"], []):
        ran = home.run("install", *args, "slurm")
        assert ran.code == 0
        assert words in ran.err
    assert home.run("install", "--inside", "slurm").err == ""
    assert home.run("install", "slurm").err == "", "it stays there"


@pytest.mark.parametrize("what", ["python", "ipr"])
def test_what_runs_the_daemon_is_not_there_any_more(
    home: Home, tmp_path: Path, what: str
) -> None:
    other = make_environment(tmp_path / "other", with_ipr=False)
    path = home.add("ir", spec_shapes.IRKERNEL)
    assert home.run("install", "ir").code == 0
    python = f"{other}/bin/python" if what == "ipr" else "/gone/python"
    path.write_text(path.read_text().replace(home.python, python))
    lacks = "no longer has ipr" if what == "ipr" else "is gone"
    detail = f"{python} {lacks}, it cannot start; 'ipr-spec install ir' mends it"
    assert home.listed()["ir"]["detail"] == detail
    assert detail in home.run("list").out
    assert home.run("install", "ir").out == "brought 'ir' up to date\n"
    assert home.listed()["ir"]["detail"] == ""


def test_what_was_done_is_said_whatever_comes_then(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Lines that wait in a buffer are lines that nobody reads."""
    for name in ("bash", "ir", "julia"):
        home.add(name, spec_shapes.IRKERNEL)
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
