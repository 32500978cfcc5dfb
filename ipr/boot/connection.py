"""Connection files: the outer one is read, the inner ones are made.

Knows what stands in a connection file, and that the inner ones go into
private folders. Must not know who uses them. It is needed before
the first inner kernel is spawned, which hides the import of everything
heavy: so it imports no attrs, and as little else as possible.

Sources: the Jupyter client documentation, "Connection files".
"""

from __future__ import annotations

import os

from ipr.boot import places, private
from ipr.boot.light import NamedTuple, dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")

#: The highest port of TCP.
MOST_PORT = 65535

#: Characters of a key of CurveZMQ as text, and which those are
#: (https://rfc.zeromq.org/spec/32/).
CURVE_KEY_LENGTH = 40
_Z85 = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)


class BadConnectionFile(ValueError):
    """The outer connection file cannot be used; the text says what to do."""


class Outer(NamedTuple):
    """What the clients' connection file says.

    :ivar path: absolute, or ``""`` when there is no file.
    :ivar ports: for tcp port numbers, for ipc suffixes; by channel.
    :ivar raw: the whole object, with keys that only others know.
    """

    path: str
    transport: str
    ip: str
    ports: dict[str, int]
    key: str
    signature_scheme: str
    curve_publickey: bytes
    curve_secretkey: bytes
    raw: dict[str, Any]

    def address(self, channel: str) -> str:
        """Return the ZeroMQ endpoint of a channel."""
        return address(self.transport, self.ip, self.ports[channel])


class Inner(NamedTuple):
    """The connection of one generation.

    :ivar folder: private to it.
    :ivar curve_publickey: of kernel and client, ``b""`` without encryption.
    :ivar held: the folder, open and locked: says that its daemon lives.
    """

    folder: str
    path: str
    transport: str
    ip: str
    ports: dict[str, int]
    curve_publickey: bytes = b""
    curve_secretkey: bytes = b""
    held: private.Folder | None = None

    def address(self, channel: str) -> str:
        """Return the ZeroMQ endpoint of a channel."""
        return address(self.transport, self.ip, self.ports[channel])


def address(transport: str, ip: str, port: int) -> str:
    """Return the endpoint as Jupyter spells it."""
    if transport == "ipc":
        return f"ipc://{ip}-{port}"
    return f"{transport}://{f'[{ip}]' if ':' in ip else ip}:{port}"


def read(path: str) -> Outer:
    """Read the clients' connection file.

    :raises BadConnectionFile: with one sentence that says what is wrong.
    """
    try:
        with open(path, encoding="utf-8") as file:
            raw = loads(file.read())
    except OSError as error:
        raise BadConnectionFile(
            f"cannot read the connection file {path}: {error.strerror}"
        ) from None
    except ValueError as error:
        raise BadConnectionFile(
            f"the connection file {path} is not JSON ({error});"
            " it is the file that Jupyter writes for each kernel"
        ) from None
    return parsed(raw, os.path.abspath(path))


def parsed(raw: object, path: str) -> Outer:
    """Check what a connection file says.

    :param raw: the parsed JSON.
    :param path: for messages, and for the names of the inner files.
    :raises BadConnectionFile: with one sentence that says what is wrong.
    """
    name = path or "the connection file"
    if not isinstance(raw, dict):
        raise BadConnectionFile(f"{name} does not hold a JSON object")
    if "registration_port" in raw and "shell_port" not in raw:
        raise BadConnectionFile(
            f"{name} asks for the registration handshake of JEP 66, which ipr"
            " does not speak; take kernel_protocol_version out of kernel.json"
        )
    ports: dict[str, int] = {}
    for channel in CHANNELS:
        port = raw.get(f"{channel}_port")
        if not isinstance(port, int) or isinstance(port, bool) or port < 1:
            raise BadConnectionFile(
                f"{name} lacks a usable {channel}_port; have Jupyter write a new one"
            )
        ports[channel] = port
    if len(set(ports.values())) < len(ports):
        raise BadConnectionFile(
            f"{name} has the same port for two channels; each needs one of its own"
        )
    transport = _text(raw, "transport", "tcp", name)
    if transport == "tcp" and max(ports.values()) > MOST_PORT:
        raise BadConnectionFile(
            f"{name} has the port {max(ports.values())}; ports end at {MOST_PORT}"
        )
    if transport not in ("tcp", "ipc"):
        raise BadConnectionFile(
            f"{name} names the transport {transport!r}; ipr knows tcp and ipc"
        )
    ip = _text(raw, "ip", "127.0.0.1", name)
    return Outer(
        path,
        transport,
        ip if transport == "ipc" or ip != "*" else "0.0.0.0",
        ports,
        _key(raw, name),
        _text(raw, "signature_scheme", "hmac-sha256", name) or "hmac-sha256",
        _curve_key(raw, "curve_publickey", name),
        _curve_key(raw, "curve_secretkey", name),
        raw,
    )


