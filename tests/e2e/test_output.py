"""``%ipr output`` and ``ipr output``: what cells have shown, seen or not."""

from __future__ import annotations

import os
import pty
import sys
import time
from pathlib import Path

from ipr.kernel import memory
from tests.e2e.harness import Client, Kernel, Place, until
from tests.e2e.test_terminal import ipr, problem

#: Prints, plots and goes on until the test says so.
LONG = """\
import os, time
from IPython.display import HTML, Image, display
print("one", flush=True)
display(HTML("<b>two</b>"))
display(Image(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(14 << 10), format="png"))
handle = display("three", display_id=True)
handle.update("THREE")
print("\\x1b[31mred\\x1b[0m", flush=True)
open("shown", "w").close()
while not os.path.exists("told"): time.sleep(0.05)
print("last")"""


def kinds(client: Client, cell: str) -> list[tuple[str, ...]]:
    """Return the outputs of a cell: the type, and the MIME types or the text."""
    found: list[tuple[str, ...]] = []
    for message in client.iopub(cell):
        if message.type == "stream":
            found.append(("stream", message.content["text"]))
        elif message.type == "display_data":
            found.append(("display", *sorted(message.content["data"])))
    return found


def leave(kernel: Kernel, place: Place) -> None:
    """Have a client begin the long cell, and go while it runs."""
    client = kernel.client()
    client.execute(LONG)
    until(lambda: os.path.exists(os.path.join(place.work, "shown")), "its output")
    client.close()


def arrive(kernel: Kernel) -> Client:
    """Return a client that hears iopub, while the kernel is busy."""
    client = kernel.client(ready=False)

    def heard() -> bool:
        probe = client.execute("%ipr limit")
        time.sleep(0.1)
        return any(client.iopub(sent) for sent in client.sent) and bool(probe)

    client.wait(heard, "something on iopub")
    client.finish(*client.sent)
    client.forget()
    return client


def end(place: Place) -> None:
    Path(place.work, "told").touch()


def test_new_client_sees_what_the_one_before_has_missed(
    kernel: Kernel, place: Place
) -> None:
    """As it would have been seen, while the cell runs and after that."""
    leave(kernel, place)
    client = arrive(kernel)
    head, *rest = kinds(client, client.run("%ipr output"))
    assert head == ("display", "text/html", "text/plain")
    expected = [
        ("stream", "one\n"),
        ("display", "text/html", "text/plain"),
        ("display", "image/png", "text/plain"),
        ("display", "text/plain"),
        ("stream", "\x1b[31mred\x1b[0m\n"),
    ]
    assert rest == expected
    end(place)
    client.run("1 + 1")
    cell = client.run("%ipr output 2")
    assert kinds(client, cell)[1:6] == [
        *expected[:-1],
        ("stream", "\x1b[31mred\x1b[0m\nlast\n"),
    ]
    shown = client.shown(cell)
    assert "import os, time ... (ok, " in shown
    assert "'THREE'" in shown
    assert "'three'" not in shown
    assert "1 + 1 (ok, " in shown
    client.fence()
    client.assert_once()


def test_terminal_sees_it_while_the_cell_runs(kernel: Kernel, place: Place) -> None:
    leave(kernel, place)
    done = ipr(place, "output", kernel.connection_file)
    assert done.code == 0
    first, *rest = done.out.splitlines()
    assert first.startswith("import os, time ... (running, ")
    assert rest == [
        "one",
        "<IPython.core.display.HTML object>",
        "<IPython.core.display.Image object>",
        "[image/png, 14 KiB]",
        "'THREE'",
        "red",
    ]
    end(place)


def test_terminal_has_colours_and_nothing_else(kernel: Kernel, place: Place) -> None:
    client = kernel.client()
    client.run("print('\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07\\x1b[2J')")
    main, side = pty.openpty()
    process = started_at(place, side, "output", kernel.connection_file)
    os.close(side)
    said = b""
    try:
        while chunk := os.read(main, 4096):
            said += chunk
    except OSError:
        pass  # the other side is closed
    os.close(main)
    os.waitpid(process, 0)
    assert said.endswith(b"\r\n\x1b[31mred\x1b[0m \x1b[0m\r\n")


def started_at(place: Place, terminal: int, *words: str) -> int:
    """Start ``ipr`` at a terminal; return its process."""
    environment = place.environment()
    environment.pop("NO_COLOR", None)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "ipr", *words],
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, terminal, fd) for fd in (0, 1, 2)],
    )


#: A kernel that is killed at once takes with it what it has just printed.
CRASH = """\
print("in it", flush=True)
while not os.path.exists("told"): time.sleep(0.05)
os.kill(os.getpid(), signal.SIGSEGV)"""


def test_output_outlives_its_kernel(client: Client, place: Place) -> None:
    """And its cell, which was not the last one that was sent, says how it ended."""
    client.run("print('before'); import os, signal, time")
    crash = client.execute(CRASH)
    queued = client.execute("print('never')")
    client.wait_for(crash, "stream")
    end(place)
    assert client.finish(crash)["ename"] == "DeadKernelError"
    client.finish(queued)
    cell = client.run("%ipr output 2")
    text = client.shown(cell) + client.text(cell, None)
    assert "before\n" in text
    assert "in it\n" in text
    assert "crashed, " in text
    assert "in kernel 1, which is gone" in text
    assert "DeadKernelError" in text
    assert "never" not in text
    client.fence()
    client.assert_once()


def test_wrong_words_and_nothing_to_show_are_said_in_a_sentence(
    client: Client, kernel: Kernel, place: Place
) -> None:
    reply = client.finish(client.execute("%ipr output"))
    assert reply["evalue"] == "there is nothing to show: no cell has run yet"
    reply = client.finish(client.execute("%ipr output x"))
    assert "write how many cells, from 1 on, not 'x'" in reply["evalue"]
    done = ipr(place, "output", kernel.connection_file)
    assert problem(done) == "there is nothing to show: no cell has run yet"
    assert ipr(place, "output", kernel.connection_file, "0").code == 2


def test_flood_takes_no_more_memory_than_allowed(
    client: Client, kernel: Kernel
) -> None:
    """500 MB, of which the last are there; more in one piece is named only."""
    client.run("print('warm')")
    before, _ = memory.resident(kernel.process.pid)
    code = "for n in range(50): print(f'{n:02}' * 5_000_000)\nprint('end')"
    client.run(code, 120)
    client.run("for n in range(100_000): print(f'line {n}', flush=n % 10 == 0)", 120)
    after, _ = memory.resident(kernel.process.pid)
    cell = client.run("%ipr output")
    text = client.text(cell)
    assert text.endswith("line 99999\n")
    assert len(text) < 2 << 20
    assert "are not kept: --output-limit 2)" in client.shown(cell)
    assert after - before < 40 << 20


def test_limit_of_zero_keeps_nothing(place: Place) -> None:
    client = place.start("wrapped", ["--output-limit", "0"]).client()
    client.run("print('x')")
    reply = client.finish(client.execute("%ipr output"))
    assert reply["evalue"] == (
        "no output is kept: this kernel was started with --output-limit 0"
    )
