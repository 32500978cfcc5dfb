"""A second user of the machine, against our folders and our ports.

What he does he does as ``nobody``, in a process of his own.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.e2e.harness import PATIENCE, Kernel, Place, place, until

pytestmark = [
    pytest.mark.neighbour,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user"),
]

NOBODY = 65534


@pytest.fixture
def home() -> Iterator[Place]:
    with place() as made:
        # Others may pass through, as through /home.
        os.chmod(made.root, 0o755)
        yield made


def as_nobody(script: str, *words: str) -> None:
    """Run a shell script as another user; it must succeed."""
    subprocess.run(
        ["sh", "-ec", script, "sh", *words],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": os.defpath},
        check=True,
        timeout=PATIENCE,
    )


#: He takes the place of a folder, and puts a link to another one there.
SWAP = 'mv "$1" "$1.was"; ln -s "$2" "$1"'


def precious(home: Place) -> str:
    """Make a folder with files that must stay; give its path."""
    path = os.path.join(home.root, "victim")
    os.makedirs(os.path.join(path, "below"))
    for name in ("thesis.tex", ".profile", "below/data"):
        with open(os.path.join(path, name), "w") as file:
            file.write("x")
    return path


def untouched(path: str) -> bool:
    return sorted(os.listdir(path)) == [".profile", "below", "thesis.tex"] and (
        os.listdir(os.path.join(path, "below")) == ["data"]
    )


def shared_folder(home: Place, mode: int) -> str:
    path = os.path.join(home.root, "scratch")
    os.mkdir(path)
    os.chmod(path, mode)
    return path


def folders(*bases: str) -> list[str]:
    return [path for base in bases for path in glob.glob(os.path.join(base, "ipr-*"))]


def test_nothing_is_put_where_he_could_swap_it(home: Place) -> None:
    """TMPDIR is everybody's and not sticky: it is not used, and that is said."""
    scratch, victim = shared_folder(home, 0o777), precious(home)
    kernel = Kernel(
        home, home.wrapped_spec(), {"TMPDIR": scratch, "XDG_RUNTIME_DIR": home.runtime}
    )
    # XDG_RUNTIME_DIR comes first; without it the next one is looked for.
    kernel.client().run("pass")
    assert folders(home.runtime)
    kernel.shutdown()

    kernel = Kernel(
        home, home.wrapped_spec(), {"TMPDIR": scratch, "XDG_RUNTIME_DIR": ""}
    )
    client = kernel.client()
    assert folders(scratch) == []
    assert f"no private folder is made in {scratch}" in kernel.stderr()
    inner = os.path.dirname(
        client.value("__import__('ipykernel').get_connection_file()")
    )
    assert os.stat(inner).st_mode & 0o777 == 0o700
    with pytest.raises(subprocess.CalledProcessError):
        as_nobody(SWAP, inner, victim)
    client.run("%restart")
    assert client.value("6 * 7") == "42"
    kernel.shutdown()
    assert untouched(victim)
    assert not os.path.exists(inner)


@pytest.mark.parametrize("ending", ["%restart", "shutdown", "kill"])
def test_a_swapped_folder_leads_nowhere(home: Place, ending: str) -> None:
    """Somebody opened the base to all while the kernel ran."""
    scratch, victim = shared_folder(home, 0o755), precious(home)
    kernel = Kernel(
        home, home.wrapped_spec(), {"TMPDIR": scratch, "XDG_RUNTIME_DIR": ""}
    )
    client = kernel.client()
    [folder] = folders(scratch)
    os.chmod(scratch, 0o777)
    as_nobody(SWAP, folder, victim)
    assert sorted(os.listdir(folder)) == sorted(os.listdir(victim))
    if ending == "%restart":
        client.run("%restart")
        assert client.value("6 * 7") == "42"
    elif ending == "kill":
        kernel.process.kill()
    else:
        kernel.shutdown()
    # The key is gone, wherever it has been moved to.
    until(
        lambda: os.listdir(f"{folder}.was") == [],
        "the moved folder was emptied",
        PATIENCE,
    )
    assert untouched(victim)
    kernel.close()
    assert untouched(victim)


# -- ports ---------------------------------------------------------------------

#: He has seen the ports before the kernel binds them, binds them, and answers.
THIEF = """
import json, os, sys, zmq
ports, heard = json.loads(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
context, poller, names = zmq.Context(), zmq.Poller(), {}
kinds = dict(shell=zmq.ROUTER, control=zmq.ROUTER, stdin=zmq.ROUTER, iopub=zmq.XPUB,
             hb=zmq.REP)
print("ready", flush=True)
for name, kind in kinds.items():
    made = context.socket(kind)
    while True:
        try:
            made.bind(f"tcp://127.0.0.1:{ports[name]}")
            break
        except zmq.ZMQError:
            pass
    poller.register(made, zmq.POLLIN)
    names[made] = name
by_name = {name: made for made, name in names.items()}
print("bound", flush=True)

def told(kind, parent, content):
    header = json.dumps(dict(msg_id="1", session="s", username="u", version="5.3",
                             date="2020-01-01T00:00:00Z", msg_type=kind)).encode()
    return [b"<IDS|MSG>", b"", header, parent, b"{}", json.dumps(content).encode()]

while True:
    for made, _ in poller.poll():
        frames = made.recv_multipart()
        name = names[made]
        if name in ("hb", "iopub"):
            os.write(heard, name.encode() + b"\\n")
            if name == "hb":
                made.send_multipart(frames)
            continue
        at = frames.index(b"<IDS|MSG>")
        parent = frames[at + 2]
        kind = json.loads(parent)["msg_type"]
        os.write(heard, f"{kind} {frames[at + 5].decode()}\\n".encode())
        reply = told(kind.replace("request", "reply"), parent, dict(
            status="ok", protocol_version="5.3", implementation="thief", banner="thief",
            implementation_version="1", language_info=dict(name="python")))
        idle = told("status", parent, dict(execution_state="idle"))
        made.send_multipart(frames[:at] + reply)
        by_name["iopub"].send_multipart([b"status"] + idle)
"""

