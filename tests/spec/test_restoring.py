"""Whatever was wrapped comes back byte for byte."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st
from jupyter_client.kernelspec import KernelSpec

from ipr.spec import jsontext, states
from ipr.spec.around import patched
from ipr.spec.errors import SpecError
from ipr.spec.fields import PROTOCOL_VERSION, decoded, fault_of
from ipr.spec.folders import Kernelspec
from ipr.spec.restoring import (
    names_our_provisioner,
    replaced,
    restored,
    rewritten,
    with_provisioner,
)
from ipr.spec.wish import Wish, trial
from ipr.spec.wrapping import obstacle_to, wrapping_of
from tests.spec import shapes
from tests.spec.home import kept
from tests.spec.roundtrip import PLACE, START, unwrapped, wrapped


def in_order(data: bytes) -> Any:
    """Read JSON so that the order of its members counts."""
    return json.loads(data, object_pairs_hook=list)


@pytest.mark.parametrize("name", shapes.ALL)
def test_real_files_come_back_byte_for_byte(name: str) -> None:
    before = shapes.ALL[name]
    between = wrapped(before, "--log-level", "DEBUG")
    old, new = json.loads(before), json.loads(between)
    assert new["argv"] == [*START, *PLACE, "--log-level", "DEBUG"]
    own = kept(new)
    assert own["restarter_original_argv"] == old["argv"]
    assert new["interrupt_mode"] == "message"
    assert own.get("restarter_original_interrupt_mode") == old.get("interrupt_mode")
    rest = [key for key in new if key in old]
    assert rest == list(old), "the other fields keep their order"
    changed = ("argv", "interrupt_mode", "metadata", "kernel_protocol_version")
    assert {key: new[key] for key in old if key not in changed} == {
        key: old[key] for key in old if key not in changed
    }
    assert set(new) - set(old) <= {"interrupt_mode", "metadata"}
    new["metadata"].pop("ipr")
    assert new["metadata"] == old.get("metadata", {})
    assert unwrapped(between) == before


@pytest.mark.parametrize("name", shapes.OLDER)
def test_older_forms_come_back_and_are_brought_up_to_date(name: str) -> None:
    before, older = shapes.ALL[name], shapes.OLDER[name]
    assert unwrapped(older) == before
    found = Kernelspec(name, "/k", older, *decoded(older), fault=None)
    standing = states.standing(found)
    assert standing.wrapping is not None
    assert not standing.wrapping.by_hand
    assert standing.state in (states.INSTALLED, states.INSIDE)
    newer = trial(found, Wish())
    spec = json.loads(newer)
    assert not [key for key in spec if key.startswith("restarter")]
    assert kept(spec)["restarter_original_argv"] == json.loads(before)["argv"]
    wrapping = wrapping_of(spec)
    assert wrapping is not None
    assert wrapping.options == standing.wrapping.options
    assert unwrapped(newer) == before


def no_warning(data: bytes) -> KernelSpec:
    """Load a kernel.json as jupyter_client does under ``python -W error``."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return KernelSpec(resource_dir="/x", **json.loads(data))


def test_jupyter_client_has_nothing_to_warn_of() -> None:
    loaded = no_warning(wrapped(shapes.IPYKERNEL_6))
    assert loaded.interrupt_mode == "message"
    assert loaded.metadata["debugger"] is True
    # The form of the first versions, else this test would show nothing.
    with pytest.raises(DeprecationWarning, match="restarter_original_argv"):
        no_warning(shapes.OLDER["python3"])


@pytest.mark.parametrize(
    ("version", "promised"),
    [
        ("5.5", "5.4"),
        ("5.6.1", "5.4"),
        ("6.0", "5.4"),
        ("5.10", "5.4"),
        ("5.4", "5.4"),
        ("5.3", "5.3"),
        ("5", "5"),
        ("", ""),
        (None, None),
        (5.5, "5.4"),
        (["5.5"], ["5.5"]),
    ],
)
def test_no_handshake_is_promised(version: object, promised: object) -> None:
    """From 5.5 on a client may start a kernel as JEP 66 has it."""
    spec = {"argv": ["{connection_file}"], "kernel_protocol_version": version}
    before = json.dumps(spec, indent=1).encode()
    between = wrapped(before)
    assert json.loads(between)["kernel_protocol_version"] == promised
    assert unwrapped(between) == before
    bare = patched({"argv": ["{connection_file}"]}, START)
    assert "kernel_protocol_version" not in bare


def test_the_layout_of_the_new_fields_is_that_of_the_file() -> None:
    lines = wrapped(shapes.IPYKERNEL).decode().splitlines()
    assert lines[:4] == ["{", ' "argv": [', '  "/opt/ipr/bin/python",', '  "-P",']
    # The lines of what moves, moved as far as its key.
    at = lines.index('   "restarter_original_argv": [')
    assert lines[at + 1 : at + 3] == ['    "python",', '    "-m",']
    assert lines[at - 1] == '  "ipr": {'
    one_line = wrapped(shapes.BASH_KERNEL)
    assert b"\n" not in one_line
    assert b'"-f", "{connection_file}", "--resource-dir"' in one_line
    assert wrapped(b'{"argv":["x","{connection_file}"],"language":"x"}').startswith(
        b'{"argv":["/opt/ipr/bin/python","-P","-m","ipr","-f",'
    )


