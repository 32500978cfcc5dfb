"""``%ipr status`` where the programs that it asks do not answer (a ``squeue`` that
hangs, floods, or will not go), and what it says of the Restart button.
"""

from __future__ import annotations

import time

import pytest

from ipr.daemon.timeleft import ASKING_TIME
from tests import provisioning
from tests.e2e import harness
from tests.e2e.button import Pressed
from tests.e2e.fakejob import fake_job
from tests.e2e.harness import Client, Place

#: What squeue does, and what the table says then.
SQUEUE = {
    "answers": ("echo 1-02:03:04", "1234 on node7, time left 26 h 3 min"),
    "hangs": ("exec sleep 600", "1234 on node7, time left unknown"),
    "ignores SIGTERM": (
        "trap '' TERM HUP INT\nwhile :; do sleep 600; done",
        "1234 on node7, time left unknown",
    ),
    "leaves a session": (
        "setsid sleep 600 &\nsleep 600",
        "1234 on node7, time left unknown",
    ),
    "floods": ("exec cat /dev/zero", "1234 on node7, time left unknown"),
    "floods stderr": ("exec cat /dev/zero >&2", "1234 on node7, time left unknown"),
    "fails": (
        "echo slurm_load_jobs error >&2; exit 1",
        "1234 on node7, time left unknown",
    ),
}


@pytest.mark.parametrize("what", SQUEUE)
def test_status_is_answered_whatever_squeue_does(place: Place, what: str) -> None:
    script, said = SQUEUE[what]
    kernel = place.start("wrapped", **fake_job(place, script))
    client, other = kernel.client(), kernel.client()
    client.run("1")
    before = {process.pid for process in place.processes()}
    began = time.monotonic()
    status = client.execute("%ipr status")
    # Others are served meanwhile.
    assert other.value("1 + 1") == "2"
    client.finish(status)
    # It waits for nobody.
    assert time.monotonic() - began < ASKING_TIME
    text = client.shown(status)
    (row,) = [line for line in text.splitlines() if line.startswith("Slurm job")]
    assert said in row, row
    harness.until(
        lambda: {process.pid for process in place.processes()} <= before,
        f"the end of squeue: {place.described_processes()}",
    )
    client.assert_once()
    if what == "floods":
        with open(f"/proc/{kernel.pid}/status") as file:
            (peak,) = [line.split()[1] for line in file if line.startswith("VmHWM")]
        assert int(peak) < 120_000, f"{peak} kB"


def button(client: Client) -> str:
    """:return: what the table says of the Restart button."""
    text = client.shown(client.run("%ipr status"))
    (row,) = [line for line in text.splitlines() if line.startswith("Restart button")]
    return row.removeprefix("Restart button").strip()


def test_status_says_whether_the_button_is_in_place(place: Place) -> None:
    plain = place.start("wrapped").client()
    assert button(plain).startswith("not in place here; ")
    with provisioning.by_default():
        kernel = Pressed(place)
    client = kernel.client()
    assert button(client) == "in place"
    kernel.restart()
    assert button(client) == "in place"