#: The kernel's command: the first time that it is to be robbed it says which ports
#: it has been told, and waits for the thief to take them.
ROBBED = """
import json, os, sys
folder, path = sys.argv[1:3]
try:
    os.rename(folder + "/rob", folder + "/robbed")
except OSError:
    pass
else:
    with open(path) as file:
        info = json.load(file)
    with open(folder + "/ports", "w") as fifo:
        json.dump(info, fifo)
    with open(folder + "/go") as fifo:
        fifo.read()
os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", path])
"""


class Robbery:
    """A thief who waits for the ports of the next kernel."""

    def __init__(self, home: Place) -> None:
        self.folder = os.path.join(home.root, "robbery")
        os.mkdir(self.folder)
        self.heard = os.path.join(self.folder, "heard")
        with open(self.heard, "w"):
            pass
        for name in ("ports", "go"):
            os.mkfifo(os.path.join(self.folder, name))
        self.command = [
            sys.executable,
            "-c",
            ROBBED,
            self.folder,
            "{connection_file}",
        ]

    def arm(self) -> None:
        """Have the next kernel be robbed."""
        with open(os.path.join(self.folder, "rob"), "w"):
            pass

    @contextlib.contextmanager
    def waiting(self, info: dict[str, object]) -> Iterator[None]:
        """Have him wait for the ports of a kernel that has them."""
        with self._thief(info) as thief:
            assert thief.stdout is not None
            assert thief.stdout.readline() == b"ready\n"
            yield

    @contextlib.contextmanager
    def _thief(self, info: dict[str, object]) -> Iterator[subprocess.Popen[bytes]]:
        ports = {
            name: info[f"{name}_port"]
            for name in ("shell", "control", "stdin", "iopub", "hb")
        }
        with subprocess.Popen(
            [sys.executable, "-c", THIEF, json.dumps(ports), self.heard],
            stdout=subprocess.PIPE,
        ) as thief:
            try:
                yield thief
            finally:
                thief.kill()

    @contextlib.contextmanager
    def committed(self) -> Iterator[None]:
        """Take the ports, let the kernel go on, and answer in its place."""
        # A FIFO that is open for reading and writing blocks nobody.
        fifo = os.open(os.path.join(self.folder, "ports"), os.O_RDWR)
        try:
            ready, _, _ = select.select([fifo], [], [], PATIENCE)
            assert ready, "no kernel came to be robbed"
            info = json.loads(os.read(fifo, 65536))
        finally:
            os.close(fifo)
        with self._thief(info) as thief:
            assert thief.stdout is not None
            assert thief.stdout.readline() == b"ready\n"
            assert thief.stdout.readline() == b"bound\n"
            with open(os.path.join(self.folder, "go"), "w"):
                pass
            yield

    def words(self) -> str:
        with open(self.heard) as file:
            return file.read()


def test_he_has_the_ports_first(home: Place) -> None:
    """Nothing goes to him, and no word of his to us."""
    robbery = Robbery(home)
    name = home.wrapped_spec(
        robbery.command, options=["--inner-transport", "tcp"], metadata={}
    )
    robbery.arm()
    kernel = Kernel(home, name)
    client = kernel.client(ready=False)
    secret = client.execute("print('pass' + 'word', 1)")
    with robbery.committed():
        client.finish(secret)
        assert client.text(secret) == "password 1\n"
        client.assert_once(secret)

        info = client.finish(client.send("kernel_info_request"))
        assert info["implementation"] == "ipython", info
    assert robbery.words() == ""

    robbery.arm()
    restart = client.execute("%restart")
    secret = client.execute("print('pass' + 'word', 2)")
    with robbery.committed():
        client.finish(restart, secret)
        assert client.text(secret) == "password 2\n"
        client.assert_once(restart, secret)
    assert robbery.words() == ""
    assert "thief" not in client.story()


#: Keeps the guardian busy for a second after the kernel's death.
STUBBORN = (
    "import subprocess\n"
    "subprocess.Popen(['sh', '-c', \"trap '' TERM; while :; do sleep 1; done\"])\n"
    "from ipykernel.connect import get_connection_info\n"
    "print(get_connection_info())"
)


def test_he_takes_the_ports_of_a_kernel_that_died(home: Place) -> None:
    """Until its end is known, cells are sent: to nobody."""
    robbery = Robbery(home)
    name = home.wrapped_spec(options=["--inner-transport", "tcp"], metadata={})
    kernel = Kernel(home, name)
    client = kernel.client()
    info = json.loads(client.text(client.run(STUBBORN)))
    pid = client.inner_pid()
    with robbery.waiting(info):
        os.kill(pid, signal.SIGKILL)
        secrets = []
        for number in range(30):
            secrets.append(client.execute(f"print('secret', {number})"))
            time.sleep(0.04)
        client.finish(*secrets)
    client.assert_once()
    assert robbery.words() == ""
    # Some came to the next kernel.
    assert client.text(secrets[-1]) == "secret 29\n"