@pytest.mark.parametrize(
    "before",
    [
        b'{"argv": ["k", "{connection_file}"]}',
        b'{"argv":["{connection_file}"]}',
        b'  {\n\t"argv"\t:\t[\t"{connection_file}"\t]\n}  \n\n',
        b'{\r\n  "argv": [\r\n    "{connection_file}"\r\n  ],\r\n  "a": 1\r\n}\r\n',
        b'{"a": 1.00, "b": 1E5, "c": "\\u00e9\\/", "argv": ["{connection_file}"]}',
        b'{"argv": ["\\u007bconnection_file}"], "display_name": "\xc3\xa9"}',
        b'{"x": {"argv": ["no"]}, "argv": ["{connection_file}"], "y": [[], {}]}',
        # The last one counts, as for every JSON reader.
        b'{"argv": ["a"], "b": 1, "argv": ["{connection_file}"]}',
        b'{"interrupt_mode": "SIGNAL", "argv": ["{connection_file}"], "env": {}}',
        b'{"argv": ["{connection_file}"], "a": NaN, "interrupt_mode": "message"}',
        b'{"argv": ["{connection_file}"], "metadata": {"a" : [ NaN,1e400 ]}}',
        b'{"argv": ["{connection_file}"], "metadata": { }}',
        b'{\n"argv": ["{connection_file}"],\n\n "metadata"\n:\n{\n}\n}',
        b'{"metadata": {"a": 1, "a": 2,\n"b": {}}, "argv":\n["{connection_file}"]}',
        b'{"metadata": 1, "argv": ["{connection_file}"], "metadata": {"x": 1.0}}',
        b'{\n\t"argv": [\n\n"{connection_file}"\n\t\t\t]\n,"metadata": {}\n}',
        b'{"kernel_protocol_version": "\\u0035.5", "argv": ["{connection_file}"]}',
    ],
)
def test_odd_files_come_back_byte_for_byte(before: bytes) -> None:
    between = wrapped(before)
    assert json.loads(between)["argv"] == [*START, *PLACE]
    assert json.loads(between)["interrupt_mode"] == "message"
    assert unwrapped(between) == before


def test_a_path_that_is_not_utf8_survives() -> None:
    start = [os.fsdecode(b"/opt/\xff/python"), "-m", "ipr"]
    for data in (shapes.BASH_KERNEL, shapes.SLURM):
        text, spec = decoded(data)
        between = rewritten(text, patched(spec, start)).encode()
        assert os.fsencode(json.loads(between)["argv"][0]) == b"/opt/\xff/python"
        assert unwrapped(between) == data


keys = st.text(max_size=6) | st.sampled_from(["language", "codemirror_mode", "name"])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=6,
)


specs = st.fixed_dictionaries(
    {
        "argv": st.lists(
            st.sampled_from(["a", "--f={connection_file}", "é", "\ud800"]), max_size=3
        ).map(lambda words: [*words, "{connection_file}"])
        | st.lists(st.text(max_size=3), max_size=1)
    },
    optional={
        "display_name": st.text(max_size=8),
        "language": st.text(max_size=8),
        "interrupt_mode": st.sampled_from(["signal", "message", "Message"]),
        "env": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
        "metadata": st.dictionaries(
            keys | st.sampled_from(["interpreter", "kernel_provisioner"]),
            anything,
            max_size=3,
        ),
        "kernel_protocol_version": st.sampled_from(["5.5", "5.3", "6.0.1", "x"]),
    },
)


