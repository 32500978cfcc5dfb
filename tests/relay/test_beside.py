"""Code that runs beside the cells: in which shell, and what ends it."""

from __future__ import annotations

from functools import partial
from typing import Any

from ipr.jupyter.wire import split
from ipr.kernel.pythonquestion import ASIDE
from ipr.relay.beside import AGAIN_TIME, CUT_SHORT, NO_KERNEL, SUBSHELL_TIME, Order
from ipr.relay.silently import Outcome
from tests.relay.relay_case import DIED, INFO, RelayCase


class BesideCase(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.outcomes: list[Outcome] = []
        self.begun: list[int] = []
        self.addCleanup(self.relay.beside.stop)

    def run_code(self, *, interrupts: bool = False, waits: bool = True) -> None:
        begun = partial(self.begun.append, 1)
        order = Order("save()", interrupts, waits, begun, self.outcomes.append)
        self.relay.beside.run(order)

    def sent(self) -> list[Any]:
        """Return what was sent to the kernel, or done to it, since the last time."""
        return [what for what in self.took() if what[0].startswith("kernel")]

    def own_id(self, kind: str = "execute_request") -> str:
        return self.inner.asked[kind]

    def end_code(self, status: str = "ok") -> None:
        self.end_cell(self.own_id(), status)

    RUN = ("kernel 1 shell", "(execute_request)", "execute_request: save()")
    SIGINT = ("kernel 1", "SIGINT")


class BesideTests(BesideCase):
    def test_idle_kernel_runs_it_as_a_cell(self) -> None:
        """Clients hear nothing of it."""
        self.run_kernel()
        self.run_code()
        self.assertEqual((self.sent(), self.begun), ([self.RUN], []))
        self.start_cell(self.own_id())
        self.assertEqual(self.begun, [1])
        self.kernel("iopub", "stream", self.own_id(), name="stdout", text="saved")
        self.end_code()
        self.assertEqual(self.took(), [])
        self.assertEqual(self.outcomes, [Outcome("saved")])

    def test_output_of_cells_goes_on_meanwhile(self) -> None:
        """Also what is only looked at while the code runs."""
        self.run_kernel()
        self.execute("m1")
        self.start_cell("m1")
        self.run_code()
        self.took()
        self.kernel("iopub", "stream", "m1", name="stdout", text="step 1")
        self.assertEqual(self.took(), [("iopub", "m1", "stream: step 1")])

    def test_kernel_without_subshells_runs_it_after_the_running_cell(self) -> None:
        """It queues by itself."""
        self.run_kernel()
        self.execute("m1")
        self.start_cell("m1")
        self.took()
        self.run_code()
        self.assertEqual(self.sent(), [self.RUN])

    def test_code_that_was_aborted_with_cells_is_sent_again(self) -> None:
        """As ipykernel aborts what is queued behind a cell that fails."""
        self.run_kernel()
        self.execute("m1")
        self.run_code()
        self.took()
        self.end_code("aborted")
        self.assertEqual((self.sent(), self.outcomes), ([], []))
        self.clock.advance(AGAIN_TIME)
        self.assertEqual(self.sent(), [self.RUN])
        self.end_code()
        self.assertEqual(self.outcomes, [Outcome()])

    def test_running_cell_is_interrupted_first_where_that_is_wanted(self) -> None:
        """Nothing is interrupted where nothing runs."""
        self.run_kernel()
        self.run_code(interrupts=True)
        self.assertEqual(self.sent(), [self.RUN])
        self.relay.beside.stop()
        self.execute("m1")
        self.took()
        self.run_code(interrupts=True)
        self.assertEqual(self.sent(), [self.SIGINT, self.RUN])

    def test_code_that_cannot_wait_interrupts_a_kernel_without_subshells(self) -> None:
        self.run_kernel()
        self.execute("m1")
        self.took()
        self.run_code(waits=False)
        self.assertEqual(self.sent(), [self.SIGINT, self.RUN])

    def test_code_waits_for_a_kernel_that_is_coming(self) -> None:
        """Unless it cannot wait: nothing of that kernel needs to be saved."""
        self.open()
        self.run_code()
        self.took()
        self.answer_probe()
        self.relay.release(1)
        self.assertEqual(self.sent(), [self.RUN])
        self.turn_over()
        self.assertEqual(self.outcomes, [CUT_SHORT])
        self.relay.hold()
        self.run_code(waits=False)
        self.assertEqual(self.outcomes[1:], [NO_KERNEL])

    def test_kernel_that_dies_of_it_is_not_followed_by_another_try(self) -> None:
        self.run_kernel()
        self.run_code()
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.assertEqual(self.outcomes, [CUT_SHORT])
        self.open(2)
        self.took()
        self.answer_probe()
        self.relay.release(2)
        self.assertEqual(self.sent(), [])

    def test_code_without_any_kernel_is_told_so(self) -> None:
        """Whether it is dead already, or turns out to be."""
        self.open()
        self.run_code()
        self.relay.refuse(DIED)
        self.assertEqual(self.outcomes, [NO_KERNEL])
        self.run_code()
        self.assertEqual(self.outcomes, [NO_KERNEL, NO_KERNEL])

    def test_code_whose_time_is_over_is_interrupted_and_not_heard(self) -> None:
        """Cells wait for it."""
        self.run_kernel()
        self.run_code()
        self.took()
        self.relay.beside.stop()
        self.assertEqual(self.sent(), [self.SIGINT])
        self.end_code("error")
        self.assertEqual(self.outcomes, [])

    def test_kernel_that_cannot_be_sent_to_any_more_is_no_error(self) -> None:
        """That it is gone is told in a moment."""
        self.run_kernel()
        self.inner.broken = True
        self.run_code()
        self.assertEqual(self.outcomes, [])
        self.relay.hold()
        self.relay.finish(1, DIED)
        self.assertEqual(self.outcomes, [CUT_SHORT])
        untyped: Any = self
        untyped.flushLoggedErrors()


class SubshellTests(BesideCase):
    """A kernel that has subshells, while a cell runs."""

    CREATE = (
        "kernel 1 control",
        "(create_subshell_request)",
        "create_subshell_request",
    )
    DELETE = (
        "kernel 1 control",
        "(delete_subshell_request)",
        "delete_subshell_request",
    )

    def busy(self, kind: str = "fake", **how: bool) -> None:
        """Have code run while a cell does, in a kernel of some kind."""
        features = {"supported_features": ["kernel subshells"]}
        info = {**INFO, "implementation": kind, **features}
        self.open()
        self.kernel("iopub", "status", "", execution_state="starting")
        self.kernel("shell", "kernel_info_reply", self.probe(), **info)
        self.status(self.probe(), "idle")
        self.relay.release(1)
        self.execute("m1")
        self.start_cell("m1")
        self.took()
        self.run_code(**how)

    def made(self) -> None:
        """The kernel has made a subshell."""
        asked = self.own_id("create_subshell_request")
        self.kernel("control", "create_subshell_reply", asked, subshell_id="sub")

    def test_code_runs_in_a_subshell_that_is_gone_afterwards(self) -> None:
        self.busy()
        self.assertEqual(self.sent(), [self.CREATE])
        self.made()
        self.assertEqual(self.sent(), [self.RUN])
        self.assertEqual(split(self.inner.bodies[-1]).header["subshell_id"], "sub")
        self.end_code()
        self.assertEqual(self.sent(), [self.DELETE])
        self.assertEqual(split(self.inner.bodies[-1]).content, {"subshell_id": "sub"})
        self.assertEqual(self.outcomes, [Outcome()])

    def test_the_end_of_the_code_is_not_taken_for_that_of_the_cell(self) -> None:
        """In an ipykernel; the cell may still ask its user something."""
        self.busy("ipython")
        self.made()
        content = split(self.inner.bodies[-1]).content
        self.assertEqual(content["code"], f"save()\n{ASIDE}")
        self.assertTrue(content["allow_stdin"])
        # Nor does the cell's output go elsewhere from then on.
        self.took()
        self.end_code()
        (back,) = self.sent()
        self.assertEqual(back[:2], self.RUN[:2])
        self.assertTrue("m1" in split(self.inner.bodies[-1]).content["code"])
        self.assertEqual(split(self.inner.bodies[-1]).header["subshell_id"], "sub")
        self.end_code()
        self.assertEqual(self.sent(), [self.DELETE])

    def test_code_that_cannot_wait_interrupts_nothing_there(self) -> None:
        self.busy(waits=False)
        self.assertEqual(self.sent(), [self.CREATE])

    def test_interrupt_is_preferred_where_it_is_wanted(self) -> None:
        self.busy(interrupts=True)
        self.assertEqual(self.sent(), [self.SIGINT, self.RUN])

    def test_subshell_that_does_not_come_is_not_waited_for_long(self) -> None:
        """One that comes later is not needed any more."""
        self.busy()
        self.took()
        self.clock.advance(SUBSHELL_TIME)
        self.assertEqual(self.sent(), [self.RUN])
        self.made()
        self.assertEqual(self.sent(), [self.DELETE])

    def test_code_that_hangs_in_a_subshell_is_left_alone(self) -> None:
        """The interrupt would hit the cell."""
        self.busy()
        self.made()
        self.took()
        self.relay.beside.stop()
        self.assertEqual(self.sent(), [])
