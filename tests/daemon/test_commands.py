"""What %ipr does, with stand-ins for the parts that it looks at."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogPublisher

from ipr.daemon.commands import IprCommands
from ipr.daemon.inside import Inside
from ipr.daemon.log import Log
from ipr.daemon.stack import Stack
from ipr.daemon.status import Row
from ipr.jupyter import messages
from ipr.jupyter.magichelp import HELP
from ipr.jupyter.magics import Help, Ipr
from ipr.lifecycle import standby
from ipr.lifecycle.limits import Pace
from ipr.lifecycle.reserve import Reserve
from ipr.relay.answers import Steps
from ipr.relay.cells import Cell
from ipr.relay.initcode import InitCell, InitCode
from ipr.relay.outputs import NothingShown
from ipr.relay.request import Request
from tests.case import Case
from tests.fakes import FakeMessenger, FakeSupply
from tests.requests import request


class FakeNotebook:
    """Where records are shown."""

    def __init__(self) -> None:
        self.running: list[Request] = []
        self.whispered: list[tuple[str, str]] = []

    def whisper(self, request: Request, draft: messages.Draft) -> None:
        text = str(draft.content["text"])
        self.whispered.append((request.msg_id, text.partition(": ")[2]))


class FakeRestarter:
    """What the commands see of the restarter."""

    def __init__(self) -> None:
        self.kernel: Any = None
        self.state: Any = self
        self.generation = 3
        self.restarts: list[Pace] = []

    def public_state(self) -> str:
        return "running"

    def restart(self, pace: Pace) -> None:
        self.restarts.append(pace)


class FakeCellTime:
    """Limits it in words only."""

    def __init__(self) -> None:
        self.limit = 0

    def set(self, limit: int) -> None:
        self.limit = limit

    def stop(self) -> None:
        self.limit = 0

    def described(self) -> str:
        return f"{self.limit} s"


class CommandsCase(Case):
    def setUp(self) -> None:
        self.log = Log(lambda _text: None)
        self.notebook = FakeNotebook()
        self.restarter: Any = FakeRestarter()
        clock = self.make_clock()
        messenger = FakeMessenger([])
        self.supply = FakeSupply([])
        self.looking: Deferred[Stack] = Deferred()
        self.cell_time: Any = FakeCellTime()
        self.reserve = Reserve(clock, self.supply, messenger, messenger.quiet)
        self.addCleanup(self.reserve.close)
        self.init = InitCode()
        self.commands = self.make_commands(self.look_inside)
        self.said: list[Any] = []

    def make_commands(
        self, look_inside: Callable[[Cell], Inside] | None
    ) -> IprCommands:
        return IprCommands(
            self.log,
            lambda: self.notebook.running,
            self.notebook.whisper,
            lambda: [Row("state", "running")],
            lambda: self.looking,
            self.cell_time,
            lambda how_many: {"text/plain": f"last {how_many.last}"},
            self.output,
            self.reserve,
            self.init,
            look_inside,
        )

    def output(self, cells: int) -> list[messages.Draft]:
        if cells > 9:
            raise NothingShown("nothing there")
        return [messages.stream(f"the last {cells}"), messages.stream("all")]

    def look_inside(self, cell: Cell) -> Inside:
        relay: Any = self
        return Inside(cell, self.log, relay, self.restarter, self)

    def record(self, text: str) -> None:
        """Log something."""
        Logger(observer=LogPublisher(self.log.observer())).warn(text)

    def run_magic(self, magic: Ipr | Help, msg_id: str = "m1") -> None:
        def post(_request: Request, steps: Steps) -> None:
            self.said.extend(step.draft for step in steps)

        cell = Cell(post, request(msg_id), 3)
        cell.begin()
        self.said.clear()
        self.commands.run(cell, magic)

    def texts(self) -> list[str]:
        """Return what is under the cell."""
        return [d.content["text"] for d in self.said if d.msg_type == "stream"]

    def replies(self) -> list[str]:
        """Return how it ended: at most once, with one idle."""
        found = [d for d in self.said if d.msg_type == "execute_reply"]
        self.assertEqual(self.said.count(messages.IDLE), len(found))
        return [f"{d.content['status']} {d.content.get('ename', '')}" for d in found]

    def value(self, code: str, rest: str = "") -> str:
        """Run %ipr exec; give all that is under the cell."""
        self.run_magic(Ipr("exec", code, rest))
        return "".join(self.texts())


class HelpAndStatusTests(CommandsCase):
    def test_help_of_both_magics(self) -> None:
        """Both topics."""
        for topic in ("restart", "ipr"):
            self.run_magic(Help(topic))
            self.assertEqual(self.texts(), [HELP[topic]])
            self.assertEqual(self.replies(), ["ok "])

    def test_output_is_shown_of_as_many_cells_as_are_wanted(self) -> None:
        for argument, text in (("", "the last 1"), ("3", "the last 3")):
            self.run_magic(Ipr("output", argument))
            self.assertEqual(self.texts(), [text, "all"])
            self.assertEqual(self.replies(), ["ok "])

    def test_no_output_is_said_in_a_sentence(self) -> None:
        self.run_magic(Ipr("output", "10"))
        self.assertEqual(self.replies(), ["error NothingShown"])

    def test_history_is_a_table_of_as_many_cells_as_are_wanted(self) -> None:
        self.run_magic(Ipr("history", "12 --all"))
        self.assertEqual(self.said[0].content["data"]["text/plain"], "last 12")
        self.assertEqual(self.replies(), ["ok "])

    def test_status_is_a_table(self) -> None:
        """At once."""
        self.run_magic(Ipr("status"))
        self.assertEqual(self.said[0].content["data"]["text/plain"], "state  running")
        self.assertEqual(self.replies(), ["ok "])


class StackTests(CommandsCase):
    def test_stack_is_shown_when_it_is_found(self) -> None:
        self.run_magic(Ipr("stack"))
        self.assertEqual((self.said, self.replies()), ([], []))
        self.looking.callback(Stack("no kernel is running"))
        data = self.said[0].content["data"]
        self.assertEqual(data["text/plain"], "no kernel is running")
        self.assertIn("<pre>no kernel", data["text/html"])
        self.assertEqual(self.replies(), ["ok "])

    def test_stack_that_the_daemons_end_cuts_off_is_left_to_that(self) -> None:
        """It ends each cell that has begun."""
        self.run_magic(Ipr("stack"))
        self.looking.cancel()
        self.assertEqual((self.said, self.replies()), ([], []))


class LimitTests(CommandsCase):
    def test_limit_is_set_told_and_taken_away(self) -> None:
        for argument, said in (("", 0), ("1h30m", 5400), ("", 5400), ("off", 0)):
            self.run_magic(Ipr("limit", argument))
            self.assertEqual(self.texts(), [f"time limit of a cell: {said} s\n"])
            self.assertEqual(self.replies(), ["ok "])


class DebugTests(CommandsCase):
    def test_level_is_set_and_records_are_shown(self) -> None:
        """It is set, and records are shown from then on."""
        self.run_magic(Ipr("debug", "info"))
        self.assertEqual(self.log.level, "INFO")
        self.assertEqual(self.replies(), ["ok "])
        self.record("record")
        self.assertEqual(self.notebook.whispered, [("m1", "record\n")])

    def test_records_go_under_the_running_cell_of_the_same_client(self) -> None:
        """Records go under a cell of the same client that runs, if one does."""
        self.run_magic(Ipr("debug", "DEBUG"))
        running = request("m2")
        self.notebook.running.append(running)
        self.record("one")
        running.header["session"] = "another client"
        self.record("two")
        self.assertEqual(self.notebook.whispered, [("m2", "one\n"), ("m1", "two\n")])

    def test_off_restores_the_level_and_shows_no_more(self) -> None:
        """And no more."""
        self.run_magic(Ipr("debug", "DEBUG"))
        self.run_magic(Ipr("debug", "INFO"))
        self.run_magic(Ipr("debug", "Off"))
        self.assertEqual(self.log.level, "WARNING")
        self.record("record")
        self.assertEqual(self.notebook.whispered, [])

    def test_wrong_level_changes_nothing(self) -> None:
        """Nothing is changed, and the cell says which there are."""
        self.run_magic(Ipr("debug", "loud"))
        self.assertEqual(self.replies(), ["error UsageError"])
        self.assertEqual(self.log.level, "WARNING")
        self.assertIn("DEBUG, INFO", self.said[0].content["evalue"])


class StandbyTests(CommandsCase):
    def test_one_is_wanted_from_now_on(self) -> None:
        self.run_magic(Ipr("standby", "on"))
        self.assertEqual(self.reserve.state, standby.Absent())
        self.assertEqual(self.replies(), ["ok "])

    def test_none_is_wanted_any_more(self) -> None:
        self.run_magic(Ipr("standby", "on"))
        self.run_magic(Ipr("standby", "off"))
        why = "it was switched off (%ipr standby off)"
        self.assertEqual(self.reserve.state, standby.Off(why))

    def test_why_there_can_be_none_is_shown(self) -> None:
        self.supply.why = "its command may wait in a queue"
        self.run_magic(Ipr("standby", "on"))
        self.assertEqual(
            self.texts(), ["standby: none: its command may wait in a queue\n"]
        )


class InitTests(CommandsCase):
    def test_cells_are_listed_and_cleared(self) -> None:
        for key in "ab":
            self.init.keep(InitCell(key, f"{key} = 1"))
        self.run_magic(Ipr("init", "list"))
        (shown,) = [d for d in self.said if d.msg_type == "display_data"]
        text = shown.content["data"]["text/plain"]
        self.assertEqual(text, "init cell 1  a = 1\ninit cell 2  b = 1")
        self.run_magic(Ipr("init", "clear 1"))
        self.assertEqual([cell.key for cell in self.init.cells], ["b"])
        self.run_magic(Ipr("init", "clear"))
        self.assertEqual((self.init.cells, self.replies()), ((), ["ok "]))

    def test_a_number_of_none_is_an_error(self) -> None:
        self.run_magic(Ipr("init", "clear 3"))
        self.assertEqual(self.replies(), ["error UsageError"])


class ExecTests(CommandsCase):
    def test_the_last_expression_is_shown(self) -> None:
        """The last expression's value is shown, if it has one."""
        self.assertEqual(self.value("1 + 1"), "2\n")
        self.assertEqual(self.value("x = 1"), "")
        self.assertEqual(self.value("None"), "")
        self.assertEqual(self.value("a = 20", "b = 22\na + b"), "42\n")
        self.assertEqual(self.value("", "'rest'"), "'rest'\n")

    def test_what_is_printed_is_shown_in_order(self) -> None:
        """What it prints is shown in order, its own print and Python's."""
        self.assertEqual(
            self.value("", "self.print('a', 1, sep='-')\nprint('b')\n'c'"),
            "a-1\nb\n'c'\n",
        )

    def test_self_has_what_the_help_promises(self) -> None:
        """What the help promises is there."""
        self.assertEqual(
            self.value("self.state, self.generation, self.inner_pid"),
            "('running', 3, 0)\n",
        )
        self.restarter.kernel = self
        self.pid = 4711
        self.assertEqual(self.value("self.inner_pid"), "4711\n")
        self.value("self.log.setLevel(logging.INFO)")
        self.assertEqual(self.log.level, "INFO")
        self.assertEqual(logging.INFO, 20)
        self.value("self.restart()")
        self.assertEqual(self.restarter.restarts, [Pace.URGENT])
        for name in ("relay", "restarter", "service"):
            self.assertEqual(self.value(f"self.{name} is not None"), "True\n")

    def test_an_error_is_shown_without_our_own_frames(self) -> None:
        """It fails as any cell would, without our own frames."""
        self.run_magic(Ipr("exec", "1 / 0"))
        self.assertEqual(self.replies(), ["error ZeroDivisionError"])
        shown = "".join(self.said[0].content["traceback"])
        self.assertIn("<%ipr exec>", shown)
        self.assertFalse("commands.py" in shown, shown)
        # A front end puts an end of line behind each.
        self.assertFalse("\n" in shown, shown)

    def test_a_syntax_error_fails_the_cell(self) -> None:
        """Nor does a slip of the pen do any harm."""
        self.run_magic(Ipr("exec", "for"))
        self.assertEqual(self.replies(), ["error SyntaxError"])

    def test_exit_does_not_end_the_daemon(self) -> None:
        """It does not end the daemon, nor qtconsole, which knows SystemExit."""
        for code in ("raise SystemExit", "exit()", "raise KeyboardInterrupt"):
            self.run_magic(Ipr("exec", code))
            self.assertEqual(len(self.replies()), 1)
            self.assertFalse("SystemExit" in self.replies()[0])

    def test_no_exec_runs_nothing(self) -> None:
        """--no-exec: nothing runs."""
        self.commands = self.make_commands(None)
        self.run_magic(Ipr("exec", "self.log.setLevel('DEBUG')"))
        self.assertEqual(self.replies(), ["error NotAllowed"])
        self.assertEqual(self.log.level, "WARNING")
