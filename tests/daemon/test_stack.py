"""The ways to find out where a kernel is, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from ipr.daemon.stack import ASK_TIME, LOOK_TIME, Stack, Stacks
from ipr.jupyter.messages import Draft
from ipr.jupyter.wire import Malformed
from ipr.kernel import atwork, pyspy, tree
from ipr.kernel.asking import NoAnswer
from ipr.kernel.atwork import Process
from ipr.kernel.frames import Frame, Thread
from ipr.relay.gate import Open
from tests.case import Case
from tests.daemon.test_report import FakePart
from tests.kernel.test_pythonquestion import written
from tests.requests import request

PROCESS = Process(12, "python", "sleeping", 0.0)
FRAMES = [["/tmp/ipykernel_1/2.py", 1, "<module>", "In[5]", "spin()"]]


class Envelope:
    """A reply."""

    def __init__(self, content: dict[str, Any] | None) -> None:
        self._content = content

    @property
    def content(self) -> dict[str, Any]:
        if self._content is None:
            raise Malformed("it is none")
        return self._content


class StackCase(Case):
    def setUp(self) -> None:
        self.clock = self.make_clock()
        self.asked: list[Draft] = []
        self.take: Callable[[Any], None] | None = None
        self.info: dict[str, Any] = {
            "language_info": {"name": "python"},
            "implementation": "ipython",
        }
        conversation: Any = FakePart(errands=FakePart(ask=self.ask))
        self.cell = request("m1", "execute_request", code="spin()", allow_stdin=False)
        self.cell.progress.start()
        self.cell.progress.execution_count = 5
        self.open = Open(conversation)
        self.relay: Any = FakePart(
            gate=FakePart(state=self.open),
            greetings=FakePart(
                info=FakePart(current=lambda: Draft("kernel_info_reply", self.info))
            ),
            ledger=FakePart(unfinished=lambda: [self.cell]),
            voice=FakePart(count=5),
        )
        self.restarter: Any = FakePart(
            kernel=FakePart(pid=12, command=("/venv/bin/python", "-m", "x"))
        )
        self.program = ""
        self.dumped: Deferred[tuple[Thread, ...]] = Deferred()
        self.processes = [PROCESS]
        for where, name, value in (
            (tree, "of", lambda pid: (pid, 13)),
            (atwork, "used", lambda pids: dict.fromkeys(pids, 0.0)),
            (atwork, "look", lambda _before, _seconds: self.processes),
            (atwork, "is_python", lambda pid: pid == 13),
            (pyspy, "find", self.find),
            (pyspy, "dump", self.dump),
        ):
            patch = mock.patch.object(where, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        reactor: Any = self.clock
        self.stacks = Stacks(reactor, {}, lambda: (self.relay, self.restarter))

    def ask(self, channel: str, draft: Draft, take: Callable[[Any], None]) -> None:
        self.assertEqual(channel, "control")
        self.asked.append(draft)
        self.take = take

    def answer(self, content: dict[str, Any] | None) -> None:
        assert self.take is not None
        envelope: Any = Envelope(content)
        self.take(envelope)

    def find(self, _environ: object, pythons: tuple[str, ...]) -> str:
        self.assertIn("/venv/bin/python", pythons)
        return self.program

    def dump(self, *args: Any) -> Deferred[tuple[Thread, ...]]:
        self.assertEqual(args[3], 13)
        return self.dumped

    def found(self, looking: Deferred[Stack], after: float = LOOK_TIME) -> Stack:
        """Return what comes after so many seconds, and not before."""
        untyped: Any = self
        self.clock.advance(after - 0.01)
        untyped.assertNoResult(looking)
        self.clock.advance(0.01)
        found: Stack = untyped.successResultOf(looking)
        return found


class WayTests(StackCase):
    def test_pyspy_comes_first_and_the_cells_own_lines_are_filled_in(self) -> None:
        self.program = "/bin/py-spy"
        cell = Frame("/tmp/ipykernel_1/2.py", 1, "<module>")
        self.dumped = succeed((Thread("MainThread", True, (cell,)),))
        found = self.found(self.stacks.look())
        assert found.threads is not None
        self.assertEqual(found.threads.threads[0].frames[0].text, "spin()")
        self.assertEqual(found.how, "by py-spy")
        self.assertEqual((found.processes, self.asked), ((PROCESS,), []))

    def test_an_ipykernel_is_asked_where_there_is_no_pyspy(self) -> None:
        looking = self.stacks.look()
        self.answer(written([["MainThread", True, FRAMES]]))
        found = self.found(looking)
        assert found.threads is not None
        self.assertEqual(found.threads.threads[0].frames[0].cell, "In[5]")
        self.assertEqual((found.how, found.why_not), ("by a question to ipykernel", ()))

    def test_the_question_leaves_input_as_the_running_cell_has_it(self) -> None:
        for cells, allowed in ([self.cell], False), ([], True):
            self.relay.ledger.unfinished = lambda cells=cells: cells
            looking = self.stacks.look()
            self.assertEqual(self.asked[-1].content["allow_stdin"], allowed)
            self.answer(written([]))
            self.found(looking)

    def test_a_kernel_that_keeps_the_gil_leaves_processes_and_advice(self) -> None:
        found = self.found(self.stacks.look(), ASK_TIME)
        self.assertIs(found.threads, None)
        self.assertEqual((found.processes, found.how), ((PROCESS,), "from /proc"))
        (why,) = found.why_not
        self.assertIn("did not answer within 1 s", why)
        self.assertIn("pip install py-spy", why)
        # What it says when the C code is done is of no use, and does no harm.
        self.answer(written([]))

    def test_pyspy_that_may_not_look_is_followed_by_the_question(self) -> None:
        self.program = "/bin/py-spy"
        self.dumped = fail(NoAnswer("it may not"))
        looking = self.stacks.look()
        self.answer(None)
        first, second = self.found(looking).why_not
        self.assertEqual(first, "py-spy: it may not")
        self.assertIn("did not say", second)

    def test_pyspy_is_of_no_use_where_no_process_is_python(self) -> None:
        """Behind a launcher: the kernel is on another machine."""
        self.program = "/bin/py-spy"
        with mock.patch.object(atwork, "is_python", return_value=False):
            looking = self.stacks.look()
        self.answer(written([]))
        found = self.found(looking)
        self.assertEqual(found.how, "by a question to ipykernel")

    def test_of_other_languages_there_are_processes(self) -> None:
        self.info = {"language_info": {"name": "R"}}
        found = self.found(self.stacks.look())
        self.assertEqual(found.processes, (PROCESS,))
        self.assertIn("not of R", found.why_not[0])
        self.info = {}
        self.assertIn("not of this", self.found(self.stacks.look()).why_not[0])

    def test_another_python_kernel_is_not_asked(self) -> None:
        self.info["implementation"] = "xeus-python"
        found = self.found(self.stacks.look())
        self.assertEqual(self.asked, [])
        self.assertIn("only an ipykernel", found.why_not[0])

    def test_a_kernel_in_which_no_cell_has_run_is_not_asked(self) -> None:
        """The first one opens the history of one that was a standby."""
        self.relay.ledger.unfinished = list
        self.relay.voice.count = 0
        found = self.found(self.stacks.look())
        self.assertEqual(self.asked, [])
        self.assertIn("no cell has run", found.why_not[0])

    def test_a_kernel_that_starts_is_not_asked(self) -> None:
        self.relay.gate.state = None
        found = self.found(self.stacks.look())
        self.assertEqual(self.asked, [])
        self.assertIn("not ready yet", found.why_not[0])


class EndTests(StackCase):
    def test_without_a_kernel_there_is_nothing_to_look_at(self) -> None:
        untyped: Any = self
        for kernel in (None, FakePart(pid=0)):
            self.restarter.kernel = kernel
            found = untyped.successResultOf(self.stacks.look())
            self.assertIn("no kernel is running", found.problem)

    def test_a_kernel_that_ends_meanwhile_is_said_to_have_ended(self) -> None:
        looking = self.stacks.look()
        self.answer(written([]))
        self.processes = []
        self.assertEqual(self.found(looking).problem, "the kernel has ended")

    def test_the_daemons_end_leaves_no_timer(self) -> None:
        failed: list[Any] = []
        self.stacks.look().addErrback(failed.append)
        self.stacks.look().addErrback(failed.append)
        self.answer(written([]))
        self.stacks.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual([each.type for each in failed], [CancelledError] * 2)
        self.stacks.stop()
