"""What ``ipr`` writes into a kernel.json, and how the file is replaced.

Knows the fields of a kernel.json and what a wrapped one looks like, in the older
forms, too. Must not know in which folders kernelspecs lie, nor the
command line of ``ipr-spec``; imports nothing heavy, for the daemon reads it early.

The fields of a kernel.json:
https://jupyter-client.readthedocs.io/en/latest/kernels.html#kernel-specs
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence

import attrs

from ipr.boot import launch
from ipr.boot.kernels import (
    ADDED,
    INTERPRETER,
    KEPT,
    ORIGINAL_ARGV,
    ORIGINAL_INTERRUPT_MODE,
    ORIGINAL_METADATA,
    ORIGINAL_PROTOCOL_VERSION,
    kept,
)
from ipr.spec import farside, jsontext, speccopy

#: Fields that mean that a kernelspec is wrapped; in the older form, at the top level.
RESERVED = (ORIGINAL_ARGV, ORIGINAL_INTERRUPT_MODE, INTERPRETER)
#: The newest version of the messages' protocol whose start ipr serves. From 5.5 on
#: (JEP 66) a kernel may be started with a registration file, and answers there with
#: the ports that it has chosen itself.
PROTOCOL_VERSION = "5.4"

#: A kernel.json longer than this many bytes is none.
SIZE_LIMIT = 16 * 2**20

CONNECTION_FILE = "{connection_file}"
RESOURCE_DIR = "{resource_dir}"
#: In a command behind ``--``: the inner kernel's connection file. It has a name
#: of its own since whoever starts a kernelspec fills in {connection_file} in the
#: whole of argv, the part behind ``--`` included.
INNER_CONNECTION_FILE = "{inner_connection_file}"

_PLACE = ["-f", CONNECTION_FILE, "--resource-dir", RESOURCE_DIR]

#: The start of the first versions of ipr on Python 3.10, which has no -P.
_STARTS_IPR = re.compile(r"""run_module\(["']ipr["']""")
_PYTHON_FLAG = re.compile(r"-([bBEIOPqsSuv]+$|[WX])")
#: Provisioners that are known to run argv; others may ignore it.
_ARGV_PROVISIONERS = frozenset({"local-provisioner", "slurm-provisioner"})


class SpecError(Exception):
    """A kernelspec cannot be read, changed or used; the text says why."""


@attrs.frozen
class Wrapping:
    """In what way a kernelspec is wrapped.

    :ivar kind: ``around`` the whole command; ``inside`` it, behind a launcher's
        own words or in remote_ikernel's ``--kernel_cmd``; ``earlier`` and
        ``earlier-inside``: the same, by the package ``inplace_restarter``.
    :ivar python: the interpreter that runs the daemon.
    :ivar options: what has been given to the daemon beyond the files.
    :ivar by_hand: the command stands behind ``--`` and was not put there by
        ``install``, so nothing says what was there before.
    :ivar after: ``inside``, how many words before it are the launcher's.
    """

    kind: str
    python: str
    options: tuple[str, ...] = ()
    by_hand: bool = False
    after: int = 0

    @property
    def earlier(self) -> bool:
        """Whether the earlier package did it."""
        return self.kind.startswith("earlier")

    @property
    def inside(self) -> bool:
        """Whether the daemon runs on the far side of a launcher."""
        return self.kind.endswith("inside")


def starter(python: str) -> list[str]:
    """Return the words that start the daemon with the interpreter *python*.

    Without ``-P`` the folder of the notebook comes first on sys.path, and an ipr.py,
    attr.py or json.py in it would be imported instead. With ``-m`` front ends see
    which module it is: VS Code hides a Python kernelspec that has no ``-m``, if it
    is called python3 or the like.
    """
    return [python, "-P", "-m", "ipr"]


def own_starter() -> list[str]:
    """Return the words that start the daemon with the running interpreter.

    :raises SpecError: this interpreter does not know its own path.
    """
    if not sys.executable:
        raise SpecError("this Python does not know its own path (sys.executable)")
    return starter(os.path.abspath(sys.executable))


def _module_start(argv: Sequence[str], at: int) -> tuple[str, int] | None:
    """Read ``PYTHON [flags] -m MODULE`` at *at*: the module, and where it ends."""
    index = at + 1
    while index < len(argv) and _PYTHON_FLAG.match(argv[index]):
        index += 2 if argv[index] in ("-X", "-W") else 1
    if index + 1 >= len(argv):
        return None
    if argv[index] == "-m":
        return argv[index + 1], index + 2
    if argv[index] == "-c" and _STARTS_IPR.search(argv[index + 1]):
        return "ipr", index + 2
    return None


def _argv(spec: Mapping[str, object], field: str = "argv") -> list[str] | None:
    value = spec.get(field)
    if not isinstance(value, list) or not value:
        return None
    return value if all(isinstance(word, str) for word in value) else None


def _options(words: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Take the files out of the daemon's arguments: its options, and if ``--`` came."""
    options: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return tuple(options), True
        if word in ("-f", "--connection-file", "--resource-dir", "--spec-dir"):
            index += 2
            continue
        if not word.startswith(
            ("--connection-file=", "--resource-dir=", "--spec-dir=")
        ):
            options.append(word)
        index += 1
    return tuple(options), False


def kernel_cmd_at(argv: Sequence[str]) -> int | None:
    """Find remote_ikernel's ``--kernel_cmd``: the index of the word that has it."""
    for index, word in enumerate(argv):
        if word.startswith("--kernel_cmd="):
            return index
        if word == "--kernel_cmd" and index + 1 < len(argv):
            return index + 1
    return None


def wrapping(spec: Mapping[str, object]) -> Wrapping | None:
    """Say how *spec* is wrapped, None if it is not."""
    argv = _argv(spec)
    if argv is None:
        return None
    start = _module_start(argv, 0)
    if start is not None and start[0] == "ipr":
        options, command = _options(argv[start[1] :])
        by_hand = command and ORIGINAL_ARGV not in kept(spec)
        return Wrapping("around", argv[0], options, by_hand)
    if start is not None and start[0] == "inplace_restarter":
        # Its own traits mean nothing to us; the log level does.
        level = tuple(
            word
            for word in argv[start[1] :]
            if word.startswith("--RestarterApp.log_level=")
        )
        return Wrapping("earlier", argv[0], level)
    at = kernel_cmd_at(argv)
    if at is not None:
        return _far_side_wrapping(spec, argv[at])
    for index in range(1, len(argv)):
        start = _module_start(argv, index)
        if start is not None and start[0] == "ipr":
            options, command = _options(argv[start[1] :])
            if command:
                by_hand = ORIGINAL_ARGV not in kept(spec)
                return Wrapping("inside", argv[index], options, by_hand, index)
    return None


def _far_side_wrapping(spec: Mapping[str, object], command: str) -> Wrapping | None:
    by_hand = ORIGINAL_ARGV not in kept(spec)
    for words in farside.shell_commands(_formatted(command)):
        argv = [word.value for word in words]
        for index in range(len(argv)):
            start = _module_start(argv, index)
            if start is None:
                continue
            if start[0] == "inplace_restarter":
                return Wrapping("earlier-inside", argv[index])
            options, command_follows = _options(argv[start[1] :])
            if start[0] == "ipr" and command_follows:
                return Wrapping("inside", argv[index], options, by_hand, index)
    return None


def _formatted(text: str) -> str:
    # remote_ikernel runs str.format over its --kernel_cmd.
    return text.replace("{{", "{").replace("}}", "}")


def _for_format(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def fault(spec: object) -> str | None:
    """Say what keeps Jupyter from loading *spec*, None when nothing does.

    The rules are those of :class:`jupyter_client.kernelspec.KernelSpec`.
    """
    if not isinstance(spec, dict):
        return "kernel.json is not a JSON object"
    if "argv" not in spec:
        return "kernel.json has no argv"
    argv = spec["argv"]
    if argv == []:
        return "argv is empty"
    if _argv(spec) is None:
        return "argv is not a list of strings"
    for field, kind, words in (
        ("display_name", str, "a string"),
        ("language", str, "a string"),
        ("env", dict, "an object"),
        ("metadata", dict, "an object"),
    ):
        if not isinstance(spec.get(field, kind()), kind):
            return f"{field} is not {words}"
    mode = spec.get("interrupt_mode", "signal")
    if not isinstance(mode, str) or mode.lower() not in ("signal", "message"):
        return "interrupt_mode is neither signal nor message"
    return None


def leftover_field(spec: Mapping[str, object]) -> str | None:
    """Return the name of a field that only a wrapped kernelspec has, None if none."""
    metadata = spec.get("metadata")
    if isinstance(metadata, dict) and KEPT in metadata:
        return f"metadata.{KEPT}"
    return next((field for field in RESERVED if field in spec), None)


def provisioner(spec: Mapping[str, object]) -> str | None:
    """Return the name of the provisioner that *spec* asks for, None if it does not."""
    metadata = spec.get("metadata")
    stanza = metadata.get("kernel_provisioner") if isinstance(metadata, dict) else None
    name = stanza.get("provisioner_name") if isinstance(stanza, dict) else None
    return None if name is None else str(name)


def obstacle(spec: Mapping[str, object]) -> str | None:
    """Say why ``ipr`` cannot be put on *spec*, one that is not wrapped yet."""
    leftover = leftover_field(spec)
    if leftover is not None:
        return (
            f"it has the field {leftover}, but its argv does not start ipr;"
            " take that field out, or put the argv back"
        )
    name = provisioner(spec)
    if name is not None and name not in _ARGV_PROVISIONERS:
        return f"its provisioner {name!r} may not run argv (--force installs anyway)"
    if not any(CONNECTION_FILE in word for word in _argv(spec) or ()):
        return f"its argv does not say {CONNECTION_FILE} (--force installs anyway)"
    return None


def interrupt_mode(spec: Mapping[str, object]) -> str:
    """Give the interrupt mode of an unwrapped *spec*: ``signal`` or ``message``."""
    return str(spec.get("interrupt_mode", "signal")).lower()


def patched(
    spec: Mapping[str, object],
    start: Sequence[str],
    options: Sequence[str] = (),
    interpreter: str | None = None,
    folder: str = "",
) -> dict[str, object]:
    """Wrap *spec*: whatever its argv starts, the daemon does instead.

    :param start: see :func:`starter`.
    :param folder: where the kernel.json will lie, for clients that fill in
        ``{connection_file}`` and nothing else (jpterm, nbterm); empty: not known.
    :param options: further arguments for the daemon.
    :param interpreter: see :func:`bare_interpreter`.
    """
    place = [*_PLACE, "--spec-dir", os.path.abspath(folder)] if folder else _PLACE
    return replaced(
        spec, [*start, *place, *options], interpreter, owner(spec, start, interpreter)
    )


def patched_inside(
    spec: Mapping[str, object],
    start: Sequence[str],
    options: Sequence[str] = (),
    after: int | None = None,
    pattern: str | None = None,
) -> dict[str, object]:
    """Wrap what the launcher in *spec* starts, so that the daemon runs over there.

    In remote_ikernel's ``--kernel_cmd`` the daemon is put in front of the command
    that names the connection file; else behind the launcher's own words.

    :param after: how many words are the launcher's own, in ``--kernel_cmd`` of the
        command there.
    :param pattern: a regular expression for them instead.
    :raises SpecError: it is not known where that is.
    """
    argv = _argv(spec) or []
    if interrupt_mode(spec) == "message" and "--interrupt-mode" not in options:
        # The kernel.json may not be readable over there.
        options = ["--interrupt-mode", "message", *options]
    at = kernel_cmd_at(argv)
    try:
        if at is not None:
            new = argv.copy()
            name, equals, command = argv[at].partition("=")
            if not (equals and name == "--kernel_cmd"):
                name, equals, command = "", "", argv[at]
            command = _inside_shell(command, start, options, after, pattern)
            new[at] = name + equals + command
        else:
            end = farside.launcher_end(argv, after, pattern)
            inner = [
                word.replace(CONNECTION_FILE, INNER_CONNECTION_FILE)
                for word in argv[end:]
            ]
            if inner == argv[end:]:
                raise SpecError(f"behind its launcher nothing says {CONNECTION_FILE}")
            new = [*argv[:end], *start, *_PLACE, *options, "--", *inner]
    except farside.CannotPlace as error:
        raise SpecError(str(error)) from None
    return replaced(spec, new)


_HOST_CONNECTION_FILE = "{host_connection_file}"


def _inside_shell(
    line: str,
    start: Sequence[str],
    options: Sequence[str],
    after: int | None,
    pattern: str | None,
) -> str:
    """Put the daemon into a shell's line, as ``--kernel_cmd`` holds one."""
    for place in (_HOST_CONNECTION_FILE, CONNECTION_FILE):
        commands = [
            words
            for words in farside.shell_commands(line)
            if any(place in word.value for word in words)
        ]
        if commands:
            break
    else:
        raise SpecError(f"its --kernel_cmd does not say {_HOST_CONNECTION_FILE}")
    words = commands[-1]
    argv = [word.value for word in words]
    index = 0
    if after is not None or pattern is not None or os.path.basename(argv[0]) == "srun":
        index = farside.launcher_end(argv, after, pattern)
    begin, end = words[index].start, words[-1].end
    inner = line[begin:end]
    if place not in inner:
        raise SpecError(f"behind its launcher nothing says {place}")
    pieces = inner.split(place)
    filled = pieces[0]
    for piece in pieces[1:]:
        # Braces mean something to some shells, and to str.format.
        name = _for_format(INNER_CONNECTION_FILE)
        filled += name if farside.quoted_at(filled, len(filled)) else f"'{name}'"
        filled += piece
    own = " ".join(
        [
            *(_shell_word(word) for word in start),
            "-f",
            place,
            *(_shell_word(word) for word in options),
            "--",
        ]
    )
    return f"{line[:begin]}{own} {filled}{line[end:]}"


def _shell_word(word: str) -> str:
    # "~/venv/bin/python" and "$HOME/…" are for the far side's shell to expand.
    if not re.fullmatch(r"[\w@%+=:,./~$-]+", word):
        word = shlex.quote(word)
    return _for_format(word)


def replaced(
    spec: Mapping[str, object],
    argv: list[str],
    interpreter: str | None = None,
    owner: str | None = None,
) -> dict[str, object]:
    """Return *spec* with another argv, and with what is needed to go back.

    That is kept in ``metadata.ipr``: jupyter_client drops fields that it does not
    know at the top level, warns of them, and will refuse them.

    The interrupt mode becomes ``message``: a signal would have to get through
    whatever launched the daemon (srun swallows it, remote_ikernel dies of it).

    :param interpreter: see :func:`bare_interpreter`.
    :param owner: see :func:`owner`; told to VS Code by ``metadata.interpreter``.
    """
    own: dict[str, object] = {ORIGINAL_ARGV: spec["argv"]}
    new = {**spec, "argv": argv, "interrupt_mode": "message"}
    if "interrupt_mode" in spec:
        own[ORIGINAL_INTERRUPT_MODE] = spec["interrupt_mode"]
    if _promises_handshake(spec):
        own[ORIGINAL_PROTOCOL_VERSION] = spec["kernel_protocol_version"]
        new["kernel_protocol_version"] = PROTOCOL_VERSION
    if interpreter is not None:
        own[INTERPRETER] = interpreter
    before = spec.get("metadata")
    metadata = dict(before) if isinstance(before, dict) else {}
    if before == {}:
        own[ORIGINAL_METADATA] = before
    if owner is not None and "interpreter" not in metadata:
        metadata["interpreter"] = {"path": owner}
        own[ADDED] = ["interpreter"]
    new["metadata"] = {**metadata, KEPT: own}
    return new


def _promises_handshake(spec: Mapping[str, object]) -> bool:
    version = re.match(
        r"(\d{1,9})\.(\d{1,9})", str(spec.get("kernel_protocol_version"))
    )
    newest = tuple(map(int, PROTOCOL_VERSION.split(".")))
    return version is not None and (int(version[1]), int(version[2])) > newest


def restored(spec: Mapping[str, object]) -> dict[str, object]:
    """Undo :func:`patched`, :func:`patched_inside` or the earlier package.

    The form in which the fields are at the top level is undone as well.

    :raises SpecError: *spec* is not wrapped, or does not say what was there before.
    """
    wrapped = wrapping(spec)
    if wrapped is None:
        raise SpecError("it is not wrapped")
    own = kept(spec)
    if wrapped.kind == "earlier-inside" and ORIGINAL_ARGV not in own:
        return _without_earlier_far_side(spec)
    if wrapped.by_hand:
        raise SpecError(
            "it was written by hand (its command stands behind --),"
            " so nothing says what to go back to"
        )
    original = _argv(own, ORIGINAL_ARGV)
    if original is None:
        how = "is not a list of strings" if ORIGINAL_ARGV in own else "is missing"
        raise SpecError(
            f"its field {ORIGINAL_ARGV} {how}, so nothing says what to go back to;"
            " put the kernel's own command into argv by hand"
        )
    if wrapping({"argv": original}) is not None:
        raise SpecError(
            f"its field {ORIGINAL_ARGV} starts ipr once more;"
            " put the kernel's own command there by hand"
        )
    new = {key: value for key, value in spec.items() if key not in RESERVED}
    new["argv"] = original
    if ORIGINAL_INTERRUPT_MODE in own:
        new["interrupt_mode"] = own[ORIGINAL_INTERRUPT_MODE]
    elif not wrapped.earlier and spec.get("interrupt_mode") == "message":
        del new["interrupt_mode"]
    if ORIGINAL_PROTOCOL_VERSION in own:
        new["kernel_protocol_version"] = own[ORIGINAL_PROTOCOL_VERSION]
    metadata = spec.get("metadata")
    if own is not spec and isinstance(metadata, dict):
        added = own.get(ADDED)
        ours = [KEPT, *(added if isinstance(added, list) else ())]
        left = {key: value for key, value in metadata.items() if key not in ours}
        new["metadata"] = left
        if not left and ORIGINAL_METADATA not in own:
            del new["metadata"]
    return new


def _without_earlier_far_side(spec: Mapping[str, object]) -> dict[str, object]:
    """Undo what the earlier package did to a command of remote_ikernel.

    It put its own name in the place of the first ``ipykernel_launcher``.
    """
    argv = list(_argv(spec) or ())
    at = kernel_cmd_at(argv)
    assert at is not None
    argv[at] = argv[at].replace("-m inplace_restarter", "-m ipykernel_launcher", 1)
    return {**spec, "argv": argv}


def bare_interpreter(argv: Sequence[str], folder: str) -> str | None:
    """Say which interpreter a bare ``python`` in *argv* stands for, None if none.

    See :func:`ipr.boot.launch.environments_python`.
    """
    return launch.environments_python(argv[0], folder) or None if argv else None


def owner(
    spec: Mapping[str, object], start: Sequence[str], interpreter: str | None
) -> str | None:
    """Say which interpreter a Python kernel runs in, if that is not the daemon's.

    VS Code takes the interpreter of a kernelspec, and with it the environment that
    it activates, from ``metadata.interpreter.path``, before ``argv[0]``; it hides a
    kernelspec whose ``argv[0]`` is a Python that its Python extension does not know
    of (``findMatchingInterpreter`` in vscode-jupyter's
    ``interpreterKernelSpecFinderHelper.node.ts``), and one whose
    ``metadata.interpreter.path`` does not exist.
    """
    argv = _argv(spec) or [""]
    path = interpreter or argv[0]
    if str(spec.get("language")).lower() != "python" or not os.path.isabs(path):
        return None
    if not launch.is_python(os.path.basename(path)) or not os.path.isfile(path):
        return None
    same = os.path.dirname(path) == os.path.dirname(start[0]) and (
        os.path.realpath(path) == os.path.realpath(start[0])
    )
    return None if same else path


def rewritten(text: str, new: Mapping[str, object]) -> str:
    """Write *new* in the layout of *text*, the kernel.json that it was made from.

    What moves between ``argv`` and ``restarter_original_argv`` moves as it is
    written, so that going back gives the same bytes.
    """
    return jsontext.spliced(text, new, _MOVED)


#: Where each field is kept; both ways, and out of the older form.
_MOVED: dict[jsontext.Path, list[jsontext.Path]] = {}
for _field, _name in (
    ("argv", ORIGINAL_ARGV),
    ("interrupt_mode", ORIGINAL_INTERRUPT_MODE),
    ("kernel_protocol_version", ORIGINAL_PROTOCOL_VERSION),
    ("metadata", ORIGINAL_METADATA),
):
    _MOVED["metadata", KEPT, _name] = [(_field,)]
    _MOVED[(_field,)] = [("metadata", KEPT, _name), (_name,)]


def decoded(data: bytes) -> tuple[str, dict[str, object]]:
    """Read the bytes of a kernel.json: its text, and what it says.

    :raises SpecError: they are not what Jupyter can read, with the place.
    """
    if not data.strip():
        raise SpecError("kernel.json is empty")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(f"kernel.json is not UTF-8 (line {line})") from None
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            raise SpecError("kernel.json begins with a byte order mark") from None
        raise SpecError(
            f"kernel.json is not valid JSON (line {error.lineno})"
        ) from None
    except RecursionError:
        raise SpecError("kernel.json is nested too deeply") from None
    except ValueError as error:  # a number with thousands of digits
        raise SpecError(f"kernel.json cannot be read: {error}") from None
    if not isinstance(spec, dict):
        raise SpecError("kernel.json is not a JSON object")
    return text, spec


def why(error: OSError) -> str:
    """Say in a few words what the operating system had against it."""
    words = {
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EROFS: "the file system is read-only",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file size limit is reached",
    }
    if error.errno in words:
        return words[error.errno]
    return (error.strerror or str(error)).lower()


def replace_file(path: str, before: bytes, after: bytes) -> None:
    """Replace the content of a file in one step.

    Whatever happens in between, a full disk or the end of this process, the file
    has the old content or the new one, whole. Mode, owner and access lists are
    kept, a symlink stays one.

    :param before: what the caller has read; if the file holds something else by
        now, somebody else is writing it, and it is left alone.
    :raises SpecError: it could not be done, nothing has changed.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.ipr")
    try:
        os.stat(path)
        if not os.access(path, os.W_OK):
            # Its folder would let us replace it, but somebody has meant it so.
            raise PermissionError(errno.EACCES, "")
        with _locked(temporary) as fd:
            try:
                check_unchanged(path, before)
                _write(fd, after)
                _copy_attributes(path, fd)
                os.fsync(fd)
                # Once more: that took its time.
                check_unchanged(path, before)
                os.rename(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        _sync_folder(folder)
    except OSError as error:
        raise SpecError(f"cannot write {path}: {why(error)}") from error


def check_unchanged(path: str, before: bytes) -> None:
    """See to it that a file holds what was read of it.

    :raises SpecError: it holds something else by now.
    """
    if speccopy.read_file(path, SIZE_LIMIT) != before:
        raise SpecError(
            f"{path} was modified by another program while ipr-spec was running;"
            " try again"
        )


@contextlib.contextmanager
def _locked(temporary: str) -> Iterator[int]:
    """Open the file that will take the other one's place, for us alone.

    A lock goes away with the process that held it, so what a killed one left
    behind is in nobody's way.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        fd = os.open(temporary, flags, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SpecError(
                    f"{os.path.dirname(temporary)} is being written by another"
                    " ipr-spec; try again"
                ) from None
            except OSError:
                pass  # a file system without locks
            if _is_at(fd, temporary):
                yield fd
                return
        finally:
            os.close(fd)


def _is_at(fd: int, path: str) -> bool:
    # False when the one before us has put it in place between our two steps.
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _write(fd: int, data: bytes) -> None:
    os.ftruncate(fd, 0)
    while data:
        data = data[os.write(fd, data) :]


def _copy_attributes(source: str, fd: int) -> None:
    status = os.stat(source)
    if hasattr(os, "listxattr"):
        # Access lists are in there. Not every file system has them.
        with contextlib.suppress(OSError):
            for name in os.listxattr(source):
                with contextlib.suppress(OSError):
                    os.setxattr(fd, name, os.getxattr(source, name))
    own = os.fstat(fd)
    # In a folder of a group the owner can be somebody else; the group is kept.
    for uid, gid in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
        if (own.st_uid, own.st_gid) == (status.st_uid, status.st_gid):
            break
        # Not ours to give; or, in a user namespace, nobody that it knows.
        with contextlib.suppress(OSError):
            os.fchown(fd, uid, gid)
            break
    os.fchmod(fd, status.st_mode & 0o7777)


def _sync_folder(folder: str) -> None:
    # So that the rename survives a power cut; not every file system can do it.
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
