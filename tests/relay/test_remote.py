"""What a terminal asks for, from beside the front ends."""

from __future__ import annotations

from typing import Any

from ipr.jupyter.messages import Failure
from ipr.jupyter.signing import Signer
from ipr.lifecycle.limits import Pace
from ipr.relay.turns import URGED_TIME
from tests.fakes import Done
from tests.relay.relay_case import (
    ASKED,
    DIED,
    SHUT_DOWN,
    RelayCase,
    aborted,
    begun,
    concluded,
    ended,
    restarted,
)


class RemoteCase(RelayCase):
    def ask(self, command: str, msg_id: str = "t1", **fields: Any) -> None:
        """Have a terminal ask."""
        kind, channel = "ipr_command_request", fields.pop("channel", "control")
        content = {"command": command, **fields}
        self.client(msg_id, kind, channel=channel, identity=b"term", **content)

    def restart(self, *options: str, msg_id: str = "t1") -> None:
        self.ask("restart", msg_id, options=list(options))

    def said(self, msg_id: str = "t1", status: str = "ok") -> tuple[str, str, str]:
        """Give what a terminal is answered, as it is noted."""
        return ("term control", msg_id, f"ipr_command_reply {status}")

    def answer(self) -> dict[str, Any]:
        """Give the content of the last answer; nothing else was done."""
        done = self.took()
        self.assertEqual([what[:1] for what in done], [("term control",)])
        return self.last_content("control")

    def new_kernel(self, why: Any = ASKED) -> Done:
        """Have the restart done; give what clients saw."""
        self.relay.hold()
        self.relay.finish(1, why)
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        return self.took()


class QuestionTests(RemoteCase):
    """Answered at once in every state, on control, and not on iopub."""

    def test_facts_are_answered_before_there_is_a_kernel(self) -> None:
        self.ask("facts")
        nothing = {"request": "", "why": ""}
        never = {"request": "", "line": "", "over": False, "failed": False}
        expected = {"status": "ok", "state": "running", "generation": 7}
        self.assertEqual(
            self.answer(), {**expected, "failed": nothing, "replay": never}
        )

    def test_facts_while_a_cell_runs(self) -> None:
        self.run_kernel()
        self.execute("m1")
        self.took()
        self.ask("facts")
        self.assertEqual(self.answer()["state"], "running")

    def test_facts_where_no_kernel_is_coming(self) -> None:
        self.run_kernel()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.took()
        self.ask("facts")
        self.assertEqual(self.answer()["status"], "ok")

    def test_log_from_a_number_on(self) -> None:
        self.ask("log", after=3)
        answer = self.answer()
        self.assertEqual((answer["lines"], answer["next"]), (["a line"], 4))

    def test_output_is_that_of_as_many_cells_as_are_wanted(self) -> None:
        self.ask("output")
        self.assertEqual(self.answer()["text"], "c")
        self.ask("output", "t2", cells=2)
        self.assertEqual(self.answer()["text"], "bc")

    def test_no_output_is_said_in_a_sentence(self) -> None:
        self.desk.outputs = ()
        self.ask("output")
        answer = self.answer()
        self.assertEqual(
            (answer["ename"], answer["evalue"]), ("NothingShown", "nothing there")
        )

    def test_status_is_the_table_of_a_cell(self) -> None:
        self.ask("status")
        self.assertEqual(self.answer()["rows"], [["state", "running"]])

    def test_nonsense_is_answered_by_a_sentence(self) -> None:
        for fields, why in (
            ({"command": "dance"}, "knows no command 'dance'"),
            ({"command": ["facts"]}, "knows no command"),
            ({"command": None}, "knows no command"),
            ({"command": "log", "after": -1}, "whole number"),
            ({"command": "log", "after": True}, "whole number"),
            ({"command": "output", "cells": 0}, '"cells" has to be a whole number, 1'),
            ({"command": "output", "cells": "2"}, "whole number"),
            ({"command": "restart", "options": "--now"}, "list of words"),
            ({"command": "restart", "options": [1]}, "list of words"),
            ({"command": "restart", "options": ["--no"]}, "unknown option '--no'"),
            ({"command": "restart", "options": ["x" * 200_000]}, "the limit is"),
            ({"command": "facts", "channel": "shell"}, "on control"),
        ):
            word = fields.pop("command")
            channel = str(fields.get("channel", "control"))
            self.ask(word, f"t{next(self.numbers)}", **fields)  # type: ignore[arg-type]
            [(where, _, said)] = self.took()
            self.assertEqual(
                (where, said), (f"term {channel}", "ipr_command_reply error")
            )
            content = self.last_content(channel)
            self.assertEqual(content["ename"], "UsageError")
            self.assertIn(why, content["evalue"])

    def test_unsigned_is_not_heard(self) -> None:
        self.client(
            "t1",
            "ipr_command_request",
            channel="control",
            signer=Signer(b"another key"),
            command="restart",
        )
        self.assertEqual(self.took(), [])

    def test_interrupt_is_answered_by_ipr_itself(self) -> None:
        self.run_kernel()
        self.execute("m1")
        self.took()
        self.ask("interrupt")
        self.assertEqual(self.took(), [("kernel 1", "SIGINT"), self.said()])

    def test_stack_is_answered_when_it_is_found(self) -> None:
        self.ask("stack")
        self.assertEqual(self.took(), [])
        self.desk.looking.callback("it sleeps")
        self.assertEqual(self.answer()["text"], "it sleeps")

    def test_stack_is_refused_when_the_daemon_ends_meanwhile(self) -> None:
        self.ask("stack")
        self.desk.looking.cancel()
        self.assertIn("is ending", self.answer()["evalue"])


