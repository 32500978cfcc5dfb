"""Connection files: the outer one is read, the inner ones are made and removed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
from typing import Any

import zmq

from ipr.boot import connection, places, private
from ipr.boot.connection import CHANNELS, BadConnectionFile, Inner, Outer
from tests.case import Case

NO_KEY = (
    "is no CurveZMQ key, which is 40 characters of Z85; have Jupyter write a new file"
)
#: Of the right form; no pair.
PUBLIC, SECRET = "p" * 40, "#" * 40
PORTS = {name: 5000 + number for number, name in enumerate(CHANNELS)}


def content(**more: Any) -> dict[str, Any]:
    """Return what jupyter_client writes into a connection file."""
    return {
        **{f"{name}_port": port for name, port in PORTS.items()},
        "ip": "127.0.0.1",
        "key": "secret",
        "transport": "tcp",
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
        "jupyter_session": "/home/u/a.ipynb",
        **more,
    }


JEP_66 = (
    "asks for the registration handshake of JEP 66, which ipr does not speak;"
    " take kernel_protocol_version out of kernel.json"
)


def mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


class ReadTests(Case):
    def setUp(self) -> None:
        self.path = os.path.join(self.folder(), "kernel-1.json")

    def write(self, text: str) -> None:
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def wrong(self, raw: object) -> str:
        self.write(raw if isinstance(raw, str) else json.dumps(raw))
        return str(self.raised(BadConnectionFile, connection.read, self.path))

    def test_read_returns_what_is_needed_and_the_whole(self) -> None:
        """All that is needed, and the whole for those who know more keys."""
        self.write(json.dumps(content()))
        self.assertEqual(
            connection.read(self.path),
            Outer(
                self.path,
                "tcp",
                "127.0.0.1",
                PORTS,
                "secret",
                "hmac-sha256",
                b"",
                b"",
                content(),
            ),
        )

    def test_ports_and_a_key_are_enough_in_a_connection_file(self) -> None:
        """Even an empty one; an empty scheme means the usual one."""
        raw = {f"{name}_port": port for name, port in PORTS.items()}
        self.write(json.dumps(raw | {"key": "", "signature_scheme": ""}))
        outer = connection.read(self.path)
        self.assertEqual(
            (outer.transport, outer.ip, outer.key, outer.signature_scheme),
            ("tcp", "127.0.0.1", "", "hmac-sha256"),
        )

    def test_curve_keys(self) -> None:
        """Curve keys come out as the bytes that ZeroMQ wants."""
        self.write(json.dumps(content(curve_publickey=PUBLIC, curve_secretkey=SECRET)))
        outer = connection.read(self.path)
        self.assertEqual(
            (outer.curve_publickey, outer.curve_secretkey),
            (PUBLIC.encode(), SECRET.encode()),
        )

    def test_addresses_are_spelt_as_in_jupyter(self) -> None:
        """As Jupyter spells them: tcp, IPv6, ipc; a star is every address."""
        for more, address in (
            ({}, "tcp://127.0.0.1:5000"),
            ({"ip": "::1"}, "tcp://[::1]:5000"),
            ({"ip": "*"}, "tcp://0.0.0.0:5000"),
            ({"transport": "ipc", "ip": "/run/k-ipc"}, "ipc:///run/k-ipc-5000"),
        ):
            self.write(json.dumps(content(**more)))
            self.assertEqual(connection.read(self.path).address("shell"), address)

    def test_relative_path(self) -> None:
        """The path is kept absolute: the folder may change."""
        self.write(json.dumps(content()))
        outer = connection.read(os.path.relpath(self.path))
        self.assertEqual(outer.path, self.path)

    def test_any_curve_key(self) -> None:
        """What ZeroMQ makes is taken."""
        for _ in range(20):
            public, secret = (key.decode() for key in zmq.curve_keypair())
            raw = content(curve_publickey=public, curve_secretkey=secret)
            self.assertEqual(connection.parsed(raw, "").raw, raw)

    def test_ipc_suffixes(self) -> None:
        """They are no ports, and may be any number."""
        raw = content(transport="ipc", shell_port=70000)
        self.assertEqual(connection.parsed(raw, "").ports["shell"], 70000)

    def test_no_file(self) -> None:
        """One sentence that names the file."""
        missing = f"{self.path}.not"
        error = self.raised(BadConnectionFile, connection.read, missing)
        self.assertEqual(
            str(error),
            f"cannot read the connection file {missing}: No such file or directory",
        )

    def test_no_json(self) -> None:
        """One sentence that says what the file should have been."""
        text = self.wrong("{")
        self.assertTrue(
            text.startswith(f"the connection file {self.path} is not JSON (")
        )
        self.assertTrue(
            text.endswith("; it is the file that Jupyter writes for each kernel")
        )

    def test_what_is_wrong(self) -> None:
        """Each fault has its sentence."""
        path = self.path
        for raw, text in (
            ([], f"{path} does not hold a JSON object"),
            (
                content(shell_port=0),
                f"{path} lacks a usable shell_port; have Jupyter write a new one",
            ),
            (
                content(hb_port="1"),
                f"{path} lacks a usable hb_port; have Jupyter write a new one",
            ),
            (
                content(iopub_port=True),
                f"{path} lacks a usable iopub_port; have Jupyter write a new one",
            ),
            (
                {"registration_port": 1, "key": "k"},
                f"{path} {JEP_66}",
            ),
            (
                content(transport="udp"),
                f"{path} names the transport 'udp'; ipr knows tcp and ipc",
            ),
            (
                content(shell_port=65536),
                f"{path} has the port 65536; ports end at 65535",
            ),
            (
                content(shell_port=PORTS["iopub"]),
                f"{path} has the same port for two channels; each needs one of its own",
            ),
            (
                content(curve_secretkey="s" * 39 + "~"),
                f"{path}: curve_secretkey {NO_KEY}",
            ),
            (
                content(curve_publickey="p"),
                f"{path}: curve_publickey {NO_KEY}",
            ),
            (
                {name: value for name, value in content().items() if name != "key"},
                (
                    f"{path} has no key, and without one everybody who can connect"
                    " could run code; have Jupyter write a new file (or add"
                    ' "key": "", if that is meant)'
                ),
            ),
            (content(key=7), f"{path}: key must be a string"),
            (content(ip=None), f"{path}: ip must be a string"),
        ):
            self.assertEqual(self.wrong(raw), text)

    def test_lowest_port_is_usable(self) -> None:
        """The lowest port there is can be used; 0 and less cannot."""
        raw = content(shell_port=1)
        self.assertEqual(connection.parsed(raw, "").ports["shell"], 1)
        for port in (0, -1):
            self.raised(
                BadConnectionFile, connection.parsed, content(shell_port=port), ""
            )


class MakeTests(Case):
    def setUp(self) -> None:
        self.base = self.folder()
        self.environment(XDG_RUNTIME_DIR=self.base, TMPDIR=None)
        self.outer = connection.parsed(
            content(curve_publickey=PUBLIC, curve_secretkey=SECRET),
            "/run/kernel-7.json",
        )

    def made(self, way: str = "tcp") -> tuple[Inner, dict[str, Any]]:
        places = connection.folders_for(self.outer)
        inner = connection.make_inner(self.outer, way, places)
        self.addCleanup(connection.remove_inner, inner)
        with open(inner.path, encoding="utf-8") as file:
            return inner, json.load(file)

    def test_tcp_file_has_free_ports_and_the_outer_key(self) -> None:
        """Free ports on loopback; key, scheme and unknown keys are the outer ones."""
        inner, raw = self.made()
        self.assertEqual((inner.transport, inner.ip), ("tcp", "127.0.0.1"))
        self.assertEqual(
            raw, content(**{f"{n}_port": port for n, port in inner.ports.items()})
        )
        self.assertEqual(len(set(inner.ports.values())), 5)
        self.assertFalse(set(inner.ports.values()) & set(PORTS.values()))

    def test_ipc_sockets_lie_in_the_private_folder(self) -> None:
        """Sockets in the private folder, with a path that is short enough."""
        inner, raw = self.made("ipc")
        self.assertEqual(
            {name: raw[name] for name in ("transport", "ip", "shell_port", "hb_port")},
            {
                "transport": "ipc",
                "ip": os.path.join(inner.folder, "c"),
                "shell_port": 1,
                "hb_port": 5,
            },
        )
        self.assertEqual(inner.address("shell"), f"ipc://{inner.folder}/c-1")
        self.assertEqual(raw["key"], "secret")

    def test_made_file_is_private_and_has_the_outer_name(self) -> None:
        """Nobody else can look in, and the name is the outer file's."""
        inner, _ = self.made("ipc")
        self.assertEqual((mode(inner.folder), mode(inner.path)), (0o700, 0o600))
        self.assertEqual(os.path.dirname(inner.folder), self.base)
        self.assertEqual(inner.path, os.path.join(inner.folder, "kernel-7.json"))

    def test_outer_curve_keys_stay_outside(self) -> None:
        """The outer curve keys are no business of the inner kernel."""
        _, raw = self.made()
        self.assertEqual([name for name in raw if "curve" in name], [])

    def test_inner_curve(self) -> None:
        """A kernel that declares it gets keys of its own on tcp; ipc needs none."""
        inner, raw = self.made("curve")
        self.assertEqual(
            (raw["curve_publickey"].encode(), raw["curve_secretkey"].encode()),
            (inner.curve_publickey, inner.curve_secretkey),
        )
        self.assertEqual(len(inner.curve_publickey), 40)
        other, raw = self.made("ipc")
        self.assertEqual(
            (other.curve_publickey, "curve_publickey" in raw), (b"", False)
        )

    def test_each_its_own(self) -> None:
        """Two generations share neither folder nor ports."""
        (first, _), (second, _) = self.made(), self.made()
        self.assertFalse(first.folder == second.folder)

    def test_remove_leaves_nothing_and_follows_no_link(self) -> None:
        """File, sockets and folder go; what a link points to does not."""
        inner, _ = self.made("ipc")
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind(f"{inner.folder}/c-1")
        os.symlink("/etc/hostname", f"{inner.folder}/link")
        connection.remove_inner(inner)
        self.assertEqual(os.listdir(self.base), [])
        self.assertTrue(os.path.exists("/etc"))

    def test_remove_what_is_gone(self) -> None:
        """The guardian may have been faster."""
        inner, _ = self.made()
        shutil.rmtree(inner.folder)
        connection.remove_inner(inner)
        self.assertEqual(os.listdir(self.base), [])

    def test_remove_twice(self) -> None:
        """The number of its descriptor is another's by then."""
        inner, _ = self.made()
        assert inner.held is not None
        number = inner.held.descriptor
        connection.remove_inner(inner)
        other = self.folder()
        with open(os.path.join(other, "precious"), "w", encoding="utf-8"):
            pass
        reused = os.open(other, os.O_RDONLY)
        self.addCleanup(os.close, reused)
        if reused != number:
            os.dup2(reused, number)
            self.addCleanup(os.close, number)
        connection.remove_inner(inner)
        self.assertEqual(os.listdir(other), ["precious"])
        os.fstat(number)

    def test_another_place(self) -> None:
        """A runtime folder that is not there, or too long, is passed over."""
        long = os.path.join(self.base, "x" * 90)
        os.mkdir(long)
        other = self.folder()
        for runtime in (os.path.join(self.base, "absent"), long, None):
            self.environment(XDG_RUNTIME_DIR=runtime, TMPDIR=other)
            inner, _ = self.made()
            self.assertEqual(os.path.dirname(inner.folder), other)

    def test_places_that_cannot_be_named(self) -> None:
        """A relative one has no meaning for the kernel, and JSON is text."""
        other = self.folder()
        strange = os.path.join(self.base, "b\udcff")
        os.mkdir(strange)
        for runtime in ("relative", strange):
            self.environment(XDG_RUNTIME_DIR=runtime, TMPDIR=other)
            inner, _ = self.made()
            self.assertEqual(os.path.dirname(inner.folder), other)

    def test_a_place_that_is_full(self) -> None:
        """The folder can be made there, but nothing be put into it."""
        other = self.folder()
        self.environment(TMPDIR=other)
        filled = connection._filled

        def full(folder: private.Folder, *args: Any) -> Inner:
            if folder.path.startswith(self.base):
                raise OSError(errno.ENOSPC, "No space left on device")
            return filled(folder, *args)

        self.addCleanup(setattr, connection, "_filled", filled)
        vars(connection)["_filled"] = full
        inner, _ = self.made()
        self.assertEqual(os.path.dirname(inner.folder), other)
        self.assertEqual(os.listdir(self.base), [])

    def test_a_working_folder_that_is_gone(self) -> None:
        """It is the last one tried, and no reason not to try the others."""
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        gone = self.folder()
        os.chdir(gone)
        os.rmdir(gone)
        self.assertEqual(places.working_folder(), "")
        self.made()

    def test_nothing_is_left_when_it_fails(self) -> None:
        """A file that cannot be written leaves no folder behind."""
        self.outer = self.outer._replace(raw={**self.outer.raw, "key": object()})
        self.raised(TypeError, self.made)
        self.assertEqual(os.listdir(self.base), [])


class WritePrivateTests(Case):
    def test_only_the_owner(self) -> None:
        """Whatever the umask says."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        path = os.path.join(self.folder(), "a.json")
        connection.write_private(path, {"a": 1})
        self.assertEqual(mode(path), 0o600)

    def test_never_over_something(self) -> None:
        """Nor through a link that somebody else put there."""
        folder = self.folder()
        there, link = os.path.join(folder, "there"), os.path.join(folder, "link")
        with open(there, "w", encoding="utf-8") as file:
            file.write("x")
        os.symlink(os.path.join(folder, "target"), link)
        for path in (there, link):
            self.raised(FileExistsError, connection.write_private, path, {})
        self.assertEqual(sorted(os.listdir(folder)), ["link", "there"])

    def test_fresh_connection_has_a_key(self) -> None:
        """What is made up for use by hand can be read, and has a key."""
        raw = connection.fresh()
        outer = connection.parsed(raw, "")
        self.assertEqual(len(set(outer.ports.values())), 5)
        self.assertEqual(len(bytes.fromhex(outer.key)), 16)
        self.assertFalse(connection.fresh()["key"] == outer.key)