layouts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 1, 2, 4, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([None, (",", ":"), (" , ", " : "), (",\n", ":")]),
        "sort_keys": st.booleans(),
    }
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A kernel.json in one of the ways to write it down."""
    more = st.dictionaries(st.text(max_size=4), anything, max_size=3)
    spec = {**draw(more), **draw(specs)}
    if draw(st.integers(0, 9)) == 9:
        spec["restarter_original_argv"] = ["x"]
    order = draw(st.permutations(list(spec)))
    text = json.dumps({key: spec[key] for key in order}, **draw(layouts))
    text = draw(st.sampled_from(["", " ", "\n"])) + text
    text += draw(st.sampled_from(["", "\n", " \n"]))
    return text.encode(errors="surrogatepass")


@settings(max_examples=250, deadline=None)
@example(shapes.IPYKERNEL)
@given(files())
def test_whatever_jupyter_accepts_comes_back(before: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            KernelSpec(resource_dir="/x", **json.loads(before.decode()))
    except Exception:
        assume(False)
    _, spec = decoded(before)
    if fault_of(spec) or obstacle_to(spec):
        # What cannot be installed on is not touched.
        assert (
            spec["argv"] == []
            or "restarter_original_argv" in spec
            # ipr's own place, with something else in it.
            or "ipr" in (spec.get("metadata") or {})  # type: ignore[operator]
            or not any("{connection_file}" in word for word in spec["argv"])  # type: ignore[attr-defined]
        )
        event("cannot be installed on")
        return
    event("installed")
    between = wrapped(before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        KernelSpec(resource_dir="/x", **json.loads(between))
    assert unwrapped(between) == before
    # And once more, from what it made itself.
    assert wrapped(unwrapped(between)) == between


def older(data: bytes) -> bytes:
    """Wrap as the first versions of ipr did: the fields at the top level."""
    text, spec = decoded(data)
    new: dict[str, object] = {}
    for key, value in spec.items():
        new[key] = value
        if key == "argv":
            new |= {"argv": [*START, *PLACE], "restarter_original_argv": value}
            if "interrupt_mode" not in spec:
                new["interrupt_mode"] = "message"
        elif key == "interrupt_mode":
            new |= {key: "message", "restarter_original_interrupt_mode": value}
    moved: dict[jsontext.Path, list[jsontext.Path]] = {
        (f"restarter_original_{key}",): [(key,)] for key in ("argv", "interrupt_mode")
    }
    return jsontext.spliced(text, new, moved).encode()


@settings(max_examples=50, deadline=None)
@example(shapes.IPYKERNEL)
@given(files())
def test_whatever_an_older_ipr_wrapped_comes_back(before: bytes) -> None:
    """Taken off at once, and after it was brought up to date."""
    try:
        _, spec = decoded(before)
    except SpecError:
        assume(False)
    assume(not fault_of(spec) and not obstacle_to(spec))
    between = older(before)
    assert unwrapped(between) == before
    found = Kernelspec("k", "/k", between, *decoded(between))
    newer = trial(found, Wish())
    assert unwrapped(newer) == before


def test_unchanged_when_written_by_another_program_in_between() -> None:
    # An editor that lays the file out again: the JSON and its order come back.
    between = json.dumps(json.loads(wrapped(shapes.IJULIA)), indent=3).encode()
    assert in_order(unwrapped(between)) == in_order(shapes.IJULIA)
    # Or one that sorts the keys.
    text = json.dumps(json.loads(wrapped(shapes.IJULIA)), sort_keys=True)
    assert json.loads(unwrapped(text.encode())) == json.loads(shapes.IJULIA)


def test_the_earlier_package_is_undone() -> None:
    back = unwrapped(shapes.EARLIER)
    expected = json.loads(shapes.IRKERNEL)
    # It never touched this field, so it is not ours to take away.
    assert json.loads(back) == {**expected, "interrupt_mode": "message"}
    far = unwrapped(shapes.EARLIER_FAR_SIDE)
    assert far == shapes.REMOTE_IKERNEL


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({}, "is missing"),
        ({"restarter_original_argv": None}, "not a list of strings"),
        ({"restarter_original_argv": "R"}, "not a list of strings"),
        ({"restarter_original_argv": []}, "not a list of strings"),
        ({"restarter_original_argv": [*START, *PLACE]}, "starts ipr once more"),
    ],
)
def test_what_cannot_be_restored(field: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        restored({"argv": [*START, *PLACE], **field})


def test_a_command_behind_dashes_is_somebodys_own_work() -> None:
    with pytest.raises(SpecError, match="by hand"):
        restored({"argv": [*START, *PLACE, "--", "kernel"]})


def test_what_is_not_wrapped_is_not_restored() -> None:
    with pytest.raises(SpecError, match="it is not wrapped"):
        restored({"argv": ["k"]})


def test_a_handshake_that_is_promised_is_taken_out_and_comes_back() -> None:
    spec: dict[str, object] = {"argv": ["k"], "kernel_protocol_version": "5.6"}
    new = replaced(spec, ["/p", "-m", "ipr", *PLACE, "--", "k"])
    assert new["kernel_protocol_version"] == PROTOCOL_VERSION
    assert restored(new) == spec


def test_the_owner_of_the_interpreter_is_noted_and_goes_again() -> None:
    spec: dict[str, object] = {"argv": ["k"], "metadata": {}}
    argv = ["/p", "-m", "ipr", *PLACE, "--", "k"]
    new = replaced(spec, argv, interpreter="/env/python", owner="/env/python")
    assert isinstance(new["metadata"], dict)
    assert new["metadata"]["interpreter"] == {"path": "/env/python"}
    assert restored(new) == spec


def test_provisioner_is_named_once_and_not_instead_of_another() -> None:
    plain: dict[str, object] = {"argv": ["k"], "metadata": {"a": 1}}
    named = with_provisioner(replaced(plain, ["ipr"]))
    assert names_our_provisioner(named)
    metadata = named["metadata"]
    assert isinstance(metadata, dict)
    stanza = {"provisioner_name": "ipr-provisioner"}
    assert (metadata["a"], metadata["kernel_provisioner"]) == (1, stanza)
    assert with_provisioner(named) == named
    other = {"kernel_provisioner": {"provisioner_name": "slurm"}}
    theirs = replaced({**plain, "metadata": other}, ["ipr"])
    assert with_provisioner(theirs) == theirs
