"""Who hears of it, and in which order, when no kernel is coming."""

from __future__ import annotations

from ipr.jupyter.magics import Ipr
from ipr.lifecycle.causes import Cause, Ending
from tests.relay.relay_case import (
    DIED,
    RelayCase,
    aborted,
    begun,
    ended,
    restarted,
)


class RefusingTests(RelayCase):
    """While no kernel is coming."""

    def setUp(self) -> None:
        super().setUp()
        self.relay.refuse(DIED)
        self.took()
        self.why = "DeadKernelError: the kernel died; run %restart to start a new one"

    def test_refused_cell_is_told_why(self) -> None:
        """Each cell is told why, and what to do."""
        self.execute("m1", "1+1")
        self.assertEqual(
            self.took(),
            [
                *begun("m1", "1+1"),
                ("iopub", "m1", f"error: {self.why}"),
                *ended("m1", "execute_reply error 0"),
            ],
        )

    def test_cell_of_a_notebook(self) -> None:
        """JupyterLab takes 0 for "not run": it gets 1."""
        self.execute("m1", "1+1", cell=True)
        self.assertIn(("ann shell", "m1", "execute_reply error 1"), self.took())

    def test_other_requests_get_harmless_answers(self) -> None:
        """Harmless answers."""
        self.client("m1", "history_request")
        self.client("m2", "comm_open", comm_id="c")
        self.client("m3", "kernel_info_request")
        self.client("m4", "odd_request", channel="control")
        self.assertEqual(
            [what for what in self.took() if what[2] not in ("busy", "idle")],
            [
                ("ann shell", "m1", "history_reply ok"),
                ("iopub", "m2", "comm_close"),
                ("ann shell", "m3", "kernel_info_reply ok"),
                ("ann control", "m4", "odd_reply error"),
            ],
        )

    def test_reason_for_consoles(self) -> None:
        """A client that only connects sees the reason in the banner."""
        self.client("m1", "kernel_info_request")
        self.assertEqual(self.last_content("shell")["banner"], "the kernel died")

    def test_restart_leaves_it(self) -> None:
        """It goes at once, and from then on requests are held again."""
        self.execute("m1", "%restart")
        self.assertEqual(self.took(), [*begun("m1", "%restart"), ("restart",)])
        self.relay.hold()
        self.open(2)
        self.took()
        self.execute("m2")
        self.assertEqual((self.took(), self.relay.gate.held), ([], 1))
        self.clock.advance(0.25)
        self.relay.release(2)
        self.assertEqual(
            self.took(),
            [
                *restarted("m1", "0.25 s"),
                ("kernel 2 shell", "m2", "execute_request: 1"),
            ],
        )

    def test_restart_that_fails(self) -> None:
        """The cell tells why; cells that waited for it are aborted."""
        self.execute("m1", "%restart")
        self.relay.hold()
        self.open(2)
        self.execute("m2")
        self.execute("m3", stop_on_error=False)
        self.client("m4", "history_request")
        self.took()
        self.relay.finish(2, DIED)
        self.relay.refuse(Cause(Ending.NEVER_STARTED, "no such file"))
        why = "KernelStartError: no such file; run %restart to start a new one"
        self.assertEqual(
            self.took(),
            [
                ("iopub", "m1", f"error: {why}"),
                *ended("m1", "execute_reply error 0"),
                *aborted("m2"),
                *begun("m3", "1"),
                ("iopub", "m3", f"error: {why}"),
                *ended("m3", "execute_reply error 0"),
                ("iopub", "m4", "busy"),
                *ended("m4", "history_reply ok"),
                ("iopub", "(execute_request)", "idle"),
            ],
        )

    def test_ipr_works_without_kernel(self) -> None:
        """%ipr works without any kernel."""
        self.execute("m1", "%ipr status")
        self.assertIn(("command", Ipr("status")), self.took())


class SilentKernelTests(RelayCase):
    """A kernel that never said a word, and a %restart after its end."""

    def test_nothing_is_said_in_a_session_that_nobody_knows(self) -> None:
        """No client waits for an input of it, and the session would be made up."""
        self.open()
        self.relay.finish(1, DIED)
        self.relay.refuse(DIED)
        self.execute("r", "%restart")
        self.took()
        self.relay.hold()
        self.assertEqual(self.took(), [])
