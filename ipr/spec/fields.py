"""The fields of a kernel.json: what they mean, and what is wrong with them.

Knows what Jupyter requires of a kernel.json. Must not know what ipr writes into it,
nor where it lies.

https://jupyter-client.readthedocs.io/en/latest/kernels.html#kernel-specs
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ipr.spec.errors import SpecError

#: The newest version of the messages' protocol whose start ipr serves. From 5.5 on
#: (JEP 66) a kernel may be started with a registration file, and answers there with
#: the ports that it has chosen itself.
PROTOCOL_VERSION = "5.4"
#: In ``metadata``: which kernel provisioner starts the kernel. Jupyter hides a
#: kernelspec that names one which its own environment does not have.
STANZA = "kernel_provisioner"
CONNECTION_FILE = "{connection_file}"
RESOURCE_DIR = "{resource_dir}"
#: In a command after ``--``: the inner kernel's connection file. It has a name
#: of its own since whoever starts a kernelspec fills in {connection_file} in the
#: whole of argv, the part after ``--`` included.
INNER_CONNECTION_FILE = "{inner_connection_file}"
PLACE = ["-f", CONNECTION_FILE, "--resource-dir", RESOURCE_DIR]


def decoded(data: bytes) -> tuple[str, dict[str, object]]:
    """Read the bytes of a kernel.json: its text, and the object in it.

    :raises SpecError: Jupyter cannot read them; names the line.
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


def fault_of(spec: object) -> str | None:
    """Return what keeps Jupyter from loading *spec*, None if nothing does.

    The rules are those of :class:`jupyter_client.kernelspec.KernelSpec`.
    """
    if not isinstance(spec, dict):
        return "kernel.json is not a JSON object"
    if "argv" not in spec:
        return "kernel.json has no argv"
    argv = spec["argv"]
    if argv == []:
        return "argv is empty"
    if argv_of(spec) is None:
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


def argv_of(spec: Mapping[str, object], field: str = "argv") -> list[str] | None:
    """Return the words in a *field*, None unless it is a list of strings, not empty."""
    value = spec.get(field)
    if not isinstance(value, list) or not value:
        return None
    return value if all(isinstance(word, str) for word in value) else None


def provisioner_of(spec: Mapping[str, object]) -> str | None:
    """Return the name of the provisioner that *spec* asks for, None if it does not."""
    metadata = spec.get("metadata")
    stanza = metadata.get(STANZA) if isinstance(metadata, dict) else None
    name = stanza.get("provisioner_name") if isinstance(stanza, dict) else None
    return None if name is None else str(name)


def interrupt_mode_of(spec: Mapping[str, object]) -> str:
    """Return the interrupt mode of an unwrapped *spec*: ``signal`` or ``message``."""
    return str(spec.get("interrupt_mode", "signal")).lower()
