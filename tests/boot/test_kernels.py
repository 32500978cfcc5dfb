"""How the inner kernel's command is found, by a kernelspec's name or folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest import mock

from ipr.boot import server
from ipr.boot.kernels import NoCommand, by_name, find, from_wrapped
from ipr.boot.launch import Launch
from tests.case import Case

ARGV = ("/opt/k", "-f", "{connection_file}")


class FindTests(Case):
    def setUp(self) -> None:
        self.base = self.folder()
        self.environment(JUPYTER_PATH=self.base, JUPYTER_NO_CONFIG="1")
        self.kernels = os.path.join(self.base, "kernels")

    def spec(self, name: str, **fields: Any) -> str:
        """Write a kernelspec; give its folder."""
        folder = os.path.join(self.kernels, name)
        os.makedirs(folder)
        with open(os.path.join(folder, "kernel.json"), "w", encoding="utf-8") as file:
            json.dump({"language": "klang", **fields}, file)
        return folder

    def found(self, *command: str, **where: str) -> Launch:
        places = {"resource_dir": "", "kernel": "", "interrupt_mode": "", **where}
        return find(command, **places)

    def wrong(self, **where: str) -> str:
        return str(self.raised(NoCommand, lambda: self.found(**where)))

    def test_wrapped_kernelspec_is_unwrapped(self) -> None:
        """restarter_original_argv in the folder; its env is Jupyter's business."""
        folder = self.spec(
            "k",
            argv=["ipr"],
            restarter_original_argv=list(ARGV),
            interrupt_mode="message",
            restarter_original_interrupt_mode="signal",
            env={"A": "1"},
        )
        self.assertEqual(
            self.found(resource_dir=folder),
            Launch(
                ARGV,
                interrupt_mode="signal",
                language="klang",
                resource_dir=folder,
                name="k",
            ),
        )

    def test_wrapped_interrupt_mode(self) -> None:
        """The inner kernel's own mode; ipr's own says nothing of it."""
        modes = []
        for name, more in (
            ("a", {"restarter_original_interrupt_mode": "message"}),
            ("b", {}),
            ("c", {"restarter_original_interrupt_mode": 7}),
        ):
            folder = self.spec(
                name,
                restarter_original_argv=["k"],
                interrupt_mode="message",
                **more,
            )
            modes.append(self.found(resource_dir=folder).interrupt_mode)
        self.assertEqual(modes, ["message", "signal", "signal"])

    def test_csh_on_the_way(self) -> None:
        """It makes ``word`` of ``{word}``, quoted or not, if a second one reads it."""
        bare = ["k", "--f=inner_connection_file", "inner_connection_file"]
        filled = ["k", "--f=/x", "/x"]
        self.assertEqual(self.found(*bare).command("/x"), filled)
        # With one that is as it should be, nothing was taken off.
        both = ["inner_connection_file", "{inner_connection_file}"]
        self.assertEqual(
            self.found(*both).command("/x"), ["inner_connection_file", "/x"]
        )
        plain = ["k", "{connection_file}", "inner_connection_file.txt"]
        self.assertEqual(self.found(*plain).command("/x")[2], plain[2])

    def test_wrapped_in_metadata(self) -> None:
        """The same fields in metadata.ipr; they win over the older form's."""
        kept = {
            "restarter_original_argv": ["python", *ARGV[1:]],
            "restarter_original_interrupt_mode": "Message",
            "restarter_interpreter": sys.executable,
        }
        folder = self.spec(
            "k",
            argv=["ipr"],
            restarter_original_argv=["older"],
            interrupt_mode="message",
            metadata={"ipr": kept, "supported_encryption": ["curve"]},
        )
        self.assertEqual(
            self.found(resource_dir=folder),
            Launch(
                ("python", *ARGV[1:]),
                interrupt_mode="message",
                language="klang",
                resource_dir=folder,
                interpreter=sys.executable,
                name="k",
                encrypts=True,
            ),
        )

    def test_metadata_of_another_kind(self) -> None:
        """What is no object there is not ours; the older form counts."""
        for name, metadata in (("a", {"ipr": True}), ("b", []), ("c", {"ipr": None})):
            folder = self.spec(name, metadata=metadata, restarter_original_argv=["k"])
            self.assertEqual(self.found(resource_dir=folder).argv, ("k",))

    def test_interrupt_mode_of_the_command_line(self) -> None:
        """The option wins."""
        folder = self.spec("k", restarter_original_argv=["k"])
        self.assertEqual(
            self.found(resource_dir=folder, interrupt_mode="message").interrupt_mode,
            "message",
        )

    def test_command_line(self) -> None:
        """The words after -- come first; the folder still says the language."""
        folder = self.spec(
            "k",
            argv=["x"],
            restarter_original_argv=["y"],
            metadata={"supported_encryption": ["curve"]},
        )
        self.assertEqual(
            self.found("/opt/k", "-f", resource_dir=folder, kernel="other"),
            Launch(
                ("/opt/k", "-f"),
                language="klang",
                resource_dir=folder,
                name="k",
                encrypts=True,
            ),
        )

    def test_command_line_alone(self) -> None:
        """Without a folder too."""
        self.assertEqual(self.found("k"), Launch(("k",)))

    def test_by_name(self) -> None:
        """A kernelspec of this machine, with its env, whatever the case of letters."""
        folder = self.spec(
            "MyKernel", argv=list(ARGV), interrupt_mode="message", env={"A": "1"}
        )
        self.assertEqual(
            self.found(kernel="mykernel"),
            Launch(
                ARGV,
                env=(("A", "1"),),
                interrupt_mode="message",
                language="klang",
                resource_dir=folder,
                name="MyKernel",
            ),
        )

    def test_by_name_of_a_wrapped_one(self) -> None:
        """A kernelspec that is wrapped itself: what it wraps."""
        self.spec(
            "k",
            argv=["ipr"],
            restarter_original_argv=list(ARGV),
            interrupt_mode="message",
        )
        found = by_name("k")
        self.assertEqual((found.argv, found.interrupt_mode), (ARGV, "signal"))

    def test_unknown_name(self) -> None:
        """The names that there are come with the answer."""
        self.spec("kx", argv=["k"])
        self.spec("ky", argv=["k"])
        text = self.wrong(kernel="kz")
        self.assertTrue(text.startswith("no kernelspec is called 'kz' here; there are"))
        self.assertIn("kx, ky", text)

    def test_python3_is_found_without_kernelspec(self) -> None:
        """ipykernel itself is a kernelspec, as jupyter_client has it."""
        found = by_name("python3")
        self.assertEqual(found.argv[1:3], ("-m", "ipykernel_launcher"))

    def test_folder_of_another_machine(self) -> None:
        """The kernelspec of the same name here is taken instead."""
        folder = self.spec("k", argv=list(ARGV))
        found = self.found(resource_dir="/other/machine/kernels/k/")
        self.assertEqual((found.argv, found.resource_dir), (ARGV, folder))

    def test_folder_of_another_machine_and_no_such_name(self) -> None:
        """Both places that were looked at are named."""
        text = self.wrong(resource_dir="/other/kernels/nope")
        self.assertTrue(
            text.startswith(
                "/other/kernels/nope has no kernel.json on this machine, and no"
                " kernelspec is called 'nope' here; there are"
            ),
            text,
        )

    def test_nothing_given_names_the_ways(self) -> None:
        """Nothing given: the ways to give it."""
        self.assertEqual(
            self.wrong(),
            "no kernel to start: pass --resource-dir, --kernel, or a command after --",
        )

    def test_broken_folders(self) -> None:
        """Each fault has its sentence, with the file."""
        no_argv = self.spec("a", argv=["ipr"])
        odd_argv = self.spec("b", restarter_original_argv=["k", 7])
        empty_argv = self.spec("c", restarter_original_argv=[])
        for folder in (no_argv, odd_argv, empty_argv):
            self.assertEqual(
                self.wrong(resource_dir=folder),
                f"restarter_original_argv in {folder}/kernel.json is missing or is no"
                " list of strings; run 'ipr-spec list' to see what can be mended",
            )
        path = os.path.join(self.spec("d"), "kernel.json")
        for text, start in (
            ("{", f"{path} is not JSON: "),
            ("[]", f"{path} does not hold a JSON object"),
        ):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            found = self.wrong(resource_dir=os.path.dirname(path))
            self.assertTrue(found.startswith(start), found)


