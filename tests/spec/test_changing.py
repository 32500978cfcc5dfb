"""``ipr-spec install`` and ``ipr-spec remove``."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec

from tests.spec import shapes
from tests.spec.home import (
    Home,
    daemon,
    kept,
    lock,
    make_environment,
    unprivileged,
)


def read(path: Path) -> dict[str, object]:
    spec = json.loads(path.read_bytes())
    assert isinstance(spec, dict)
    return spec


def test_remove_restores_what_install_changed(home: Home) -> None:
    """The files of all these projects, as processes see them."""
    paths = {name: home.add(name, data) for name, data in shapes.ALL.items()}
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
        spec, old = read(path), json.loads(shapes.ALL[name])
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


def test_all_skips_what_cannot_be(home: Home) -> None:
    paths = {name: home.add(name, data) for name, data in shapes.ALL.items()}
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


def test_wrong_name_does_not_stop_the_others(home: Home) -> None:
    home.add("ir", shapes.IRKERNEL)
    home.add("bash", shapes.BASH_KERNEL)
    ran = home.run("install", "ir", "bsh", "bash")
    assert ran.code == 1
    assert ran.out == "installed on 'ir'\ninstalled on 'bash'\n"
    assert ran.err == "ipr-spec: 'bsh': there is no such kernel; did you mean 'bash'?\n"
    ran = home.run("remove", "ir", "zzz", "bash")
    assert ran.code == 1
    assert ran.err.startswith("ipr-spec: 'zzz': there is no such kernel; there are")
    assert ran.out == "removed from 'ir'\nremoved from 'bash'\n"


def test_names_are_jupyters(home: Home) -> None:
    path = home.add("IR-4.2", shapes.IRKERNEL)
    assert home.run("install", "ir-4.2").code == 0
    assert home.run("remove", "Ir-4.2").code == 0
    assert path.read_bytes() == shapes.IRKERNEL


def test_dry_run_shows_and_changes_nothing(home: Home) -> None:
    path = home.add("ir", shapes.IRKERNEL)
    ran = home.run("install", "--dry-run", "ir")
    assert ran.code == 0
    assert ran.out.startswith("would install on 'ir'\n--- ")
    assert '+{"argv": [' in ran.out
    assert ' "display_name":"R",\n' in ran.out
    assert path.read_bytes() == shapes.IRKERNEL
    home.run("install", "ir")
    between = path.read_bytes()
    ran = home.run("remove", "--dry-run", "ir")
    assert ran.out.startswith("would remove from 'ir'\n--- ")
    assert path.read_bytes() == between
    ran = home.run("install", "--user", "--dry-run", "ir")
    assert ran.out == "nothing to do: ipr is installed on 'ir' already\n"


def test_options_for_the_daemon_are_written(home: Home) -> None:
    path = home.add("ir", shapes.IRKERNEL)
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
    assert read(path) == json.loads(shapes.IRKERNEL)


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
def test_options_that_the_daemon_would_refuse_are_refused(
    home: Home, words: list[str]
) -> None:
    path = home.add("ir", shapes.IRKERNEL)
    ran = home.run("install", "ir", "--", *words)
    assert ran.code == 2
    assert ran.err.startswith("ipr-spec install: ")
    assert ran.err.count("\n") == 1
    assert path.read_bytes() == shapes.IRKERNEL


BAD: dict[str, tuple[bytes | None, str]] = {
    "empty": (b"", "kernel.json is empty"),
    "truncated": (shapes.IPYKERNEL[:40], "not valid JSON (line 5)"),
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
def test_bad_input_is_refused_and_left_alone(home: Home, command: str) -> None:
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


def test_force_installs_and_warns(home: Home) -> None:
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


def test_built_in_python3_is_explained(home: Home) -> None:
    ran = home.run("install", "python3")
    assert ran.code == 1
    assert "-m ipykernel install --sys-prefix" in ran.err


def test_remove_takes_off_the_earlier_package(home: Home) -> None:
    path = home.add("ir", shapes.EARLIER)
    far = home.add("rik", shapes.EARLIER_FAR_SIDE)
    assert home.run("remove", "--all").code == 0
    assert read(path) == {
        **json.loads(shapes.IRKERNEL),
        "interrupt_mode": "message",
    }
    assert far.read_bytes() == shapes.REMOTE_IKERNEL


def test_kernelspec_of_the_admins_is_copied_with_user(home: Home) -> None:
    data = shapes.BASH_KERNEL.replace(
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


def test_a_provisioner_without_a_name(home: Home) -> None:
    """One odd kernel.json must not take the list of all others along."""
    odd = {
        "argv": ["x", "{connection_file}"],
        "display_name": "x",
        "metadata": {"kernel_provisioner": {"provisioner_name": ["x"]}},
    }
    home.add("odd", json.dumps(odd).encode(), home.own)
    home.add("bash", shapes.BASH_KERNEL, home.own)
    assert home.listed()["bash"]["state"] == "installable"
    assert home.listed()["odd"]["state"] == "impossible"


def test_user_where_it_lies_there_already(home: Home) -> None:
    path = home.add("bash", shapes.BASH_KERNEL)
    home.add("bash", shapes.BASH_KERNEL, home.site)
    assert home.run("install", "--user", "bash").out == "installed on 'bash'\n"
    assert home.listed()["bash"]["copy_of"] is None
    assert home.run("remove", "bash").code == 0
    assert path.read_bytes() == shapes.BASH_KERNEL


def test_copy_that_would_never_be_used_is_refused(home: Home) -> None:
    first = home.folder / "first"
    home.add("bash", shapes.BASH_KERNEL, first / "kernels")
    env = {"JUPYTER_PATH": str(first)}
    ran = home.run("install", "--user", "bash", env=env)
    assert ran.code == 1
    assert "would never be used" in ran.err


def test_copy_that_would_never_be_used_is_not_offered(home: Home) -> None:
    first = home.folder / "first"
    path = home.add("bash", shapes.BASH_KERNEL, first / "kernels")
    lock(path.parent)
    env = {"JUPYTER_PATH": str(first)}
    ran = home.run("install", "bash", env=env, before=unprivileged())
    assert ran.code == 1
    assert "do not have permission to write to" in ran.err
    assert "--user" not in ran.err
    assert not (home.own / "bash").exists()


@pytest.mark.slow
def test_sys_prefix_and_prefix(tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "env2")
    (tmp_path / "home").mkdir()
    home = Home(tmp_path / "home", environment)
    site = home.add("ir", shapes.IRKERNEL, home.site)
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
    assert site.read_bytes() == shapes.IRKERNEL
    ran = home.run("remove", "--user", "ir")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"nothing to do: ipr is not installed on 'ir' in {home.own}\n"
    ran = home.run("remove", "--user", "irr")
    assert ran.code == 1
    assert "no such kernel in" in ran.err


def test_all_of_none(home: Home) -> None:
    ran = home.run("install", "--all", "--prefix", str(home.folder), env=NOWHERE)
    assert ran.code == 0
    assert ran.out.startswith("No kernelspecs found. Looked in:\n  ")


#: Jupyter's folders elsewhere: those of the environment have nothing in them.
NOWHERE = {"JUPYTER_DATA_DIR": "/nowhere", "XDG_DATA_DIRS": "/nowhere"}


def test_around_a_launcher(home: Home) -> None:
    """Each restart is a new job, and the way not to have that is named."""
    home.add("slurm", shapes.SLURM)
    words = "to keep it and restart only the kernel: ipr-spec install --inside slurm"
    for args in (["--dry-run"], []):
        ran = home.run("install", *args, "slurm")
        assert ran.code == 0
        assert words in ran.err
    assert home.run("install", "--inside", "slurm").err == ""
    assert home.run("install", "slurm").err == "", "it stays there"


@pytest.mark.parametrize("option", ["--preload", "--init"])
def test_file_of_code_is_looked_at_where_it_will_be(home: Home, option: str) -> None:
    """Here when it is read here, and not on the far side."""
    home.add("ir", shapes.IRKERNEL)
    home.add("slurm", shapes.SLURM)
    file = home.folder / "first.py"

    def install(name: str, path: object, *more: str) -> tuple[int, str]:
        ran = home.run("install", *more, name, "--", f"{option}={path}")
        return ran.code, ran.err

    code, said = install("ir", file)
    assert code == 2
    assert f"cannot read {file}: No such file or directory" in said
    file.write_text("import os")
    code, said = install("ir", "first.py")
    assert code == 2
    assert f"{option} needs an absolute path: kernels start in any folder" in said
    assert install("ir", file) == (0, "")
    assert install("slurm", "/far/away.py", "--inside") == (0, "")
