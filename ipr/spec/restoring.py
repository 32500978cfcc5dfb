"""What a wrapped kernel.json keeps of the original, and the way back to its bytes.

Knows ``metadata.ipr`` and its older forms. Must not know which argv starts the
daemon, nor files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
from ipr.spec import farside, jsontext
from ipr.spec.errors import SpecError
from ipr.spec.fields import PROTOCOL_VERSION, STANZA, argv_of
from ipr.spec.wrapping import PROVISIONER, RESERVED, wrapping_of


def replaced(
    spec: Mapping[str, object],
    argv: list[str],
    interpreter: str | None = None,
    owner: str | None = None,
) -> dict[str, object]:
    """Return *spec* with another argv, and with what is needed to restore it.

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


def with_provisioner(spec: Mapping[str, object]) -> dict[str, object]:
    """Return a wrapped *spec* that names our provisioner, unless it names one."""
    metadata = spec["metadata"]
    assert isinstance(metadata, dict)
    if STANZA in metadata:
        return dict(spec)
    others = {key: value for key, value in metadata.items() if key != KEPT}
    own = dict(metadata[KEPT])
    own[ADDED] = [*own.get(ADDED, ()), STANZA]
    stanza = {"provisioner_name": PROVISIONER}
    return {**spec, "metadata": {**others, STANZA: stanza, KEPT: own}}


def names_our_provisioner(spec: Mapping[str, object]) -> bool:
    """Whether ``install`` has had *spec* name our provisioner."""
    added = kept(spec).get(ADDED)
    return isinstance(added, list) and STANZA in added


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
    wrapped = wrapping_of(spec)
    if wrapped is None:
        raise SpecError("it is not wrapped")
    own = kept(spec)
    if wrapped.kind == "earlier-inside" and ORIGINAL_ARGV not in own:
        return _without_earlier_far_side(spec)
    if wrapped.by_hand:
        raise SpecError(
            "it was written by hand (its command stands after --),"
            " so nothing says what to go back to"
        )
    original = argv_of(own, ORIGINAL_ARGV)
    if original is None:
        how = "is not a list of strings" if ORIGINAL_ARGV in own else "is missing"
        raise SpecError(
            f"its field {ORIGINAL_ARGV} {how}, so nothing says what to go back to;"
            " put the kernel's own command into argv by hand"
        )
    if wrapping_of({"argv": original}) is not None:
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
    argv = list(argv_of(spec) or ())
    at = farside.kernel_cmd_at(argv)
    assert at is not None
    argv[at] = argv[at].replace("-m inplace_restarter", "-m ipykernel_launcher", 1)
    return {**spec, "argv": argv}


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
