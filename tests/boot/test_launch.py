"""How a kernel's command is filled in, and what its words tell."""

from __future__ import annotations

import os
import sys
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from ipr.boot.launch import OWN_FILE, Launch, environments_python, with_own_file
from tests.case import Case

ARGV = ("/opt/k", "-f", "{connection_file}")


class LaunchTests(Case):
    def test_command_is_filled_in_as_jupyter_client_does(self) -> None:
        """Filled in as jupyter_client does; what it does not know stays."""
        launch = Launch(
            (
                "{prefix}/bin/k",
                "{connection_file}",
                "x={inner_connection_file}",
                "{resource_dir}/a",
                "{unknown}",
                "{}",
                "{'a': 1}",
                "%d",
            ),
            resource_dir="/spec",
        )
        self.assertEqual(
            launch.command("/run/c.json"),
            [
                f"{sys.prefix}/bin/k",
                "/run/c.json",
                "x=/run/c.json",
                "/spec/a",
                "{unknown}",
                "{}",
                "{'a': 1}",
                "%d",
            ],
        )

    def test_same_as_jupyter_client(self) -> None:
        """Word by word, but for the connection file."""
        self.environment(HOME="/home/me")
        folder = self.folder()
        words = ["k", "~", "~/x", "a~", "--x=~/y", "{cwd}", "-{cwd}/{cwd}", "{{cwd}}"]
        words += ["{resource_dir}", "{prefix}", "{", "}", "{}", "{a b}", "{nothing}"]
        manager = KernelManager(connection_file=os.path.join(folder, "c.json"))
        manager._kernel_spec = KernelSpec(argv=words, resource_dir=folder)
        untyped: Any = manager
        untyped._launch_args = {"cwd": "/w"}
        # As launch_kernel has it.
        theirs = [os.path.expanduser(word) for word in manager.format_kernel_cmd()]
        ours = Launch(tuple(words), resource_dir=folder).command("c.json", "/w")
        self.assertEqual(ours, theirs)

    def test_own_folder(self) -> None:
        """``{cwd}`` where no other is said; it may have been removed."""
        launch = Launch(("{cwd}",))
        self.assertEqual(launch.command("c"), [os.getcwd()])
        folder = self.folder()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        os.rmdir(folder)
        self.assertEqual(launch.command("c"), ["{cwd}"])

    def test_no_resource_dir(self) -> None:
        """Without a folder its field stays as it is."""
        self.assertEqual(Launch(("{resource_dir}",)).command("c"), ["{resource_dir}"])

    def test_bare_python_is_the_one_that_was_meant(self) -> None:
        """A bare python is replaced by the one that was meant."""
        launch = Launch(("python", "-m", "k"), interpreter="/env/bin/python")
        self.assertEqual(launch.command("c"), ["/env/bin/python", "-m", "k"])

    def test_environment_is_filled_in_from_the_base(self) -> None:
        """The kernelspec's variables, with ${VAR} filled in from the base's."""
        launch = Launch(ARGV, env=(("A", "${HOME}/a"), ("B", "${NOT}"), ("C", "$$")))
        base = {"HOME": "/h", "A": "old"}
        self.assertEqual(
            launch.environment(base),
            {"HOME": "/h", "A": "/h/a", "B": "${NOT}", "C": "$"},
        )
        self.assertEqual(base, {"HOME": "/h", "A": "old"})

    def test_speaks_ipc(self) -> None:
        """Only what was seen to, and surely runs on this machine."""
        kernel = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
        ir = ("--slave", "-e", "IRkernel::main()", "--args", "{connection_file}")
        for argv, expected in (
            (("python", *kernel), True),
            (("/env/bin/python3.12", *kernel), True),
            (("python3", "-Xfrozen_modules=off", *kernel), True),
            (("python3", "-X", "dev", "-W", "error", *kernel), True),
            (("python3", "-m", "ipykernel", "-f", "{connection_file}"), True),
            (("python3", "-m", "bash_kernel", "-f", "{connection_file}"), True),
            (("python3", "-m", "octave_kernel", "-f", "{connection_file}"), True),
            (("python", "-m", "calysto_scheme", "-f", "{connection_file}"), True),
            (("R", *ir), True),
            (("/usr/lib/R/bin/R", *ir), True),
            (("R", "--no-echo", *ir[1:]), True),
            (("srun", "R", *ir), False),
            (("R", "--slave", "-e", "other::main()", "--args", "x"), False),
            (("python3.11", "-m", "xpython_launcher", "-f", "x"), False),
            (("python", "-m", "ilua.app", "-c", "{connection_file}"), False),
            (("srun", "python", "-m", "bash_kernel", "-f", "x"), False),
            (("srun", "python", *kernel), False),
            (("conda", "run", "python", *kernel), False),
            (("python", "-m", "remote_ikernel", *kernel), False),
            (("python", "wrapper.py", "ipykernel_launcher", "-f", "x"), False),
            (("pythonic", *kernel), False),
            (("python", "-m"), False),
            (("python",), False),
        ):
            self.assertEqual(Launch(argv).speaks_ipc, expected, argv)

    def test_only_ipykernel_itself_parts_as_ipykernel(self) -> None:
        """What is known of its end is not known of a kernel that is made from it."""
        for argv, expected in (
            (("python3", "-m", "ipykernel_launcher", "-f", "x"), True),
            (("python3", "-X", "dev", "-m", "ipykernel", "-f", "x"), True),
            (("python3", "-m", "bash_kernel", "-f", "x"), False),
            (("R", "-e", "IRkernel::main()", "--args", "x"), False),
            (("srun", "python", "-m", "ipykernel_launcher", "-f", "x"), False),
            ((), False),
        ):
            self.assertEqual(Launch(argv).is_ipykernel, expected, argv)

    def test_may_queue(self) -> None:
        """What starts elsewhere may wait for a place there."""
        for argv, expected in (
            (("srun", "python"), True),
            (("/usr/bin/qsub", "x"), True),
            (("python", "-m", "remote_ikernel", "--interface", "slurm"), True),
            (("python", "-m", "ipykernel_launcher"), False),
            ((), False),
        ):
            self.assertEqual(Launch(argv).may_queue, expected, argv)


class EnvironmentTests(Case):
    def test_interpreter_of_the_kernelspecs_environment(self) -> None:
        """A program, and not a folder of that name."""
        prefix = self.folder()
        programs = os.path.join(os.path.abspath(prefix), "bin")
        spec = os.path.join(prefix, "share", "jupyter", "kernels", "k")
        os.makedirs(os.path.join(programs, "python"))
        self.assertEqual(environments_python("python", spec), "")
        path = os.path.join(programs, "python3")
        with open(path, "wb"):
            pass
        self.assertEqual(environments_python("python", spec), "")
        os.chmod(path, 0o700)
        self.assertEqual(environments_python("python", spec), path)
        self.assertEqual(environments_python("R", spec), "")


class OwnFileTests(Case):
    def test_kernel_finds_its_own_daemon(self) -> None:
        """And none further out, where it has no file itself."""
        outside = {OWN_FILE: "/run/outside.json", "A": "1"}
        self.assertEqual(
            with_own_file(outside, "/run/c.json"), {OWN_FILE: "/run/c.json", "A": "1"}
        )
        self.assertEqual(with_own_file(outside, ""), {"A": "1"})