class InterpreterTests(Case):
    """Which python a bare ``python`` means."""

    def setUp(self) -> None:
        self.prefix = self.folder()
        self.folder_ = os.path.join(self.prefix, "share", "jupyter", "kernels", "k")
        os.makedirs(self.folder_)
        os.mkdir(os.path.join(self.prefix, "bin"))

    def interpreter(self, word: str, **more: str) -> str:
        path = os.path.join(self.folder_, "kernel.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"restarter_original_argv": [word, "-m", "k"], **more}, file)
        return from_wrapped(self.folder_).interpreter

    def program(self, name: str) -> str:
        path = os.path.join(self.prefix, "bin", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n")
        os.chmod(path, 0o755)
        return path

    def test_noted_interpreter_comes_first(self) -> None:
        """What ipr-spec noted comes first."""
        noted = self.program("noted")
        self.program("python")
        self.assertEqual(self.interpreter("python", restarter_interpreter=noted), noted)

    def test_noted_but_gone(self) -> None:
        """An environment that is no more: the one the kernelspec lies in."""
        beside = self.program("python3")
        self.assertEqual(
            self.interpreter("python3", restarter_interpreter="/not/there"), beside
        )

    def test_on_the_path(self) -> None:
        """Else the one on the path."""
        self.environment(PATH=os.path.join(self.prefix, "bin"))
        found = self.program("python3.99")
        os.rename(self.folder_, os.path.join(self.prefix, "k"))
        self.folder_ = os.path.join(self.prefix, "k")
        self.assertEqual(self.interpreter("python3.99"), found)

    def test_of_the_server(self) -> None:
        """Before the one on the path: without ipr it is the server's own."""
        path = self.folder()
        self.environment(PATH=path, JPY_PARENT_PID=str(os.getppid()))
        os.symlink(sys.executable, os.path.join(path, "python3"))
        os.rename(self.folder_, os.path.join(self.prefix, "k"))
        self.folder_ = os.path.join(self.prefix, "k")
        found = "/venv/bin/python3"
        asked: list[object] = []

        def python(word: str, environ: Mapping[str, str], parent: int) -> str:
            asked.append((word, environ["JPY_PARENT_PID"], parent))
            return found

        mock.patch.object(server, "python", python).start()
        self.addCleanup(mock.patch.stopall)
        self.assertEqual(self.interpreter("python3"), found)
        self.assertEqual(asked, [("python3", str(os.getppid()), os.getppid())])

    def test_of_the_user(self) -> None:
        """What lies below ~/.local is of no environment: the one on the path."""
        home, path = self.folder(), self.folder()
        self.prefix = os.path.join(home, ".local")
        self.folder_ = os.path.join(self.prefix, "share", "jupyter", "kernels", "k")
        os.makedirs(self.folder_)
        os.mkdir(os.path.join(self.prefix, "bin"))
        self.program("python3")
        self.environment(HOME=home, PATH=path)
        os.symlink(sys.executable, os.path.join(path, "python3"))
        self.assertEqual(self.interpreter("python3"), os.path.join(path, "python3"))

    def test_prefix_is_that_of_the_kernelspec(self) -> None:
        """``{prefix}`` is the server's: the one that the kernelspec lies in."""
        launch = Launch(("{prefix}/bin/k",), resource_dir=self.folder_)
        self.program("python3")
        self.assertEqual(launch.command("f"), [f"{self.prefix}/bin/k"])

    def test_prefix_that_is_no_environment(self) -> None:
        """Such as /usr/local: ``{prefix}`` is what jupyter_client takes."""
        launch = Launch(("{prefix}/bin/k",), resource_dir=self.folder_)
        self.assertEqual(launch.command("f"), [f"{sys.prefix}/bin/k"])

    def test_either_name(self) -> None:
        """The server's has both; an environment may have only one."""
        found = self.program("python3")
        self.assertEqual(self.interpreter("python"), found)
        os.rename(found, os.path.join(self.prefix, "bin", "python"))
        self.assertEqual(
            self.interpreter("python3"), os.path.join(self.prefix, "bin", "python")
        )

    def test_none_on_the_path(self) -> None:
        """Else our own."""
        self.environment(PATH=os.path.join(self.prefix, "nothing"))
        self.assertEqual(self.interpreter("python3.98"), sys.executable)

    def test_others_are_left_alone(self) -> None:
        """A path, or another program, means what it says."""
        self.program("python")
        for word in ("/usr/bin/python", "R", "pythonw", "python-something"):
            self.assertEqual(self.interpreter(word), "", word)
