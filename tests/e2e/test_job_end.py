"""The notebook is told that its job ends, and why a cell was cut short."""

from __future__ import annotations

import datetime
import os
import signal

from tests.e2e import harness
from tests.e2e.fakejob import fake_job
from tests.e2e.harness import Place

WARNING = "Slurm job 1234 ends in "


def test_short_job_says_under_a_cell_when_it_ends(place: Place) -> None:
    """Under the cell that runs when squeue answers, or ran last; once."""
    kernel = place.start("wrapped", **fake_job(place, "echo 1:29"))
    client = kernel.client()
    harness.until(
        lambda: client.run("1") and WARNING in str(client.received),
        "the warning under a cell",
    )
    assert WARNING not in client.shown(client.run("2"))
    client.assert_once()


def test_warning_signal_of_the_scheduler_is_explained(place: Place) -> None:
    """The kernel's own handler runs as well."""
    job = fake_job(place, f"cat {place.work}/left")
    left = os.path.join(place.work, "left")
    with open(left, "w", encoding="utf-8") as file:
        file.write("10:00:00")
    kernel = place.start("wrapped", **job)
    client = kernel.client()
    cell = client.run(
        "import signal\n"
        "_ = signal.signal(signal.SIGUSR1, lambda *_: print('checkpoint'))"
    )
    with open(left, "w", encoding="utf-8") as file:
        file.write("4:50")
    os.kill(kernel.pid, signal.SIGUSR1)
    client.wait_for(cell, f"text:{WARNING}5 min")
    client.assert_once()


def test_running_cell_says_once_that_the_job_is_ended(place: Place) -> None:
    kernel = place.start("wrapped", **fake_job(place, "echo 0:40"))
    client = kernel.client()
    cell = client.execute("import time\nprint('runs')\ntime.sleep(100)")
    client.wait_for(cell, "text:runs")
    os.kill(kernel.pid, signal.SIGTERM)
    reply = client.finish(cell)
    assert "has reached its time limit" not in client.shown(cell)
    assert reply["evalue"] == "Slurm job 1234 has reached its time limit"
    client.assert_once()


def test_deadline_is_said_without_any_scheduler(place: Place) -> None:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=80)
    kernel = place.start("wrapped", options=[f"--deadline={end.isoformat()}"])
    client = kernel.client()
    harness.until(
        lambda: "The deadline of this kernel is in" in client.shown(client.run("1")),
        "the warning",
    )


def test_many_warning_signals_are_few_questions_to_the_scheduler(place: Place) -> None:
    """The kernel gets each of them, and the last warning still has its question."""
    asked = os.path.join(place.work, "asked")
    job = fake_job(place, f"echo one >> {asked}\necho 9:30")
    kernel = place.start("wrapped", **job)
    client = kernel.client()
    client.run(
        "import signal\n"
        "came = []\n"
        "_ = signal.signal(signal.SIGUSR1, lambda *_: came.append(1))"
    )
    for number in ("1", "2", "3", "4", "5"):
        # Two that come at once are one.
        os.kill(kernel.pid, signal.SIGUSR1)
        while client.value("len(came)") != number:
            assert harness.is_alive(kernel.pid)
    harness.until(
        lambda: client.run("1") and str(client.received).count(WARNING) == 1,
        "the warning, once",
    )
    with open(asked, encoding="utf-8") as file:
        assert len(file.readlines()) <= 2