class RestartTests(RemoteCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_restart_of_an_idle_kernel_goes_at_once(self) -> None:
        """It is answered before anything is done; front ends see an idle."""
        self.restart()
        self.assertEqual(self.took(), [self.said(), ("restart",)])
        content = self.last_content("control")
        self.assertEqual((content["waits"], content["generation"]), (False, 7))
        self.assertEqual(self.new_kernel()[-1], ("iopub", "(execute_request)", "idle"))

    def test_restart_waits_for_the_running_cell(self) -> None:
        """Whose asker may be part of it; cells after it run in the new kernel."""
        self.execute("m1")
        self.start_cell("m1")
        self.took()
        self.restart()
        self.assertTrue(self.answer()["waits"])
        self.execute("m2", "2")
        self.assertEqual(self.took(), [])
        self.end_cell("m1")
        self.assertIn(("restart",), self.took())
        self.assertIn(("kernel 2 shell", "m2", "execute_request: 2"), self.new_kernel())

    def test_terminal_restart_now_does_not_wait(self) -> None:
        self.execute("m1")
        self.took()
        self.restart("--now")
        self.assertEqual(self.took(), [self.said(), ("restart now",)])
        self.assertFalse(self.last_content("control")["waits"])

    def test_failing_cell_does_not_abort_it(self) -> None:
        """It was not queued behind that cell; what was is aborted as ever."""
        self.execute("m1")
        self.start_cell("m1")
        self.restart()
        self.execute("m2")
        self.took()
        self.kernel("iopub", "error", "m1", ename="E", evalue="", traceback=[])
        self.end_cell("m1", status="error")
        done = self.took()
        self.assertIn(("restart",), done)
        for step in aborted("m2"):
            self.assertIn(step, done)

    def test_interrupt_while_it_waits_has_it_go_ahead(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.restart()
        self.took()
        self.ask("interrupt", "t2")
        self.took()
        self.clock.advance(URGED_TIME)
        self.assertEqual(self.took(), [("restart now",)])

    def test_two_in_one_cell_are_one_restart(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.took()
        self.restart(msg_id="t1")
        self.restart(msg_id="t2")
        self.assertEqual(self.took(), [self.said("t1"), self.said("t2")])
        self.end_cell("m1")
        self.assertEqual(self.took().count(("restart",)), 1)
        self.new_kernel()
        self.assertTrue(self.relay.restarts.waiting is None)

    def test_goes_along_with_a_cell_that_waits(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.execute("r1", "%restart")
        self.took()
        self.restart()
        self.assertTrue(self.answer()["waits"])
        self.end_cell("m1")
        self.assertEqual(self.took().count(("restart",)), 1)
        self.assertEqual(
            [what for what in self.new_kernel() if what[1] == "r1"][-2:],
            ended("r1", "execute_reply ok 0"),
        )

    def test_takes_the_place_of_a_cell_that_is_aborted(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.execute("r1", "%restart")
        self.restart()
        self.took()
        self.kernel("iopub", "error", "m1", ename="E", evalue="", traceback=[])
        self.end_cell("m1", status="error")
        done = self.took()
        self.assertIn(("ann shell", "r1", "execute_reply aborted"), done)
        self.assertEqual(done.count(("restart",)), 1)

    def test_takes_the_place_of_a_cell_whose_options_are_wrong(self) -> None:
        self.execute("r1", "%restart --env A=1")
        self.restart()
        self.took()
        self.changer.fail("no such thing")
        done = self.took()
        self.assertIn(("ann shell", "r1", "execute_reply error 0"), done)
        self.assertEqual(done[-1], ("restart",))

    def test_rides_along_with_a_restart_under_way(self) -> None:
        self.execute("r1", "%restart")
        self.relay.hold()
        self.took()
        self.restart()
        self.assertFalse(self.answer()["waits"])
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        self.assertEqual(self.took(), restarted("r1", "0.00 s", number=0))

    def test_kernel_that_dies_meanwhile_is_the_restart(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.restart()
        self.took()
        self.relay.hold()
        self.assertIn(("restart",), self.took())
        self.relay.finish(1, DIED)
        self.open(2)
        self.answer_probe()
        self.relay.release(2)
        self.took()
        self.assertTrue(self.relay.restarts.waiting is None)

    def test_dead_kernel_is_started(self) -> None:
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.took()
        self.restart()
        self.assertEqual(self.took(), [self.said(), ("restart",)])

    def test_failure_after_the_answer_can_be_asked_for(self) -> None:
        """Whether a kernel can be started is looked at when its turn comes."""
        self.changer.checks = []
        self.execute("m1")
        self.start_cell("m1")
        self.restart()
        self.end_cell("m1")
        self.took()
        self.changer.checks[0].errback(ValueError("no such command"))
        self.assertEqual(self.took(), [])
        self.ask("facts", "t2")
        failed = {"request": "t1", "why": "no such command"}
        self.assertEqual(self.answer()["failed"], failed)

    def test_failure_before_the_answer_is_the_answer(self) -> None:
        self.changer.checks = []
        self.restart()
        self.assertEqual(self.took(), [])
        self.changer.checks[0].errback(ValueError("no such command"))
        self.assertEqual(self.answer()["evalue"], "no such command")

    def test_daemon_that_ends_refuses(self) -> None:
        self.decider.leaves = True
        self.restart()
        self.assertIn("the daemon is ending", self.answer()["evalue"])


class OptionsTests(RemoteCase):
    """They are checked before the answer."""

    def setUp(self) -> None:
        super().setUp()
        self.run_kernel()

    def test_answered_when_they_are_checked(self) -> None:
        self.restart("--env", "A=1")
        [(what, changes)] = self.took()
        self.assertEqual((what, changes.env), ("prepare", (("A", "1"),)))
        self.changer.settle()
        self.assertEqual(self.took(), [("apply",), self.said(), ("restart",)])

    def test_wrong_ones_are_told_and_nothing_is_restarted(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.restart("--cwd", "/nowhere")
        self.took()
        self.changer.fail("there is no folder /nowhere")
        self.assertEqual(self.answer()["evalue"], "there is no folder /nowhere")
        self.end_cell("m1")
        self.assertEqual(self.took(), ended("m1", "execute_reply ok 1"))

    def test_refused_behind_another_restart(self) -> None:
        """What they change would be lost, or come one restart too late."""
        self.execute("m1")
        self.start_cell("m1")
        self.execute("r1", "%restart")
        self.took()
        self.restart("--env", "A=1")
        self.assertIn("another restart comes first", self.answer()["evalue"])
        self.end_cell("m1")
        self.relay.hold()
        self.took()
        self.restart("--env", "A=1", msg_id="t2")
        self.assertIn("another restart comes first", self.answer()["evalue"])

    def test_now_overtakes(self) -> None:
        self.execute("m1")
        self.start_cell("m1")
        self.execute("r1", "%restart")
        self.restart("--now", "--env", "A=1")
        self.took()
        self.changer.settle()
        self.assertEqual(self.took(), [("apply",), self.said(), ("restart now",)])

    def test_answered_when_the_daemon_ends_first(self) -> None:
        self.restart("--env", "A=1")
        self.took()
        self.relay.end(SHUT_DOWN)
        self.assertIn(self.said(status="error"), self.took())
        self.changer.settle()
        self.assertEqual(self.took(), [])

    def test_answered_when_a_manager_overtakes(self) -> None:
        self.restart("--env", "A=1")
        self.took()
        why = Failure("KernelRestarted", "the kernel was restarted")
        self.relay.restarts.overtake(why, Pace.POLITE, announced=True)
        self.assertEqual(self.took(), [self.said(status="error"), ("restart",)])


class SeenTests(RemoteCase):
    """What front ends see of it."""

    def test_input_that_waits_is_freed(self) -> None:
        """As at a %restart in a cell; nothing else is shown."""
        self.run_kernel()
        self.restart()
        self.took()
        self.relay.voice.session_known = True
        self.relay.hold()
        self.assertEqual(
            self.took(), [("iopub", "(shutdown_request)", "shutdown_reply ok")]
        )

    def test_cell_that_comes_after_shows_its_own(self) -> None:
        self.run_kernel()
        self.restart()
        self.relay.hold()
        self.execute("r1", "%restart")
        self.took()
        self.relay.finish(1, ASKED)
        self.open(2)
        self.answer_probe()
        self.took()
        self.relay.release(2)
        self.assertEqual(
            self.took(),
            [
                ("iopub", "(execute_request)", "idle"),
                *begun("r1", "%restart"),
                ("restart",),
            ],
        )
        self.relay.hold()
        self.relay.finish(2, ASKED)
        self.open(3)
        self.answer_probe()
        self.took()
        self.relay.release(3)
        self.assertIn(concluded("r1", "0.00 s"), self.took())
