"""Kernels of many languages, each put through the same matrix by itself and behind
``ipr``: no row is worse, and the page in the documentation says what they do.

The halves of the rows run two at a time while the first of these tests waits; see
``matrix.py`` for what is done with each.
"""

from __future__ import annotations

import os

import pytest

from tests.e2e.harness import SOURCE
from tests.kernels import verdict
from tests.kernels.rows import Rows
from tests.kernels.subjects import BY_NAME, SUBJECTS

pytestmark = pytest.mark.kernels

PAGE = os.path.join(SOURCE, "docs", "kernels.rst")

each_kernel = pytest.mark.parametrize("name", BY_NAME, indirect=True)


def expect_seen(rows: Rows, name: str, check: str) -> None:
    """Both halves came to the end of this check."""
    for half in rows.row(name):
        for fault in ("start", "kernelspec", check):
            if fault in half.faults:
                pytest.fail(f"{half.kind} {name}: {half.faults[fault]}", pytrace=False)


@each_kernel
@pytest.mark.parametrize("check", [check.name for check in verdict.CHECKS])
def test_never_worse(rows: Rows, name: str, check: str) -> None:
    expect_seen(rows, name, check)
    plain, wrapped = rows.row(name)
    before = plain.seen.get(check)
    if check in BY_NAME[name].unsteady:
        # What the plain one did this time says nothing; what is needed holds.
        before = verdict.BY_NAME[check].best[-1]
    fault = verdict.BY_NAME[check].fault(before, wrapped.seen.get(check))
    assert not fault, f"{name}, {check}: {fault}"


@each_kernel
@pytest.mark.parametrize("check", verdict.SAME)
def test_same_messages(rows: Rows, name: str, check: str) -> None:
    expect_seen(rows, name, check)
    plain, wrapped = rows.row(name)
    assert wrapped.shapes.get(check) == plain.shapes.get(check)


@each_kernel
def test_own_language(rows: Rows, name: str) -> None:
    expect_seen(rows, name, "kernel_info")
    for half in rows.row(name):
        seen = half.seen["kernel_info"]
        assert seen.lower() == BY_NAME[name].language.lower(), half.kind


@each_kernel
def test_interrupt_is_the_same(rows: Rows, name: str) -> None:
    """What an interrupted cell gets; a kernel that dies of it has nothing to say."""
    expect_seen(rows, name, "interrupt")
    plain, wrapped = rows.row(name)
    if plain.seen["interrupt"] == "dies":
        assert wrapped.seen["interrupt"] == "dies, comes back"
    else:
        status, idles = plain.shapes["interrupt"]
        assert wrapped.shapes["interrupt"] == [status, 1]
        assert idles <= 1


@each_kernel
def test_listens_where_nobody_else_can(rows: Rows, name: str) -> None:
    """One Unix socket for each channel, in the first kernel as in the next.

    The others listen on 127.0.0.1, since they can do no better.
    """
    expect_seen(rows, name, "restart")
    assert rows.half(name, "wrapped").sockets == 5 * BY_NAME[name].private


@each_kernel
def test_ends_well(rows: Rows, name: str) -> None:
    """Exit code 0, and no file or socket of ipr's is left."""
    expect_seen(rows, name, "shutdown")
    expect_seen(rows, name, "leftovers")
    wrapped = rows.half(name, "wrapped")
    assert wrapped.shapes["shutdown"] == 0
    assert wrapped.files == []


def test_every_fault_is_a_check_of_some_test(rows: Rows) -> None:
    """A check that is named nowhere above would fail unseen."""
    named = {check.name for check in verdict.CHECKS}
    named |= {"kernel_info", "late", *verdict.SAME}
    for subject in SUBJECTS:
        if not subject.missing():
            for half in rows.row(subject.name):
                assert set(half.faults) <= named, half.faults


def test_page(rows: Rows) -> None:
    """``python -m tests.kernels --table docs/kernels.rst`` would change no fact."""
    missing = [subject.missing() for subject in SUBJECTS if subject.missing()]
    if missing:
        if os.environ.get("IPR_REQUIRE_MARKED") == "1":
            pytest.fail("; ".join(missing))
        pytest.skip(f"the page speaks of all kernels: {'; '.join(missing)}")
    seen = verdict.facts(verdict.table(rows.row(s.name) for s in SUBJECTS))
    page = verdict.facts(verdict.written(PAGE))
    differ = {
        name: (page.get(name), seen.get(name))
        for name in {*page, *seen}
        if page.get(name) != seen.get(name)
    }
    assert not differ, f"by kernel, what the page says and what was seen: {differ}"
