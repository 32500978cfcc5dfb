"""A standby of another language: it takes over, and is what a new kernel would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import harness
from tests.e2e.harness import Client, Place
from tests.e2e.situations import standby_status
from tests.kernels.starting import start
from tests.kernels.subjects import BY_NAME

pytestmark = pytest.mark.kernels

#: Two of these at a time are not for ipr: Deno keeps a lock on its caches, as SQLite
#: does, and Kotlin's debugger listens on a port.
ONE_AT_A_TIME = ("deno", "deno-message", "kotlin")
#: Seconds until there is one: the kernel has to be idle, and it has to boot.
SOON = 120.0


def waiting(client: Client) -> bool:
    """Wait until one waits, or there will be none; :return: whether one waits."""
    said = ""

    def settled() -> bool:
        nonlocal said
        said = standby_status(client)
        return said.startswith(("ready", "none: it takes"))

    try:
        harness.until(settled, "a standby", SOON, every=0.5)
    except harness.Waited as error:
        raise AssertionError(f"{error}; it is said: {said}") from None
    return said.startswith("ready")


@pytest.mark.parametrize("name", sorted(BY_NAME), indirect=True)
def test_standby_takes_over_and_knows_nothing(place: Place, name: str) -> None:
    subject = BY_NAME[name]
    client = start(place, subject, "--standby=full")
    client.run(subject.cells.keep)
    waits = waiting(client)
    assert waits != (name in ONE_AT_A_TIME)
    cell = client.run(f"%restart\n{subject.cells.print}")
    # Of Deno it may come after the cell's idle.
    client.wait_for(cell, "text:42", within=10)
    recalled = client.execute(subject.cells.recall)
    client.finish(recalled)
    assert "secret41" not in client.text(recalled, None)
    if waits:
        assert waiting(client)
    client.fence()
    client.assert_once()


@pytest.mark.parametrize("name", ["ir"], indirect=True)
def test_new_profile_of_r_is_read_after_a_restart(place: Place, name: str) -> None:
    client = start(place, BY_NAME[name], "--standby=full")
    assert waiting(client)
    Path(place.work, ".Rprofile").write_text("from_profile <- 43\n")
    cell = client.run("%restart\ncat(from_profile)")
    assert client.text(cell).endswith("43")
    client.assert_once()
