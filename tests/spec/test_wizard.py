"""The wizard, driven as a person does: by keys, in a real terminal."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.spec import shapes
from tests.spec.home import (
    PATIENCE,
    Home,
    lock,
    starter,
    unprivileged,
)

UP, TAB, ENTER = "\x1b[A", "\t", "\r"


class Screen:
    """A terminal with the wizard in it.

    prompt_toolkit draws only what has changed, so what a person sees has to be put
    together from the movements of the cursor.
    """

    ROWS, COLUMNS = 40, 120
    _CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|\x1b[=>78]|[\r\n\x08\x07]")

    def __init__(self, home: Home, *before: str) -> None:
        program = str(home.environment / "bin" / "ipr-spec")
        words = [*before, program, "wizard"]
        self.child = pexpect.spawn(
            words[0],
            words[1:],
            # Nobody answers here when it asks for the cursor's place.
            env={**home.env, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"},
            cwd=str(home.folder),
            dimensions=(self.ROWS, self.COLUMNS),
            timeout=PATIENCE,
            encoding="utf-8",
        )
        self.grid = [[" "] * self.COLUMNS for _ in range(self.ROWS)]
        self.row = self.column = 0
        self.rest = ""

    @property
    def text(self) -> str:
        """What is on the screen, with one space between words."""
        lines = ["".join(row) for row in self.grid]
        return " ".join(" ".join(lines).replace("|", " ").replace("│", " ").split())

    def expect(self, words: str) -> None:
        """Read until these words are on the screen."""
        while words not in self.text:
            try:
                self.draw(self.child.read_nonblocking(4096, timeout=PATIENCE))
            except (pexpect.TIMEOUT, pexpect.EOF) as error:
                raise AssertionError(
                    f"{words!r} is not on the screen:\n{self.text}"
                ) from error

    def draw(self, data: str) -> None:
        data = self.rest + data
        # A sequence may come in two parts.
        cut = re.search(r"\x1b(\[[?0-9;]*)?$", data)
        self.rest = data[cut.start() :] if cut else ""
        data = data[: cut.start()] if cut else data
        at = 0
        for match in self._CONTROL.finditer(data):
            self.put(data[at : match.start()])
            self.control(match)
            at = match.end()
        self.put(data[at:])

    def put(self, text: str) -> None:
        for char in text:
            if self.column < self.COLUMNS:
                self.grid[self.row][self.column] = char
                self.column += 1

    def control(self, match: re.Match[str]) -> None:
        if match[0] == "\r":
            self.column = 0
        elif match[0] == "\n":
            self.down(1)
        elif match[0] == "\x08":
            self.column = max(self.column - 1, 0)
        elif match[2]:
            numbers = [int(n or 1) for n in match[1].lstrip("?").split(";")]
            if match[2] == "A":
                self.row = max(self.row - numbers[0], 0)
            elif match[2] == "B":
                self.down(numbers[0])
            elif match[2] == "C":
                self.column = min(self.column + numbers[0], self.COLUMNS)
            elif match[2] == "D":
                self.column = max(self.column - numbers[0], 0)
            elif match[2] == "H":
                self.row, self.column = numbers[0] - 1, [*numbers, 1][1] - 1
            elif match[2] in "JK":
                # As prompt_toolkit uses them: from the cursor on, or everything.
                first = 0 if match[1] == "2" else self.column
                self.grid[self.row][first:] = [" "] * (self.COLUMNS - first)
                if match[2] == "J":
                    start = 0 if match[1] == "2" else self.row + 1
                    for row in range(start, self.ROWS):
                        self.grid[row] = [" "] * self.COLUMNS

    def down(self, lines: int) -> None:
        self.row += lines
        while self.row >= self.ROWS:
            self.grid.append([" "] * self.COLUMNS)
            del self.grid[0]
            self.row -= 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.child.send(key)

    def end(self) -> int:
        """Wait for the end: the exit code."""
        self.child.expect(pexpect.EOF)
        self.child.wait()
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)


@pytest.fixture
def home(tmp_path: Path, environment: Path) -> Home:
    made = Home(tmp_path, environment)
    made.add("bash", shapes.BASH_KERNEL)
    made.add("broken", b"{")
    made.add("ir", shapes.IRKERNEL)
    made.add("julia", shapes.IJULIA)
    assert made.run("install", "ir").code == 0
    return made


def argv(home: Home, name: str) -> list[str]:
    spec = json.loads((home.own / name / "kernel.json").read_bytes())
    words: list[str] = spec["argv"]
    return words


def test_choose_and_agree(home: Home) -> None:
    screen = Screen(home)
    screen.expect("Cannot be installed on: broken kernel.json is not valid JSON")
    screen.expect("[ ] bash Bash")
    screen.expect("[*] ir R")
    screen.expect("[ ] julia Julia 1.11")
    # The cursor is on the first one that is marked: unmark that, mark bash.
    screen.press(" ", UP, " ")
    screen.expect("[*] bash Bash")
    screen.expect("[ ] ir R")
    screen.press(TAB, ENTER)
    screen.expect("This will: - install on 'bash' - remove from 'ir'")
    assert argv(home, "bash")[0] == "/opt/bin/python", "not before it was agreed to"
    screen.press(ENTER)
    screen.expect("installed on 'bash'")
    screen.expect("removed from 'ir'")
    assert screen.end() == 0
    assert argv(home, "bash")[: len(starter(""))] == starter(home.python)
    assert (home.own / "ir" / "kernel.json").read_bytes() == shapes.IRKERNEL
    assert (home.own / "julia" / "kernel.json").read_bytes() == shapes.IJULIA


@pytest.mark.parametrize(
    "keys",
    [
        [" ", TAB, TAB, ENTER],  # Cancel in the list
        [" ", TAB, ENTER, "This will:", TAB, ENTER],  # Cancel after the plan
    ],
)
@pytest.mark.slow
def test_cancel_changes_nothing(home: Home, keys: list[str]) -> None:
    before = home.content()
    screen = Screen(home)
    screen.expect("[ ] bash Bash")
    for key in keys:
        if key.isprintable() and key.strip():
            screen.expect(key)
        else:
            screen.press(key)
    screen.expect("cancelled, nothing has changed")
    assert screen.end() == 0
    assert home.content() == before


@pytest.mark.slow
def test_nothing_to_do(home: Home) -> None:
    screen = Screen(home)
    screen.expect("[ ] bash Bash")
    screen.press(TAB, ENTER)
    screen.expect("nothing to do")
    assert screen.end() == 0


@pytest.mark.slow
def test_what_cannot_be_written_is_copied(home: Home) -> None:
    path = home.add("aaa", shapes.BASH_KERNEL, home.site)
    lock(path.parent)
    screen = Screen(home, *unprivileged())
    screen.expect("[ ] aaa Bash")
    screen.press(UP, UP, " ")
    screen.expect("[*] aaa Bash")
    screen.press(TAB, ENTER)
    screen.expect("This will: - copy 'aaa' from")
    screen.press(ENTER)
    screen.expect("on a copy in")
    assert screen.end() == 0
    assert argv(home, "aaa")[0] == home.python
    assert path.read_bytes() == shapes.BASH_KERNEL


def test_wizard_without_a_terminal_says_so(home: Home) -> None:
    for name in ("wizard", "wiz"):
        ran = home.run(name, stdin=subprocess.DEVNULL)
        assert (ran.code, ran.out) == (1, "")
        assert "needs a terminal" in ran.err
        assert ran.err.count("\n") == 1


def test_wizard_without_prompt_toolkit_says_so(home: Home) -> None:
    code = (
        "import sys; sys.modules['prompt_toolkit'] = None;"
        "from ipr.spec.spec_cli import main; sys.exit(main(['wizard']))"
    )
    done = subprocess.run(
        [home.python, "-c", code],
        env=home.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("-m pip install 'inplace_restarter[wizard]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("key", ["\x1b", "\x03", "\x04", "q"])
@pytest.mark.parametrize("agreeing", [False, True])
@pytest.mark.slow
def test_keys_that_cancel(home: Home, key: str, agreeing: bool) -> None:
    """Esc, Ctrl-C, Ctrl-D and q, in either dialog."""
    before = home.content()
    screen = Screen(home)
    screen.expect("[ ] bash Bash")
    if agreeing:
        screen.press(" ")
        screen.press(TAB, ENTER)
        screen.expect("This will:")
    screen.press(key)
    screen.expect("cancelled, nothing has changed")
    assert screen.end() == 0
    assert home.content() == before
