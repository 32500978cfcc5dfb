"""What a kernel may be at when somebody restarts it from outside.

Knows how to bring a kernel there. Must not know who restarts it. Each function returns
the ids of the requests that it has left without an answer.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.harness import Client

SLEEP = "import time\nprint('on', flush=True)\ntime.sleep(60)"


def idle(client: Client) -> list[str]:
    return []


def busy(client: Client) -> list[str]:
    msg_id = client.execute(SLEEP)
    client.wait_for(msg_id, "text:on")
    return [msg_id]


def asking(client: Client) -> list[str]:
    msg_id = client.execute("input()")
    client.input_request(msg_id)
    return [msg_id]


def queued(client: Client) -> list[str]:
    return [*busy(client), client.execute("x = 2"), client.execute("x = 3")]


def behind_restart(client: Client) -> list[str]:
    """A %restart that waits, and cells behind it."""
    running = busy(client)
    restart = client.execute("%restart\nx = 4")
    client.wait_for(restart, "display_data")
    return [*running, restart, client.execute("x = 5")]


def working_out(client: Client) -> list[str]:
    """A %restart whose options are being worked out, and cells behind it."""
    restart = client.execute("%restart --env X=1\nx = 4")
    return [restart, client.execute("x = 5")]


def crashed(client: Client) -> list[str]:
    """The next kernel is starting."""
    msg_id = client.run("import os; os._exit(1)")
    assert client.replies(msg_id)[0].content["status"] == "error"
    return []


def starting(client: Client) -> list[str]:
    """The same, and cells wait for it."""
    crashed(client)
    return [client.execute("x = 6"), client.execute("x = 7", stop_on_error=False)]


def restarting(client: Client) -> list[str]:
    """A %restart is under way."""
    restart = client.execute("%restart\nx = 4")
    client.wait_for(restart, "busy")
    return [restart, client.execute("x = 5")]


Prepare = Callable[[Client], list[str]]
ALL: tuple[Prepare, ...] = (
    idle,
    busy,
    asking,
    queued,
    behind_restart,
    working_out,
    crashed,
    starting,
    restarting,
)


def status(client: Client, name: str) -> str:
    """:return: what ``%ipr status`` says of something, on one line."""
    cell = client.execute("%ipr status")
    client.finish(cell)
    found: list[str] = []
    for line in client.shown(cell).splitlines():
        # What is too long for a terminal goes on below.
        if line.startswith(f"{name} ") or (found and line.startswith(" ")):
            found.append(line.removeprefix(name).strip())
        elif found:
            break
    return " ".join(found)


def standby_status(client: Client) -> str:
    """:return: what ``%ipr status`` says of the standby."""
    said = status(client, "standby")
    assert said
    return said