def _key(raw: dict[str, Any], name: str) -> str:
    if "key" not in raw:
        # A kernel by itself makes one up, and writes it there. To do without because
        # of a file that was cut short would let everybody in.
        raise BadConnectionFile(
            f"{name} has no key, and without one everybody who can connect could run"
            ' code; have Jupyter write a new file (or add "key": "", if that is meant)'
        )
    return _text(raw, "key", "", name)


def _curve_key(raw: dict[str, Any], field: str, name: str) -> bytes:
    found = _text(raw, field, "", name)
    if found and (len(found) != CURVE_KEY_LENGTH or set(found) - _Z85):
        raise BadConnectionFile(
            f"{name}: {field} is no CurveZMQ key, which is {CURVE_KEY_LENGTH}"
            " characters of Z85; have Jupyter write a new file"
        )
    return found.encode()


def _text(raw: dict[str, Any], field: str, default: str, name: str) -> str:
    found = raw.get(field, default)
    if not isinstance(found, str):
        raise BadConnectionFile(f"{name}: {field} must be a string")
    return found


def fresh(ip: str = "127.0.0.1") -> dict[str, Any]:
    """Make up the content of an outer connection file, for use by hand."""
    from ipr.boot import ports

    free = ports.free(CHANNELS, ip)
    return {
        **{f"{channel}_port": port for channel, port in free.items()},
        "ip": ip,
        "key": os.urandom(16).hex(),
        "transport": "tcp",
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
    }


def write_private(path: str, raw: dict[str, Any]) -> None:
    """Write a connection file that only its owner can read.

    :raises FileExistsError: when there is something under that name.
    """
    private.write_private(path, dumps(raw))


def make_inner(outer: Outer, way: str, folders: Sequence[str]) -> Inner:
    """Make the connection file for the next inner kernel.

    Key and signature scheme are the outer ones, so that what passes need
    not be signed again. The file has the outer file's name, since libraries
    in a kernel find their notebook by it.

    :param way: ``"ipc"``, Unix sockets in the private folder; ``"tcp"`` on
        127.0.0.1; ``"curve"``, that encrypted, so that other users of the node
        cannot listen.
    :param folders: where the private folder may lie; from :func:`folders_for`.
    :raises OSError: when there is no place to write it.
    """
    advice = "set TMPDIR to a folder that only you can write"
    trouble = OSError("; ".join([*places.refused(), advice]))
    for path in folders:
        try:
            folder = private.make(path)
        except OSError as error:
            trouble = error
            continue
        try:
            return _filled(folder, outer, way)
        except OSError as error:
            # A full file system has room for the folder, but not for the file.
            folder.remove()
            trouble = error
        except BaseException:
            folder.remove()
            raise
    raise trouble


def folders_for(outer: Outer) -> list[str]:
    """Return where the private folder of its next inner kernel may be made."""
    return places.fresh(os.path.dirname(outer.path))


def _filled(folder: private.Folder, outer: Outer, way: str) -> Inner:
    """Choose addresses and keys, and write them down."""
    if way == "ipc":
        transport, ip = "ipc", os.path.join(folder.path, "c")
        ports = dict(zip(CHANNELS, range(1, 6), strict=True))
    else:
        # Late: an ipykernel on this machine gets no ports.
        from ipr.boot import ports as free_ports

        transport, ip = "tcp", "127.0.0.1"
        ports = free_ports.free(CHANNELS, ip)
    raw = {
        name: value
        for name, value in outer.raw.items()
        if not name.startswith("curve_")
    }
    raw.update({f"{channel}_port": port for channel, port in ports.items()})
    raw.update(transport=transport, ip=ip)
    name = os.path.basename(outer.path) or "kernel.json"
    path = os.path.join(folder.path, name)
    inner = Inner(folder.path, path, transport, ip, ports, held=folder)
    if way == "curve":
        # Late: it costs 40 ms, and an ipykernel on this machine gets ipc.
        import zmq

        public, secret = zmq.curve_keypair()
        raw.update(curve_publickey=public.decode(), curve_secretkey=secret.decode())
        inner = inner._replace(curve_publickey=public, curve_secretkey=secret)
    folder.write(name, dumps(raw))
    return inner


def remove_inner(inner: Inner) -> None:
    """Remove the folder of a generation that is gone, sockets and all.

    It is no error when all is gone already.
    """
    if inner.held is not None:
        inner.held.remove()
