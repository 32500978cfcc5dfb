"""``--abandoned-timeout``: the daemon ends when nobody is there and nothing runs.

A ``%restart`` that waits, or that is under way, is something that runs, and so is what
follows it in its cell.
"""

from __future__ import annotations

import os

from tests.e2e import harness
from tests.e2e.harness import Client, Kernel, Place

LIMIT = 2.0


def started(place: Place, *argv: str) -> tuple[Kernel, Client]:
    name = place.wrapped_spec(
        argv or harness.IPYKERNEL_ARGV, ["--abandoned-timeout", str(LIMIT)]
    )
    kernel = Kernel(place, name)
    client = kernel.client()
    client.run("1")
    return kernel, client


def ends(kernel: Kernel, place: Place) -> None:
    """The daemon ends, in order, and nothing of it is left."""
    assert kernel.exit_code(harness.PATIENCE) == 0
    harness.until(
        lambda: not place.processes(),
        f"the end of every process: {place.described_processes()}",
    )
    kernel.close()
    harness.until(lambda: not place.leftovers(), f"no files: {place.leftovers()}")
    assert "CRITICAL" not in kernel.stderr()


def test_restart_that_waits_is_not_abandoned(place: Place) -> None:
    """Though its kernel takes longer to start than nobody may be there."""
    slow = os.path.join(place.work, "slow")
    mark = os.path.join(place.work, "mark")
    script = f'if [ -e {slow} ]; then sleep {2 * LIMIT}; fi; exec "$@"'
    kernel, client = started(place, "sh", "-c", script, "sh", *harness.IPYKERNEL_ARGV)
    client.execute(f"import time; time.sleep({2 * LIMIT}); open({slow!r}, 'w').close()")
    restart = client.execute(
        f"%restart\nimport time; time.sleep({2 * LIMIT}); open({mark!r}, 'w').close()"
    )
    client.wait_for(restart, "display_data")
    client.close()
    # All of it goes its way without any client.
    ends(kernel, place)
    assert os.path.exists(mark)


def test_restart_that_was_aborted_holds_nobody(place: Place) -> None:
    kernel, client = started(place)
    mark = os.path.join(place.work, "mark")
    client.execute("import time; time.sleep(0.5); 1 / 0")
    restart = client.execute(f"%restart\nopen({mark!r}, 'w')")
    client.wait_for(restart, "display_data")
    # The reminder that an interrupt sets is none of the next one's business.
    client.close()
    ends(kernel, place)
    assert not os.path.exists(mark)


def test_modules_are_not_loaded_for_one_that_was_aborted(place: Place) -> None:
    """The login shell that works its options out is ended with it."""
    bash = os.path.join(place.work, "bin")
    os.mkdir(bash)
    with open(os.path.join(bash, "bash"), "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec sleep 600\n")
    os.chmod(file.name, 0o755)
    kernel = place.start(
        "wrapped",
        ["--abandoned-timeout", str(LIMIT)],
        PATH=f"{bash}:{os.environ['PATH']}",
    )
    client = kernel.client()
    client.run("1")
    before = {process.pid for process in place.processes()}
    failing = client.execute("import time; time.sleep(1); 1 / 0")
    restart = client.execute("%restart --module gcc")
    harness.until(
        lambda: {process.pid for process in place.processes()} > before,
        "the login shell",
    )
    client.finish(failing, restart)
    assert client.replies(restart)[0].content["status"] == "aborted"
    harness.until(
        lambda: {process.pid for process in place.processes()} <= before,
        f"the end of the shell: {place.described_processes()}",
    )
    client.assert_once()
    client.close()
    ends(kernel, place)
