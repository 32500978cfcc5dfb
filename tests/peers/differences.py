"""Tests of other projects that pass with a plain kernel and not behind ipr, each with
the reason. ``docs/peers.rst`` says the same to users.

A test that stands here and passes wrapped fails ours: the table is kept short.
"""

from __future__ import annotations

#: By suite, then by test.
DIFFERENCES: dict[str, dict[str, str]] = {
    "ipykernel": {},
    "nbclient": {},
}

#: Tests that are not asked for, since they fail now and then with a plain kernel too.
UNSTEADY: dict[str, dict[str, str]] = {
    "ipykernel": {},
    "nbclient": {},
}
